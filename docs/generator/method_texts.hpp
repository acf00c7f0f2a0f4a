// SPDX-License-Identifier: Apache-2.0
// What docs/kernel-interface.md says of each method, in the order of the kernel's table
// (kernel/include/.../methods.hpp).
#pragma once

#include <bulkhead/abi/methods.hpp>

namespace bulkhead::docs {

struct MethodText {
    Method method;
    const char* arguments; ///< rdx, r10, r8, r9 in this order; "->" the value in rdx
    const char* text;
    const char* errors; ///< besides bad_selector, bad_type, no_right
    const char* bound;  ///< on the time with interrupts off
};

inline constexpr MethodText method_texts[] = {
    {Method::map, "space [map], address, rights (Rights | map_* flags)",
     "Maps the pages that the capability owns, all of them, at a page-aligned address of an AddressSpace or Stage2. A "
     "capability is mapped "
     "in one place at a time; a second place needs a second (derived) capability. Rights beyond the capability's are "
     "refused, and so is "
     "writable with executable in an AddressSpace. In an AddressSpace the place must be empty; in a Stage2 what was "
     "there is replaced. Uses "
     "2 MiB pages where address, frame and length allow. Memory for tables comes from the space's pool; when it runs "
     "out nothing stays mapped.",
     "bad_argument, out_of_range, already_mapped, out_of_memory, no_right", "512 entries, then preemptible"},
    {Method::unmap, "",
     "Undoes `map`. Pages that something else has replaced since stay. On return no CPU translates through the "
     "mapping.",
     "not_mapped", "512 entries, then preemptible"},
    {Method::restore, "offset, pages, rights -> pages done",
     "Writes a part of the Region's mapping in a Stage2 again, where something else has removed or replaced it since: "
     "at least its first page, and as many more as one step of 64 entries has. When memory for tables runs out, the "
     "pages before that are there.",
     "not_mapped, bad_argument, out_of_range, out_of_memory, no_right", "64 entries"},
    {Method::info,
     "-> size in bytes (Region, Untyped), slots (CapSpace), base | count << 32 (IoPorts, Interrupt), free pool pages "
     "(spaces), 0",
     "Tells the size of what a capability names.", "", "constant"},
    {Method::untyped_retype, "type | count << 8, size, destination selector -> bytes left",
     "Makes `count` (1 to 256) objects from the unused part of the Untyped; their capabilities, with all rights and "
     "derived from the Untyped's, go to "
     "consecutive empty slots of the caller's space. `size`: bytes for Untyped, Region (multiples of 4096; those of "
     "multiples of 2 MiB begin at one); slots "
     "for CapSpace (2 to 65536); pages for AddressSpace and Stage2 (2 to 65536: one header, the rest is the page-table "
     "pool); pages of the table for Offers (1 to 1024); 0 for the others. The memory is zeroed. An Untyped with no "
     "descendants left "
     "starts from its beginning again.",
     "bad_argument, out_of_memory, slot_in_use, out_of_range", "zeroing and initialisation preemptible every 64 KiB"},
    {Method::cap_mint, "destination selector, source selector (caller's space) | rights << 32, a, b",
     "Derives a capability from one in the caller's space [derive] into an empty slot. a, b by type. Portal, EventSet, "
     "AddressSpace, Stage2: a = badge | mint_badged, only "
     "if the source has none (EventSet: below event_bits). Region: a = offset, b = size in bytes, "
     "0 = to the end. IoPorts, Interrupt: a = offset, b = count, 0 = "
     "to the end. CpuTime: a = highest priority, b = mask of CPUs, narrowed. Others: a = b = 0.",
     "bad_argument, slot_in_use, out_of_range", "constant"},
    {Method::cap_move, "destination selector, source selector (caller's space)",
     "Moves a capability with its place in the derivation tree and its mapping.", "slot_in_use", "constant"},
    {Method::cap_delete, "selector",
     "Empties the slot. Its descendants become its parent's. A mapping made through it goes; an object with no "
     "capability left is destroyed.",
     "", "preemptible"},
    {Method::cap_revoke, "selector", "Deletes every descendant of the capability. Complete when it returns.", "",
     "preemptible after each descendant or 512 table entries"},
    {Method::cap_inspect, "selector -> CapSummary",
     "Tells type, rights and badge of a slot; an empty slot is type null, ok.", "out_of_range", "constant"},
    {Method::stage2_unmap, "guest-physical address, pages",
     "Removes whatever is mapped there, whoever mapped it. Holes are no error.",
     "bad_argument, out_of_range, out_of_memory (a 2 MiB page must be split)", "512 entries, then preemptible"},
    {Method::thread_configure, "CapSpace [control] | AddressSpace [map] << 32, entry, stack pointer, argument (in rdi)",
     "Sets what a stopped thread starts with. Its FS base is 64 bytes below that stack pointer, for its whole life.",
     "busy, out_of_range", "constant"},
    {Method::thread_schedule, "CpuTime [control] | cpu << 32, priority (0 to 63), budget in us, period in us",
     "Gives the thread CPU time of its own: `budget` in each `period` on that CPU. Budget 0 or budget = period: no "
     "limit, round robin. A thread without runs only on time lent by callers. "
     "For a stopped thread. Period 100 us to 1 s.",
     "busy, out_of_range, bad_argument", "constant"},
    {Method::thread_bind_events, "EventSet [read]", "Signals to that set end the thread's vcpu_run with `signalled`.",
     "busy", "constant"},
    {Method::thread_bind_fault, "EventSet [write], badged",
     "That bit is signalled when the thread stops on an exception.", "bad_argument", "constant"},
    {Method::thread_start, "", "Starts a configured or stopped thread where it is.",
     "busy, bad_argument (not configured)", "constant"},
    {Method::thread_stop, "",
     "Stops the thread, on whichever CPU it runs, before it returns. Callers that wait for it get `aborted`.", "",
     "preemptible"},
    {Method::thread_read_fault, "-> vector; FaultState in the caller's Utcb::data", "Why a thread stopped.",
     "busy (it did not fault)", "constant"},
    {Method::portal_bind, "Thread [control]", "Names the thread that handles calls. Once.", "busy", "constant"},
    {Method::vcpu_bind, "Stage2 [map], Thread [control]",
     "Says which guest-physical space the vCPU uses and which thread alone may run it. Once.", "busy", "constant"},
    {Method::vcpu_expose, "VcpuGroups", "Writes those groups of the guest's state to the state page.", "bad_argument",
     "constant"},
    {Method::interrupt_bind, "EventSet [write], badged; trigger (0 edge, 1 level) | polarity (0 high, 1 low) << 1",
     "Delivers the interrupt as a signal, instead of where it went before. The capability must name a single "
     "interrupt. It is masked from each delivery "
     "until `ack`.",
     "bad_argument, not_supported", "constant"},
    {Method::interrupt_ack, "", "Lets the interrupt come again.", "bad_argument (not bound)", "constant"},
    {Method::io_in, "port, width 1|2|4 -> value", "Reads a port.", "bad_argument, out_of_range", "constant"},
    {Method::io_out, "port, width 1|2|4, value", "Writes a port.", "bad_argument, out_of_range", "constant"},
    {Method::offers_configure,
     "table: Region [derive] | Stage2 [map] << 32, RAM: Region [derive] | Region [derive] or 0 << 32",
     "Says whose pages are offered: the guest's table, its guest-physical space, and the RAM that may be offered. "
     "Once. "
     "The object keeps derived capabilities to table and RAM. The table is as large as the object says, and followed "
     "by "
     "its status words (offers.hpp) if there is room for them.",
     "busy, bad_argument (the table's size)", "constant"},
    {Method::offers_map,
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
    {Method::offers_format, "OfferFormat",
     "Says how the table is read from now on; version_1 at first. Whoever may say it clears the table in between, with "
     "the format `closed`, lest old entries offer something else when they are read anew.",
     "busy (something is mapped), bad_argument (no such format, or no status words for it)", "constant"},
};
static_assert(sizeof(method_texts) / sizeof(method_texts[0]) == sizeof(methods) / sizeof(methods[0]));
static_assert([] {
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); ++i) {
        if (method_texts[i].method != methods[i].method) {
            return false;
        }
    }
    return true;
}());

} // namespace bulkhead::docs
