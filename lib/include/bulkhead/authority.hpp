// SPDX-License-Identifier: Apache-2.0
// The capability print-out: who holds what, one line per capability, in a form that diff and docs/authority.txt can be
// held against:
//
//     cap <holder> <slot> <type> <rights> <badge>
//
// rights: one letter each of rwxcmd (read, write, execute, control, map, derive), '-' where it is missing; badge:
// hexadecimal, '-' for none.
// It must not know: what any holder may have.
#pragma once

#include <bulkhead/format.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead {

/// The line for one capability.
std::string_view format_capability(std::span<char> storage, std::string_view holder, Selector slot,
                                   const CapSummary& capability);

/// Goes through a capability space, lowest slot first. `space` [control].
class CapabilityWalk {
public:
    CapabilityWalk() = default;
    explicit CapabilityWalk(Selector space) : space_{space} {
        const auto slots = sys::info(space);
        slots_ = slots ? static_cast<std::uint32_t>(*slots) : 0;
    }
    /// The next slot that is not empty; false at the end.
    bool next(Selector& slot, CapSummary& capability);

private:
    Selector space_{};
    std::uint32_t slots_{0};
    std::uint32_t next_{1};
};

/// Logs all of a space's capabilities.
void print_capabilities(std::string_view holder, Selector space);

} // namespace bulkhead
