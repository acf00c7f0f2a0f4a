// SPDX-License-Identifier: Apache-2.0
// Who is connected to whom: every domain's event-channel ports, with the results that Xen's
// public/event_channel.h promises. A connection is a pair of capabilities, made when it is established and withdrawn
// when either side closes; the table says when, an `Authority` does it.
// It must not know: messages, system calls, or which bits a guest sees.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <bulkhead/abi/syscall.hpp>
#include <bulkhead/fair_pool.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::event {

/// Makes a sender's capability out of its receiver's, and takes it away from everybody.
class Authority {
public:
    /// Puts into `slot` the capability that raises `port` of `receiver`. False: it could not be made.
    [[nodiscard]] virtual bool mint(Selector slot, DomId receiver, Port port) = 0;
    /// Empties `slot` and every slot that its content was copied to.
    virtual void withdraw(Selector slot) = 0;

protected:
    ~Authority() = default;
};

enum class PortState : std::uint8_t {
    closed = EVTCHNSTAT_closed,
    unbound = EVTCHNSTAT_unbound,
    interdomain = EVTCHNSTAT_interdomain,
    virq = EVTCHNSTAT_virq,
    ipi = EVTCHNSTAT_ipi,
};

/// One port. All zero: closed.
struct PortEntry {
    PortState state{PortState::closed};
    std::uint8_t vcpu{0};
    std::uint16_t remote{0}; ///< unbound: who may connect; interdomain: the other domain, 0 for a component
    std::uint16_t peer{0};   ///< interdomain: the remote port, or the component's ClientId; virq: its number
    std::uint16_t sender{
        0}; ///< slot of the capability made for this end (for a component's channel: for the component)
};
static_assert(sizeof(PortEntry) == 8);

class PortTable {
public:
    /// The most that a domain can have: more than the 2-level ABI's, fewer than the FIFO ABI's, which are more than an
    /// EventSet has bits for.
    static constexpr std::uint32_t max_ports = 16384;
    static_assert(max_ports <= event_bits);
    static constexpr std::uint32_t bucket_ports = 64;
    using Bucket = std::array<PortEntry, bucket_ports>;
    static constexpr std::uint32_t max_buckets = max_domains * max_ports / bucket_ports;
    static constexpr std::uint32_t max_senders = 32768;
    /// What every domain can count on, whatever the others do: ports enough for its own vCPUs and a few devices, and
    /// connections for a console, a store and those devices.
    static constexpr std::uint32_t promised_buckets = 4;
    static constexpr std::uint32_t promised_senders = 16;
    /// How many ports a step of reset or of a domain's removal closes.
    static constexpr std::uint32_t step_ports = 64;
    static constexpr std::uint32_t no_limit = 0;

    struct Outcome {
        std::int32_t result{0}; ///< 0 or -errno
        Port port{};
        Selector sender{}; ///< to copy to the asker; none: there is nothing to copy
        PortState state{PortState::closed};
    };
    struct Status {
        std::int32_t result{0};
        PortEntry entry{};
    };

    struct Step {
        std::int32_t result{0};
        std::uint32_t next{0}; ///< where to go on; 0: done
    };

    /// `memory` bounds the sum of all domains' ports. Senders live in the slots from `first_sender` on.
    constexpr PortTable(Authority& authority, std::span<Bucket> memory, Selector first_sender, std::uint32_t senders)
        : authority_{authority}, memory_{memory}, first_sender_{first_sender},
          buckets_{static_cast<std::uint32_t>(memory.size()), promised_buckets}, senders_{senders, promised_senders} {}

    /// `ports`: how many the domain may have at most, port 0 counted.
    [[nodiscard]] std::int32_t add_domain(DomId domain, std::uint32_t vcpus, std::uint32_t ports);
    /// A step of it; the domain is gone with the last one.
    [[nodiscard]] Step remove_domain(DomId domain);
    bool has(DomId domain) const { return domain_of(domain.value) != nullptr; }

    /// A port connected to one of the system's components; the sender is for that component.
    [[nodiscard]] Outcome alloc_static(DomId domain, ClientId peer);
    /// New ports lie below `limit`.
    [[nodiscard]] Outcome alloc_unbound(DomId caller, std::uint32_t domain, std::uint32_t remote,
                                        std::uint32_t limit = no_limit);
    [[nodiscard]] Outcome bind_interdomain(DomId caller, std::uint32_t remote, std::uint32_t remote_port,
                                           std::uint32_t limit = no_limit);
    [[nodiscard]] Outcome bind_virq(DomId caller, std::uint32_t virq, std::uint32_t vcpu,
                                    std::uint32_t limit = no_limit);
    [[nodiscard]] Outcome bind_ipi(DomId caller, std::uint32_t vcpu, std::uint32_t limit = no_limit);
    [[nodiscard]] std::int32_t close(DomId caller, std::uint32_t port);
    /// A step of it: closes ports from `first` on.
    [[nodiscard]] Step reset(DomId caller, std::uint32_t first = 0);
    [[nodiscard]] std::int32_t bind_vcpu(DomId caller, std::uint32_t port, std::uint32_t vcpu);
    [[nodiscard]] Status status(DomId caller, std::uint32_t domain, std::uint32_t port) const;
    /// What the caller needs to send on its port. Ok without a sender: nobody listens, or the caller does it itself.
    [[nodiscard]] Outcome get_sender(DomId caller, std::uint32_t port) const;

    std::uint32_t free_senders() const { return senders_.free(); }
    std::uint32_t free_buckets() const { return buckets_.free(); }

private:
    struct Domain {
        bool present{false};
        std::uint32_t vcpus{0};
        std::uint32_t ports{0};   ///< its limit
        std::uint32_t buckets{0}; ///< it has these many so far; ports beyond them are closed
        std::uint32_t lowest{1};  ///< none below it is free
        std::array<std::uint16_t, max_ports / bucket_ports> bucket{};
    };

    const Domain* domain_of(std::uint32_t id) const {
        return id >= 1 && id <= max_domains && domains_[id].present ? &domains_[id] : nullptr;
    }
    Domain* domain_of(std::uint32_t id) {
        return id >= 1 && id <= max_domains && domains_[id].present ? &domains_[id] : nullptr;
    }
    /// One past the last port that has an entry.
    static std::uint32_t end_of(const Domain& domain) {
        return domain.buckets * bucket_ports < domain.ports ? domain.buckets * bucket_ports : domain.ports;
    }
    PortEntry& entry(const Domain& domain, std::uint32_t port) const {
        return memory_[domain.bucket[port / bucket_ports]][port % bucket_ports];
    }
    /// Null: the port is closed for want of an entry, or it is port 0, or there is none of that number.
    PortEntry* find(const Domain* domain, std::uint32_t port) const {
        return domain != nullptr && port != 0 && port < end_of(*domain) ? &entry(*domain, port) : nullptr;
    }
    /// The lowest closed port, with an entry; 0: the domain may have no more below the limit.
    std::uint32_t free_port(DomId id, Domain& domain, std::uint32_t limit);
    Selector take_sender(DomId domain);
    void give_back_sender(DomId domain, Selector sender);
    void close_entry(DomId domain, std::uint32_t port);
    void drop_sender(DomId owner, PortEntry& holder);

    Authority& authority_;
    std::span<Bucket> memory_;
    Selector first_sender_;
    FairPool<max_buckets> buckets_;
    FairPool<max_senders> senders_;
    std::array<Domain, max_domains + 1> domains_{};
};

/// Global VIRQs are bound once per domain and on vCPU 0; the others once per vCPU (public/xen.h, VIRQ_*).
constexpr bool virq_is_global(std::uint32_t virq) {
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

} // namespace bulkhead::event
