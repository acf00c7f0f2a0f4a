// SPDX-License-Identifier: Apache-2.0
// One table of object x method: the kernel's decoder, the callers' stubs and docs/kernel-interface.md all come from it.
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
    count
};

struct MethodInfo {
    Method method;
    ObjectType object; ///< `null`: any mappable object, or any object at all (info)
    Rights rights;     ///< what the invoked capability must carry
    const char* name;
    const char* arguments; ///< rdx, r10, r8, r9 in this order; "->" the value in rdx
    const char* text;
    const char* errors; ///< besides bad_selector, bad_type, no_right
    const char* bound;  ///< on the time with interrupts off
};

inline constexpr MethodInfo methods[] = {
    {Method::map, ObjectType::null, Rights::none, "map", "space [map], address, rights (Rights | map_* flags)",
     "Maps the pages that the capability owns, all of them, at a page-aligned address of an AddressSpace or Stage2. A "
     "capability is mapped "
     "in one place at a time; a second place needs a second (derived) capability. Rights beyond the capability's are "
     "refused, and so is "
     "writable with executable in an AddressSpace. In an AddressSpace the place must be empty; in a Stage2 what was "
     "there is replaced. Uses "
     "2 MiB pages where address, frame and length allow. Memory for tables comes from the space's pool; when it runs "
     "out nothing stays mapped.",
     "bad_argument, out_of_range, already_mapped, out_of_memory, no_right", "512 entries, then preemptible"},
    {Method::unmap, ObjectType::null, Rights::none, "unmap", "",
     "Undoes `map`. Pages that something else has replaced since stay. On return no CPU translates through the "
     "mapping.",
     "not_mapped", "512 entries, then preemptible"},
    {Method::restore, ObjectType::region, Rights::none, "restore", "offset, pages (1 to 512), rights",
     "Writes a part of the Region's mapping in a Stage2 again, where something else has removed or replaced it since. "
     "When memory for tables runs out, the pages before that are there.",
     "not_mapped, bad_argument, out_of_range, out_of_memory, no_right", "512 entries"},
    {Method::info, ObjectType::null, Rights::none, "info",
     "-> size in bytes (Region, Untyped), slots (CapSpace), base | count << 32 (IoPorts, Interrupt), free pool pages "
     "(spaces), 0",
     "Tells the size of what a capability names.", "", "constant"},
    {Method::untyped_retype, ObjectType::untyped, Rights::control, "retype",
     "type | count << 8, size, destination selector -> bytes left",
     "Makes `count` (1 to 256) objects from the unused part of the Untyped; their capabilities, with all rights and "
     "derived from the Untyped's, go to "
     "consecutive empty slots of the caller's space. `size`: bytes for Untyped, Region (multiples of 4096; Regions of "
     "2 MiB or more are aligned to 2 MiB); slots "
     "for CapSpace (2 to 65536); pages for AddressSpace and Stage2 (2 to 65536: one header, the rest is the page-table "
     "pool); pages of the table for Offers (1 to 1024); 0 for the others. The memory is zeroed. An Untyped with no "
     "descendants left "
     "starts from its beginning again.",
     "bad_argument, out_of_memory, slot_in_use, out_of_range", "zeroing and initialisation preemptible every 64 KiB"},
    {Method::cap_mint, ObjectType::cap_space, Rights::control, "mint",
     "destination selector, source selector (caller's space) | rights << 32, a, b",
     "Derives a capability from one in the caller's space [derive] into an empty slot. a, b by type. Portal, EventSet, "
     "AddressSpace, Stage2: a = badge | mint_badged, only "
     "if the source has none (EventSet: below event_bits). Region: a = offset, b = size in bytes, "
     "0 = to the end. IoPorts, Interrupt: a = offset, b = count, 0 = "
     "to the end. CpuTime: a = highest priority, b = mask of CPUs, narrowed. Others: a = b = 0.",
     "bad_argument, slot_in_use, out_of_range", "constant"},
    {Method::cap_move, ObjectType::cap_space, Rights::control, "move",
     "destination selector, source selector (caller's space)",
     "Moves a capability with its place in the derivation tree and its mapping.", "slot_in_use", "constant"},
    {Method::cap_delete, ObjectType::cap_space, Rights::control, "delete", "selector",
     "Empties the slot. Its descendants become its parent's. A mapping made through it goes; an object with no "
     "capability left is destroyed.",
     "", "preemptible"},
    {Method::cap_revoke, ObjectType::cap_space, Rights::control, "revoke", "selector",
     "Deletes every descendant of the capability. Complete when it returns.", "",
     "preemptible after each descendant or 512 table entries"},
    {Method::cap_inspect, ObjectType::cap_space, Rights::control, "inspect", "selector -> CapSummary",
     "Tells type, rights and badge of a slot; an empty slot is type null, ok.", "out_of_range", "constant"},
    {Method::stage2_unmap, ObjectType::stage2, Rights::map, "unmap_range", "guest-physical address, pages",
     "Removes whatever is mapped there, whoever mapped it. Holes are no error.",
     "bad_argument, out_of_range, out_of_memory (a 2 MiB page must be split)", "512 entries, then preemptible"},
    {Method::thread_configure, ObjectType::thread, Rights::control, "configure",
     "CapSpace [control] | AddressSpace [map] << 32, entry, stack pointer, argument (in rdi)",
     "Sets what a stopped thread starts with.", "busy, out_of_range", "constant"},
    {Method::thread_schedule, ObjectType::thread, Rights::control, "schedule",
     "CpuTime [control] | cpu << 32, priority (0 to 63), budget in us, period in us",
     "Gives the thread CPU time of its own: `budget` in each `period` on that CPU. Budget 0 or budget = period: no "
     "limit, round robin. A thread without runs only on time lent by callers. "
     "For a stopped thread. Period 100 us to 1 s.",
     "busy, out_of_range, bad_argument", "constant"},
    {Method::thread_bind_events, ObjectType::thread, Rights::control, "bind_events", "EventSet [read]",
     "Signals to that set end the thread's vcpu_run with `signalled`.", "busy", "constant"},
    {Method::thread_bind_fault, ObjectType::thread, Rights::control, "bind_fault", "EventSet [write], badged",
     "That bit is signalled when the thread stops on an exception.", "bad_argument", "constant"},
    {Method::thread_start, ObjectType::thread, Rights::control, "start", "",
     "Starts a configured or stopped thread where it is.", "busy, bad_argument (not configured)", "constant"},
    {Method::thread_stop, ObjectType::thread, Rights::control, "stop", "",
     "Stops the thread, on whichever CPU it runs, before it returns. Callers that wait for it get `aborted`.", "",
     "preemptible"},
    {Method::thread_read_fault, ObjectType::thread, Rights::control, "read_fault",
     "-> vector; FaultState in the caller's Utcb::data", "Why a thread stopped.", "busy (it did not fault)",
     "constant"},
    {Method::portal_bind, ObjectType::portal, Rights::control, "bind", "Thread [control]",
     "Names the thread that handles calls. Once.", "busy", "constant"},
    {Method::vcpu_bind, ObjectType::vcpu, Rights::control, "bind", "Stage2 [map], Thread [control]",
     "Says which guest-physical space the vCPU uses and which thread alone may run it. Once.", "busy", "constant"},
    {Method::vcpu_expose, ObjectType::vcpu, Rights::control, "expose", "VcpuGroups",
     "Writes those groups of the guest's state to the state page.", "bad_argument", "constant"},
    {Method::interrupt_bind, ObjectType::interrupt, Rights::control, "bind",
     "EventSet [write], badged; trigger (0 edge, 1 level) | polarity (0 high, 1 low) << 1",
     "Delivers the interrupt as a signal, instead of where it went before. The capability must name a single "
     "interrupt. It is masked from each delivery "
     "until `ack`.",
     "bad_argument, not_supported", "constant"},
    {Method::interrupt_ack, ObjectType::interrupt, Rights::control, "ack", "", "Lets the interrupt come again.",
     "bad_argument (not bound)", "constant"},
    {Method::io_in, ObjectType::io_ports, Rights::read, "in", "port, width 1|2|4 -> value", "Reads a port.",
     "bad_argument, out_of_range", "constant"},
    {Method::io_out, ObjectType::io_ports, Rights::write, "out", "port, width 1|2|4, value", "Writes a port.",
     "bad_argument, out_of_range", "constant"},
    {Method::offers_configure, ObjectType::offers, Rights::control, "configure",
     "table: Region [derive] | Stage2 [map] << 32, RAM: Region [derive] | Region [derive] or 0 << 32",
     "Says whose pages are offered: the guest's table, which has the object's size, its guest-physical space, and the "
     "RAM that may be offered. Once. The object keeps derived capabilities to table and RAM.",
     "busy, bad_argument (the table's size)", "constant"},
    {Method::offers_map, ObjectType::offers, Rights::map, "map",
     "entry | offer_write, AddressSpace or Stage2 [write], badged | CapSpace [control] << 32, address, selector in "
     "that "
     "CapSpace",
     "Maps, for reading or also for writing, the page that an entry of the table (offers.hpp) offers at this moment to "
     "the peer which the badge of the destination names, where nothing is mapped. The entry is marked as in use until "
     "the last mapping made of it goes. The slot gets a Region capability without rights, derived from the owner's "
     "RAM: deleting or unmapping it undoes the mapping, and so does the end of the RAM, of this object, of the slot's "
     "space or of the destination.",
     "out_of_range (no such entry or address), aborted (table or space is gone), slot_in_use, no_right (not offered to "
     "that peer, or not for writing), not_mapped (the owner has no RAM there), busy (the entry has just changed, or "
     "has 65535 mappings), already_mapped, out_of_memory, bad_argument",
     "constant"},
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
