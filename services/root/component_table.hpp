// SPDX-License-Identifier: Apache-2.0
// Who the system's components are and what each may hold: the authority that root hands out, as tables.
// docs/authority.txt says the same for readers; a test compares the two. It must not know: how capabilities are made.
#pragma once

#include <string_view>

#include <bulkhead/slots.hpp>

namespace bulkhead::root {

/// The system's components in the order in which they start.
enum class Part : std::uint8_t { console, grant, event, memory, domain, count };
inline constexpr std::uint32_t part_count = static_cast<std::uint32_t>(Part::count);

struct Profile {
    std::string_view name;
    ClientId id;
    std::uint32_t cap_slots;
    std::uint32_t address_space_pages;
    Rights event_rights; ///< on its own event set
    bool own_memory;     ///< gets the memory that its manifest entry gives
};
inline constexpr Profile profiles[part_count] = {
    // The console binds the line's interrupt to its own event set: hence `write`.
    {"console", ClientId::console, 1152, 24, Rights::read | Rights::write | Rights::derive, true},
    // No memory: who can make a space can say of it that it is any peer's, and map there what that one is offered.
    {"grant", ClientId::grant, 1152, 24, Rights::read | Rights::derive, false},
    {"event", ClientId::event, 4096, 32, Rights::read | Rights::derive, true},
    {"memory", ClientId::memory, 2048, 64, Rights::read | Rights::derive, true},
    // Maps a kernel of up to 128 MiB, in 4 KiB pages, while it builds. Monitors' faults are signalled to its own event
    // set.
    {"domain", ClientId::domain, 6208, 96, Rights::read | Rights::write | Rights::derive, true},
};
constexpr const Profile& profile(Part part) {
    return profiles[static_cast<std::uint32_t>(part)];
}

/// A component may call another one's portal, with its own ClientId as badge.
struct Call {
    Part caller;
    Selector slot;
    Part callee;
};
inline constexpr Call calls[] = {
    {Part::grant, slot::console, Part::console},  {Part::event, slot::console, Part::console},
    {Part::memory, slot::console, Part::console}, {Part::memory, slot::grant, Part::grant},
    {Part::domain, slot::console, Part::console}, {Part::domain, slot::memory, Part::memory},
    {Part::domain, slot::grant, Part::grant},     {Part::domain, slot::event, Part::event},
};

/// Portals without a badge, from which services/domain mints those of its monitors.
struct Master {
    Selector slot;
    Part callee;
};
inline constexpr Master masters[] = {
    {slot::master_console, Part::console}, {slot::master_memory, Part::memory}, {slot::master_grant, Part::grant},
    {slot::master_event, Part::event},     {slot::master_domain, Part::domain},
};

/// The serial line: eight ports of a 16550 and its interrupt line.
inline constexpr std::uint64_t uart_first_port = 0x3f8;
inline constexpr std::uint64_t uart_port_count = 8;
inline constexpr std::uint64_t uart_interrupt_line = 4;

} // namespace bulkhead::root
