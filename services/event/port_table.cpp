// SPDX-License-Identifier: Apache-2.0
// The port table's operations. Each checks everything first; from its first change on it cannot fail.
#include "port_table.hpp"

namespace bulkhead::event {

namespace {

constexpr PortTable::Outcome refuse(std::int32_t error) {
    return {-error, {}, {}, PortState::closed};
}

} // namespace

std::uint32_t PortTable::free_port(DomId id, Domain& domain, std::uint32_t limit) {
    const std::uint32_t most = limit != no_limit && limit < domain.ports ? limit : domain.ports;
    const std::uint32_t end = end_of(domain);
    for (std::uint32_t port = domain.lowest; port < end && port < most; ++port) {
        if (entry(domain, port).state == PortState::closed) {
            domain.lowest = port;
            return port;
        }
    }
    if (end != 0 && end <= most) {
        domain.lowest = end;
    }
    const auto bucket = end < most ? buckets_.take(id) : std::optional<std::uint32_t>{};
    if (!bucket) {
        return 0;
    }
    memory_[*bucket] = {};
    domain.bucket[domain.buckets++] = static_cast<std::uint16_t>(*bucket);
    return end == 0 ? 1 : end;
}

Selector PortTable::take_sender(DomId domain) {
    if (senders_.used_by(domain) >= slot::max_senders) { // its monitor has no place for more
        return no_selector;
    }
    const auto index = senders_.take(domain);
    return index ? Selector{first_sender_.value + *index} : no_selector;
}

void PortTable::give_back_sender(DomId domain, Selector sender) {
    senders_.give_back(domain, sender.value - first_sender_.value);
}

std::int32_t PortTable::add_domain(DomId domain, std::uint32_t vcpus, std::uint32_t ports) {
    // Port 0 is never used: one port more than that is the least.
    if (domain.value == 0 || domain.value > max_domains || vcpus == 0 || vcpus > XEN_LEGACY_MAX_VCPUS || ports < 2 ||
        ports > max_ports) {
        return -XEN_EINVAL;
    }
    Domain& added = domains_[domain.value];
    if (added.present) {
        return -XEN_EEXIST;
    }
    if (!buckets_.join(domain)) {
        return -XEN_ENOMEM;
    }
    if (!senders_.join(domain)) {
        buckets_.leave(domain);
        return -XEN_ENOMEM;
    }
    added.present = true;
    added.vcpus = vcpus;
    added.ports = ports;
    return 0;
}

PortTable::Step PortTable::remove_domain(DomId domain) {
    const Step step = reset(domain);
    if (step.result != 0 || step.next != 0) {
        return step;
    }
    Domain* removed = domain_of(domain.value);
    for (std::uint32_t i = 0; i < removed->buckets; ++i) {
        buckets_.give_back(domain, removed->bucket[i]);
    }
    buckets_.leave(domain);
    senders_.leave(domain);
    *removed = {};
    return {};
}

PortTable::Outcome PortTable::alloc_static(DomId domain, ClientId peer) {
    Domain* owner = domain_of(domain.value);
    if (owner == nullptr) {
        return refuse(XEN_ESRCH);
    }
    if (peer < ClientId::root || peer > ClientId::console) {
        return refuse(XEN_EINVAL);
    }
    const std::uint32_t port = free_port(domain, *owner, no_limit);
    const Selector sender = port == 0 ? no_selector : take_sender(domain);
    if (sender == no_selector) {
        return refuse(XEN_ENOSPC);
    }
    if (!authority_.mint(sender, domain, Port{port})) {
        give_back_sender(domain, sender);
        return refuse(XEN_ENOMEM);
    }
    entry(*owner, port) = {PortState::interdomain, 0, 0, static_cast<std::uint16_t>(peer),
                           static_cast<std::uint16_t>(sender.value)};
    return {0, Port{port}, sender, PortState::interdomain};
}

PortTable::Outcome PortTable::alloc_unbound(DomId caller, std::uint32_t domain, std::uint32_t remote,
                                            std::uint32_t limit) {
    Domain* owner = domain_of(domain);
    if (owner == nullptr) {
        return refuse(XEN_ESRCH);
    }
    if (domain != caller.value) {
        return refuse(XEN_EPERM); // header: an unprivileged caller's <dom> must be DOMID_SELF
    }
    // Xen does not ask whether the remote domain exists, nor whether the number can be one; it must fit the type.
    if (remote > 0xffff) {
        return refuse(XEN_EINVAL);
    }
    const std::uint32_t port = free_port(caller, *owner, limit);
    if (port == 0) {
        return refuse(XEN_ENOSPC);
    }
    entry(*owner, port) = {PortState::unbound, 0, static_cast<std::uint16_t>(remote), 0, 0};
    return {0, Port{port}, {}, PortState::unbound};
}

PortTable::Outcome PortTable::bind_interdomain(DomId caller, std::uint32_t remote, std::uint32_t remote_port,
                                               std::uint32_t limit) {
    Domain* local = domain_of(caller.value);
    const Domain* other = domain_of(remote);
    if (local == nullptr || other == nullptr) {
        return refuse(XEN_ESRCH);
    }
    const std::uint32_t port = free_port(caller, *local, limit);
    if (port == 0) {
        return refuse(XEN_ENOSPC);
    }
    PortEntry* offered = find(other, remote_port);
    if (offered == nullptr || offered->state != PortState::unbound || offered->remote != caller.value) {
        return refuse(XEN_EINVAL);
    }
    const DomId remote_domain{static_cast<std::uint16_t>(remote)};
    const Selector mine = take_sender(caller);
    const Selector theirs = mine == no_selector ? no_selector : take_sender(remote_domain);
    std::int32_t error = theirs == no_selector ? XEN_ENOSPC : 0;
    if (error == 0 && !authority_.mint(mine, remote_domain, Port{remote_port})) {
        error = XEN_ENOMEM;
    } else if (error == 0 && !authority_.mint(theirs, caller, Port{port})) {
        authority_.withdraw(mine);
        error = XEN_ENOMEM;
    }
    if (error != 0) {
        if (theirs != no_selector) {
            give_back_sender(remote_domain, theirs);
        }
        if (mine != no_selector) {
            give_back_sender(caller, mine);
        }
        return refuse(error);
    }
    entry(*local, port) = {PortState::interdomain, 0, static_cast<std::uint16_t>(remote),
                           static_cast<std::uint16_t>(remote_port), static_cast<std::uint16_t>(mine.value)};
    offered->state = PortState::interdomain; // keeps the vCPU that its owner chose
    offered->peer = static_cast<std::uint16_t>(port);
    offered->sender = static_cast<std::uint16_t>(theirs.value);
    return {0, Port{port}, mine, PortState::interdomain};
}

PortTable::Outcome PortTable::bind_virq(DomId caller, std::uint32_t virq, std::uint32_t vcpu, std::uint32_t limit) {
    Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return refuse(XEN_ESRCH);
    }
    if (virq >= NR_VIRQS || (virq_is_global(virq) && vcpu != 0)) {
        return refuse(XEN_EINVAL);
    }
    if (vcpu >= owner->vcpus) {
        return refuse(XEN_ENOENT);
    }
    for (std::uint32_t port = 1; port < end_of(*owner); ++port) {
        const PortEntry& other = entry(*owner, port);
        // A global one may have moved to another vCPU since.
        if (other.state == PortState::virq && other.peer == virq && (virq_is_global(virq) || other.vcpu == vcpu)) {
            return refuse(XEN_EEXIST);
        }
    }
    const std::uint32_t port = free_port(caller, *owner, limit);
    if (port == 0) {
        return refuse(XEN_ENOSPC);
    }
    entry(*owner, port) = {PortState::virq, static_cast<std::uint8_t>(vcpu), 0, static_cast<std::uint16_t>(virq), 0};
    return {0, Port{port}, {}, PortState::virq};
}

PortTable::Outcome PortTable::bind_ipi(DomId caller, std::uint32_t vcpu, std::uint32_t limit) {
    Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return refuse(XEN_ESRCH);
    }
    if (vcpu >= owner->vcpus) {
        return refuse(XEN_ENOENT);
    }
    const std::uint32_t port = free_port(caller, *owner, limit);
    if (port == 0) {
        return refuse(XEN_ENOSPC);
    }
    entry(*owner, port) = {PortState::ipi, static_cast<std::uint8_t>(vcpu), 0, 0, 0};
    return {0, Port{port}, {}, PortState::ipi};
}

void PortTable::drop_sender(DomId owner, PortEntry& holder) {
    if (holder.sender != 0) {
        authority_.withdraw(Selector{holder.sender});
        give_back_sender(owner, Selector{holder.sender});
        holder.sender = 0;
    }
}

void PortTable::close_entry(DomId domain, std::uint32_t port) {
    Domain& owner = domains_[domain.value];
    owner.lowest = port < owner.lowest ? port : owner.lowest;
    PortEntry& closing = entry(owner, port);
    drop_sender(domain, closing);
    if (closing.state == PortState::interdomain && closing.remote != 0) {
        // The header: "the remote end is placed in the unbound state, awaiting a new connection", and from us.
        PortEntry& other = entry(domains_[closing.remote], closing.peer);
        drop_sender(DomId{closing.remote}, other);
        other = {PortState::unbound, other.vcpu, domain.value, 0, 0};
    }
    closing = {};
}

std::int32_t PortTable::close(DomId caller, std::uint32_t port) {
    const Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return -XEN_ESRCH;
    }
    const PortEntry* closing = find(owner, port);
    if (closing == nullptr || closing->state == PortState::closed) {
        return -XEN_EINVAL;
    }
    close_entry(caller, port);
    return 0;
}

PortTable::Step PortTable::reset(DomId caller, std::uint32_t first) {
    const Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return {-XEN_ESRCH, 0};
    }
    // One pass is enough: closing the first end of a loopback leaves the second, which is still to come, unbound.
    std::uint32_t closed = 0;
    for (std::uint32_t port = first == 0 ? 1 : first; port < end_of(*owner); ++port) {
        if (entry(*owner, port).state == PortState::closed) {
            continue;
        }
        if (closed == step_ports) {
            return {0, port};
        }
        close_entry(caller, port);
        ++closed;
    }
    return {};
}

std::int32_t PortTable::bind_vcpu(DomId caller, std::uint32_t port, std::uint32_t vcpu) {
    const Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return -XEN_ESRCH;
    }
    if (vcpu >= owner->vcpus) {
        return -XEN_ENOENT;
    }
    PortEntry* bound = find(owner, port);
    if (bound == nullptr) {
        return -XEN_EINVAL;
    }
    const bool movable = bound->state == PortState::unbound || bound->state == PortState::interdomain ||
                         (bound->state == PortState::virq && virq_is_global(bound->peer));
    if (!movable) {
        return -XEN_EINVAL;
    }
    bound->vcpu = static_cast<std::uint8_t>(vcpu);
    return 0;
}

PortTable::Status PortTable::status(DomId caller, std::uint32_t domain, std::uint32_t port) const {
    const Domain* owner = domain_of(domain);
    if (owner == nullptr) {
        return {-XEN_ESRCH, {}};
    }
    if (port >= owner->ports) {
        return {-XEN_EINVAL, {}};
    }
    if (domain != caller.value) {
        return {-XEN_EPERM, {}};
    }
    const PortEntry* named = find(owner, port);
    return {0, named != nullptr ? *named : PortEntry{}};
}

PortTable::Outcome PortTable::get_sender(DomId caller, std::uint32_t port) const {
    const Domain* owner = domain_of(caller.value);
    if (owner == nullptr) {
        return refuse(XEN_ESRCH);
    }
    const PortEntry* sending = find(owner, port);
    if (sending == nullptr || sending->state == PortState::closed || sending->state == PortState::virq) {
        return refuse(XEN_EINVAL); // as EVTCHNOP_send
    }
    // A component's channel: the sender here is the component's, not the domain's.
    const bool copy = sending->state == PortState::interdomain && sending->remote != 0;
    return {0, Port{port}, copy ? Selector{sending->sender} : no_selector, sending->state};
}

} // namespace bulkhead::event
