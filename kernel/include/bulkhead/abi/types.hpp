// SPDX-License-Identifier: Apache-2.0
// The vocabulary that the kernel and its callers share: strong numbers, status codes, rights and object types.
// It must not know: how the kernel stores any of it, nor any Xen constant.
#pragma once

#include <compare>
#include <cstdint>

namespace bulkhead {

/// A number that must not mix with another kind of number. No arithmetic but what a kind asks for; `value` is public on
/// purpose, so that leaving the kind is visible at the place where it happens.
template <typename Tag, typename Rep> struct Strong {
    Rep value{0};

    constexpr Strong() = default;
    constexpr explicit Strong(Rep v) : value{v} {}
    constexpr auto operator<=>(const Strong&) const = default;
};

/// A host-physical byte address.
using HostPhys = Strong<struct HostPhysTag, std::uint64_t>;
/// A byte address in a component's address space.
using UserVirt = Strong<struct UserVirtTag, std::uint64_t>;
/// A guest-physical byte address: the input of stage 2.
using GuestPhys = Strong<struct GuestPhysTag, std::uint64_t>;
/// Index of a slot in a capability space. Slot 0 is never usable: 0 means "none".
using Selector = Strong<struct SelectorTag, std::uint32_t>;
/// Index of a logical CPU, dense from 0; CPU 0 is the bootstrap processor.
using CpuId = Strong<struct CpuIdTag, std::uint32_t>;
/// A point in time, in ticks of the (synchronised) time-stamp counter.
using Tsc = Strong<struct TscTag, std::uint64_t>;

inline constexpr std::uint64_t page_shift = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;
/// What a slot of a CapSpace takes of the Untyped that the space is made of, beside the space's header (a page at
/// most).
inline constexpr std::uint64_t cap_slot_bytes = 112;
inline constexpr std::uint64_t large_page_size = std::uint64_t{2} << 20;
/// One past the last address a component may use (lower canonical half, less one page: see SYSRET in APM 2, 2.4).
inline constexpr std::uint64_t user_end = 0x0000'7fff'ffff'f000;

inline constexpr Selector no_selector{0};

/// The outcome of every kernel operation. The kernel has changed nothing that the caller can see when it is not `ok`,
/// except where a method says so.
enum class Status : std::uint32_t {
    ok = 0,
    bad_selector = 1,   ///< no such slot, or the slot is empty
    bad_type = 2,       ///< the capability names another type of object than the method wants
    no_right = 3,       ///< the capability lacks a right that the method wants
    bad_method = 4,     ///< the object has no such method, or there is no such system call
    bad_argument = 5,   ///< an argument is malformed: misaligned, a reserved bit, an impossible combination
    out_of_range = 6,   ///< an argument lies outside the object (region, ports, CPU number, time)
    out_of_memory = 7,  ///< the Untyped, or the space's own page-table pool, is used up
    slot_in_use = 8,    ///< a destination slot is not empty
    already_mapped = 9, ///< the capability is mapped already, or (AddressSpace) something else is mapped there
    not_mapped = 10,
    busy = 11,          ///< the object is in a state that forbids it now: configured already, running, has children
    timeout = 12,       ///< the deadline passed
    aborted = 13,       ///< the other side of a call went away before it replied
    signalled = 14,     ///< returned early because the bound EventSet has news
    not_supported = 15, ///< this machine cannot do it
    count
};

enum class ObjectType : std::uint8_t {
    null = 0,
    untyped = 1,       ///< memory that can become objects
    cap_space = 2,     ///< a table of capabilities
    region = 3,        ///< a physical range that can be mapped
    address_space = 4, ///< a component's page tables
    stage2 = 5,        ///< a guest's nested page tables
    thread = 6,        ///< a thread with its (optional) scheduling context
    portal = 7,        ///< an entry point of a synchronous call
    event_set = 8,     ///< a notification of many bits
    vcpu = 9,          ///< a guest's virtual CPU
    interrupt = 10,    ///< a range of global system interrupts, or one that is bound
    io_ports = 11,     ///< a range of I/O ports
    cpu_time = 12,     ///< the authority to give threads CPU time: which CPUs, up to which priority
    offers = 13,       ///< pages that a guest offers to others, by a table of its own
    count
};

/// What a capability allows. Rights only shrink along derivation. What each one means for each object stands in
/// `methods.hpp`.
enum class Rights : std::uint8_t {
    none = 0,
    read = 1u << 0,    ///< Region: map readable. EventSet: wait.
    write = 1u << 1,   ///< Region: map writable. EventSet: signal. Portal: call. IoPorts: out. AddressSpace, Stage2: be
                       ///< where a page from an Offers is mapped. Offers: say how its table is read.
    execute = 1u << 2, ///< Region: map executable (never together with writable).
    control = 1u << 3, ///< configure, start, stop, run; Untyped: retype; CapSpace: fill and empty
    map = 1u << 4,     ///< AddressSpace, Stage2: be the destination of a mapping. Offers: map what is offered
    derive =
        1u << 5, ///< make derived capabilities from this one (copy, mint, send); without it a capability only moves
    all = 0x3f
};

constexpr Rights operator|(Rights a, Rights b) {
    return static_cast<Rights>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr Rights operator&(Rights a, Rights b) {
    return static_cast<Rights>(static_cast<std::uint8_t>(a) & static_cast<std::uint8_t>(b));
}
/// True when `have` contains every right of `want`.
constexpr bool includes(Rights have, Rights want) {
    return (have & want) == want;
}

} // namespace bulkhead
