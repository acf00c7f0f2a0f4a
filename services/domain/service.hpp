// SPDX-License-Identifier: Apache-2.0
// The domain component: starts the manifest's domains, hears of their ends from monitors and from the kernel, and does
// what the domain's policy says. It must not know: how a domain is built.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <manifest.pb.h>

#include "builder.hpp"
#include "lifecycle.hpp"

namespace bulkhead::domain {

class Service {
public:
    using Request = bulkhead_DomainRequest;
    using Reply = bulkhead_DomainReply;

    Service(const Workshop& workshop, const bulkhead_BootManifest& manifest, BootImage& kernels, BootImage& ramdisks);

    /// Builds and starts all domains, in the manifest's order.
    void start_all();

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);
    /// Bit d: the monitor of domain d has faulted.
    void on_event(std::uint32_t bit);
    /// Ends are dealt with once their reporter has its answer: at once, if there are any.
    Tsc deadline() const;
    void on_timeout();

private:
    struct Domain {
        DomainRecord record{};
        Lifecycle life{};
        bool end_pending{false};
        EndReason reason{EndReason::poweroff};
        char detail[sizeof(bulkhead_DomainEnded::detail)]{};
    };

    std::int32_t note_end(const bulkhead_DomainEnded& ended, ClientId who);
    std::int32_t print_all(ClientId who) const;
    void start(Domain& domain);
    void finish(Domain& domain, EndReason reason, std::string_view detail);
    void report_if_over();
    bool end_was_arranged(const Domain& domain, EndReason reason) const;
    std::uint32_t crash_after_exits(const Domain& domain) const;
    std::uint64_t now_ns() const;
    std::uint64_t microseconds(std::uint64_t ticks) const;
    std::span<Domain> domains() { return {domains_, count_}; }
    std::span<const Domain> domains() const { return {domains_, count_}; }

    const Workshop& workshop_;
    const bulkhead_BootManifest& manifest_;
    BootImage& kernels_;
    BootImage& ramdisks_;
    Domain domains_[max_domains]{};
    std::uint32_t count_{0};
    bool reported_{false};
    RefusalCounter refusals_{};
};

} // namespace bulkhead::domain
