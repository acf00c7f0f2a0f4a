// SPDX-License-Identifier: Apache-2.0
// What services/domain asks of the other components in a domain's life: one function per request. Results are 0 or a
// negative Xen errno. It must not know: in which order a domain is built.
#pragma once

#include <string_view>

#include <bulkhead/slots.hpp>

#include "memory_plan.hpp"

namespace bulkhead::domain::neighbours {

// services/memory
[[nodiscard]] std::int32_t allocate(DomId domain, std::uint64_t bytes, Selector into);
/// The capabilities are copied to it with the rights it needs.
struct MemoryParts {
    Selector stage2, shared_info, grant_frames;
};
[[nodiscard]] std::int32_t add_memory(DomId domain, const MemoryParts& parts, const MemoryPlan& plan);
/// Everything that was made of the domain's memory is gone when it returns.
[[nodiscard]] std::int32_t release(DomId domain);

// services/grant
/// The Offers is moved to it.
[[nodiscard]] std::int32_t add_grant(DomId domain, Selector offers, std::uint32_t max_frames,
                                     std::uint32_t max_version);
[[nodiscard]] std::int32_t remove_grant(DomId domain);

// services/event
/// `channels`: how many ports the domain may have.
[[nodiscard]] std::int32_t add_events(DomId domain, Selector events, std::uint32_t vcpus, std::uint32_t channels);
/// A port whose other end is services/console; what raises it comes into the slot.
[[nodiscard]] std::int32_t allocate_console_port(DomId domain, Port& port, Selector into);
[[nodiscard]] std::int32_t remove_events(DomId domain);

// services/console; `sender` is moved to it, the ring page copied.
[[nodiscard]] std::int32_t add_console(DomId domain, std::string_view name, Selector ring, Selector sender);
[[nodiscard]] std::int32_t remove_console(DomId domain);

// services/root
[[nodiscard]] std::int32_t all_done(std::uint32_t failures);

} // namespace bulkhead::domain::neighbours
