// SPDX-License-Identifier: Apache-2.0
// Mapping what a capability owns into a space, and undoing it.
#pragma once

#include "cap/capabilities.hpp"
#include "object/space.hpp"

namespace bulkhead::kernel {

/// See methods.hpp, `map`. Called again with the same arguments after a preemption.
Completion map(Slot& slot, Space& space, std::uint64_t address, std::uint64_t rights_and_flags);
/// See methods.hpp, `unmap`.
Completion unmap(Slot& slot);
/// See methods.hpp, `restore`. `done`: how many pages, set when the status is ok.
[[nodiscard]] Status restore(Slot& slot, std::uint64_t offset, std::uint64_t pages, std::uint64_t rights,
                             std::uint64_t& done);
/// See methods.hpp, `unmap_range`.
Completion unmap_range(Stage2& space, GuestPhys first, std::uint64_t pages);

/// Maps one 4 KiB frame through `slot`, never executable, where nothing is mapped. Constant time.
[[nodiscard]] Status map_page(Slot& slot, Space& space, std::uint64_t address, HostPhys frame, bool write);

/// One bounded step of undoing a mapping (Environment::unmap).
[[nodiscard]] Step unmap_step(Slot& slot);
/// The space is going: the slot is mapped nowhere any more.
void forget_mapping(Slot& slot);

} // namespace bulkhead::kernel
