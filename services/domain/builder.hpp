// SPDX-License-Identifier: Apache-2.0
// Builds a domain and takes it down again. When `build` has succeeded the domain is sealed: everything that could reach
// its RAM (the RAM itself, its address spaces, the monitor's memory) lies mapped in a capability space of the domain's
// own, the vault, to which this component keeps a handle without any right. The handle keeps the vault alive; nobody
// can take anything out of it; services/memory, whose loan all of it was made of, can revoke it. It must not know: when
// and why domains start and end.
#pragma once

#include <array>

#include <bulkhead/boot_image_reader.hpp>
#include <bulkhead/names.hpp>

#include <domain.pb.h>

#include "domain_slots.hpp"
#include "sizes.hpp"

namespace bulkhead::domain {

/// What all domains are built with.
struct Workshop {
    bulkhead_ComponentStart start{};
    ElfImage monitor{};
};

/// What went into the vault, for the print-out: it cannot be asked afterwards.
struct SealedItem {
    Selector slot{};
    CapSummary summary{};
};

struct DomainRecord {
    DomId id{};
    const bulkhead_Domain* config{nullptr};
    Selector thread{}; ///< of the monitor, for the first vCPU; no_selector: not built
    Selector cap_space{};
    std::array<SealedItem, vault_slots> sealed{};
    std::uint32_t sealed_count{0};
    std::uint64_t beside_ram{0}; ///< bytes of its memory that are not the guest's

    std::string_view name() const { return config->name; }
};

/// Why a domain could not be built: what was tried, and what was wrong with it.
struct BuildFailure {
    std::string_view step{}; ///< empty: no failure
    std::string_view reason{};
    std::int32_t error{0}; ///< a neighbour's answer, if that was it

    bool failed() const { return !step.empty(); }
};

/// Makes everything and starts the monitor. After a failure the domain is taken down again.
/// `crash_after_exits`: of the monitor, for tests; 0: never.
[[nodiscard]] BuildFailure build_domain(const Workshop& workshop, BootImage& kernels, BootImage& ramdisks,
                                        DomainRecord& domain, std::uint32_t crash_after_exits);

/// The thread of the monitor that runs that vCPU.
Selector vcpu_thread(const DomainRecord& domain, std::uint32_t vcpu);
/// Stops the monitor, all its threads.
void stop_monitor(const DomainRecord& domain);

/// Tells everybody that the domain is gone and gives its memory back. Also for one that was built in part.
/// 0, or services/memory's errno: then the memory is lost and the domain must not be built again.
std::int32_t take_down_domain(DomainRecord& domain);

} // namespace bulkhead::domain
