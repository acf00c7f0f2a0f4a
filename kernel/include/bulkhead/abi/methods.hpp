// SPDX-License-Identifier: Apache-2.0
// One table of object x method: the kernel's decoder, the callers' stubs and docs/kernel-interface.md all come from it.
// What each method does, its arguments, errors and bound are in docs/kernel-interface.md, which is printed from this
// table and the texts in docs/generator/method_texts.hpp; a method without a text does not compile.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

enum class Method : std::uint16_t {
    // Any object that owns a page to share (Region: its range; Thread: UTCB; EventSet: bits; Vcpu: state page)
    map = 0,
    unmap,
    restore,
    info,
    // Untyped
    untyped_retype,
    // CapSpace (the invoked capability is the destination space)
    cap_mint,
    cap_move,
    cap_delete,
    cap_revoke,
    cap_inspect,
    // Stage2
    stage2_unmap,
    // Thread
    thread_configure,
    thread_schedule,
    thread_bind_events,
    thread_bind_fault,
    thread_start,
    thread_stop,
    thread_read_fault,
    // Portal
    portal_bind,
    // Vcpu
    vcpu_bind,
    vcpu_expose,
    // Interrupt
    interrupt_bind,
    interrupt_ack,
    // IoPorts
    io_in,
    io_out,
    // Offers
    offers_configure,
    offers_map,
    offers_format,
    count
};

struct MethodInfo {
    Method method;
    ObjectType object; ///< `null`: any mappable object, or any object at all (info)
    Rights rights;     ///< what the invoked capability must carry
    const char* name;
};

inline constexpr MethodInfo methods[] = {
    {Method::map, ObjectType::null, Rights::none, "map"},
    {Method::unmap, ObjectType::null, Rights::none, "unmap"},
    {Method::restore, ObjectType::region, Rights::none, "restore"},
    {Method::info, ObjectType::null, Rights::none, "info"},
    {Method::untyped_retype, ObjectType::untyped, Rights::control, "retype"},
    {Method::cap_mint, ObjectType::cap_space, Rights::control, "mint"},
    {Method::cap_move, ObjectType::cap_space, Rights::control, "move"},
    {Method::cap_delete, ObjectType::cap_space, Rights::control, "delete"},
    {Method::cap_revoke, ObjectType::cap_space, Rights::control, "revoke"},
    {Method::cap_inspect, ObjectType::cap_space, Rights::control, "inspect"},
    {Method::stage2_unmap, ObjectType::stage2, Rights::map, "unmap_range"},
    {Method::thread_configure, ObjectType::thread, Rights::control, "configure"},
    {Method::thread_schedule, ObjectType::thread, Rights::control, "schedule"},
    {Method::thread_bind_events, ObjectType::thread, Rights::control, "bind_events"},
    {Method::thread_bind_fault, ObjectType::thread, Rights::control, "bind_fault"},
    {Method::thread_start, ObjectType::thread, Rights::control, "start"},
    {Method::thread_stop, ObjectType::thread, Rights::control, "stop"},
    {Method::thread_read_fault, ObjectType::thread, Rights::control, "read_fault"},
    {Method::portal_bind, ObjectType::portal, Rights::control, "bind"},
    {Method::vcpu_bind, ObjectType::vcpu, Rights::control, "bind"},
    {Method::vcpu_expose, ObjectType::vcpu, Rights::control, "expose"},
    {Method::interrupt_bind, ObjectType::interrupt, Rights::control, "bind"},
    {Method::interrupt_ack, ObjectType::interrupt, Rights::control, "ack"},
    {Method::io_in, ObjectType::io_ports, Rights::read, "in"},
    {Method::io_out, ObjectType::io_ports, Rights::write, "out"},
    {Method::offers_configure, ObjectType::offers, Rights::control, "configure"},
    {Method::offers_map, ObjectType::offers, Rights::map, "map"},
    {Method::offers_format, ObjectType::offers, Rights::write, "format"},
};
static_assert(sizeof(methods) / sizeof(methods[0]) == static_cast<unsigned>(Method::count));

constexpr bool methods_are_in_order() {
    for (unsigned i = 0; i < static_cast<unsigned>(Method::count); ++i) {
        if (methods[i].method != static_cast<Method>(i)) {
            return false;
        }
    }
    return true;
}
static_assert(methods_are_in_order());

/// Mint: the badge argument is meant (a badge may be 0).
inline constexpr std::uint64_t mint_badged = std::uint64_t{1} << 63;
/// offers_map, in its first argument: for writing, too.
inline constexpr std::uint64_t offer_write = std::uint64_t{1} << 32;
/// Map, in its rights argument: memory type uncached (device registers).
inline constexpr std::uint64_t map_uncached = std::uint64_t{1} << 8;

/// What `inspect` returns, in one register.
struct CapSummary {
    ObjectType type;
    Rights rights;
    bool badged;
    std::uint32_t badge; ///< low 32 bits of the badge

    constexpr std::uint64_t pack() const {
        return static_cast<std::uint64_t>(type) | (static_cast<std::uint64_t>(rights) << 8) |
               (std::uint64_t{badged} << 16) | (std::uint64_t{badge} << 32);
    }
    static constexpr CapSummary unpack(std::uint64_t raw) {
        return {static_cast<ObjectType>(raw & 0xff), static_cast<Rights>((raw >> 8) & 0x3f), ((raw >> 16) & 1) != 0,
                static_cast<std::uint32_t>(raw >> 32)};
    }
};

/// Why a thread stopped.
struct FaultState {
    std::uint64_t vector; ///< exception vector, APM 2, table 8-1
    std::uint64_t error_code;
    std::uint64_t address; ///< CR2, for a page fault
    std::uint64_t rip, rsp, rflags;
    std::uint64_t gpr[16]; ///< order of `Gpr` in vcpu.hpp
};

inline constexpr std::uint32_t max_priority = 63;

} // namespace bulkhead
