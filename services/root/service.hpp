// SPDX-License-Identifier: Apache-2.0
// What root does once everything runs: reports components that fault, prints the capability distribution if asked to,
// and ends the run when services/domain says that all is over. It must not know: how components were made.
#pragma once

#include <bulkhead/authority.hpp>
#include <bulkhead/server.hpp>

#include <domain.pb.h>

#include "clerk.hpp"
#include "slots.hpp"

namespace bulkhead::root {

/// What the manifest and the kernel's command line say about the end.
struct EndPolicy {
    bool exit_when_done;
    bool print_capabilities;
    std::uint32_t debug_exit_port; ///< 0: none
};

class Service {
public:
    using Request = bulkhead_RootRequest;
    using Reply = bulkhead_RootReply;

    Service(Clerk& clerk, const Machine& machine, const EndPolicy& policy)
        : clerk_{clerk}, machine_{machine}, policy_{policy} {}

    /// Everything runs. `parts`: what root holds of each component, in the order of Part.
    void begin(std::span<const Spawned> parts);
    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);
    void on_event(std::uint32_t bit);
    Tsc deadline();
    void on_timeout();

    /// The value that was, or would have been, written to the exit port; 0: it goes on.
    std::uint32_t exit_value() const { return phase_ == Phase::ended ? exit_value_ : 0; }

private:
    enum class Phase : std::uint8_t { running, monitors_print, printing, flushing, ended };

    void advance();
    /// Posts lines while the clerk has room. True when all of them are on their way.
    bool print_more();
    void end(std::uint32_t value);
    void report_fault(Part part);
    std::string_view holder_name(std::uint32_t index) const;
    Selector holder_space(std::uint32_t index) const;

    static constexpr std::uint32_t holders = part_count + 1; ///< the components, then root itself

    Clerk& clerk_;
    const Machine& machine_;
    EndPolicy policy_;
    std::span<const Spawned> parts_{};
    Phase phase_{Phase::running};
    std::uint32_t exit_value_{exit_good};
    std::uint32_t holder_{0};
    CapabilityWalk walk_{};
    bool walking_{false};
};

} // namespace bulkhead::root
