// SPDX-License-Identifier: Apache-2.0
// The domain component's decisions; see the header.
#include "service.hpp"

#include <utility>

#include <bulkhead/log.hpp>

#include "cap_print.hpp"
#include "neighbours.hpp"

namespace bulkhead::domain {
namespace {

constexpr std::uint64_t mib = guest_layout::mib;

Action to_action(bulkhead_Action action) {
    switch (action) {
    case bulkhead_Action_ACTION_RESTART:
        return Action::restart;
    case bulkhead_Action_ACTION_PRESERVE:
        return Action::preserve;
    default:
        return Action::destroy; // a number that this version does not know must not keep anything alive
    }
}

} // namespace

Service::Service(const Workshop& workshop, const bulkhead_BootManifest& manifest, BootImage& kernels,
                 BootImage& ramdisks)
    : workshop_{workshop}, manifest_{manifest}, kernels_{kernels}, ramdisks_{ramdisks},
      count_{manifest.domains_count < max_domains ? manifest.domains_count : max_domains} {
    for (std::uint32_t i = 0; i < count_; ++i) {
        const bulkhead_Domain& config = manifest.domains[i];
        domains_[i].record.id = DomId{static_cast<std::uint16_t>(i + 1)};
        domains_[i].record.config = &config;
        domains_[i].life =
            Lifecycle{Policy{to_action(config.on_poweroff), to_action(config.on_reboot), to_action(config.on_crash)}};
    }
}

void Service::start_all() {
    for (Domain& domain : domains()) {
        start(domain);
    }
    report_if_over();
}

void Service::start(Domain& domain) {
    DomainRecord& record = domain.record;
    domain.end_pending = false;
    const std::uint64_t begin = __builtin_ia32_rdtsc();
    const BuildFailure failure = build_domain(workshop_, kernels_, ramdisks_, record, crash_after_exits(domain));
    if (!failure.failed()) {
        domain.life.started(now_ns());
        const std::uint64_t ticks = __builtin_ia32_rdtsc() - begin;
        log("'{}' started (d{}, {} MiB, {} vcpu): {} KiB beside its RAM, built in {} us from TSC {}", record.name(),
            record.id, record.config->memory_bytes / mib, record.config->vcpus, record.beside_ram / 1024,
            microseconds(ticks), begin);
        return;
    }
    domain.life.could_not_start();
    if (failure.error != 0) {
        log("'{}' cannot be built: {}: {} (error {})", record.name(), failure.step, failure.reason, failure.error);
    } else {
        log("'{}' cannot be built: {}: {}", record.name(), failure.step, failure.reason);
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn&, CapsOut&) {
    switch (request.which_request) {
    case bulkhead_DomainRequest_ended_tag:
        reply.result = note_end(request.request.ended, who);
        break;
    case bulkhead_DomainRequest_print_capabilities_tag:
        reply.result = print_all(who);
        break;
    default:
        reply.result = -XEN_ENOSYS;
    }
    if (reply.result == -XEN_EPERM && refusals_.add()) {
        log("refused request {} of client {:x}: not its business ({} so far)", request.which_request,
            static_cast<std::uint64_t>(who), refusals_.count());
    }
}

std::int32_t Service::note_end(const bulkhead_DomainEnded& ended, ClientId who) {
    const DomId id = monitored_domain(who);
    if (id == DomId{} || id.value > count_) {
        return -XEN_EPERM;
    }
    Domain& domain = domains_[id.value - 1];
    if (domain.life.state() != State::running || domain.end_pending) {
        return -XEN_EBUSY;
    }
    domain.end_pending = true;
    domain.reason = reason_from_guest(ended.reason);
    static_assert(sizeof domain.detail == sizeof ended.detail);
    __builtin_memcpy(domain.detail, ended.detail, sizeof domain.detail);
    return 0;
}

/// In the order of their names, so that two print-outs can be compared.
std::int32_t Service::print_all(ClientId who) const {
    if (who != ClientId::root) {
        return -XEN_EPERM;
    }
    const Domain* previous = nullptr;
    for (;;) {
        const Domain* next = nullptr;
        for (const Domain& domain : domains()) {
            const auto key = [](const Domain* d) { return std::pair{d->record.name(), d->record.id}; };
            if ((previous == nullptr || key(previous) < key(&domain)) &&
                (next == nullptr || key(&domain) < key(next))) {
                next = &domain;
            }
        }
        if (next == nullptr) {
            return 0;
        }
        if (next->record.cap_space != no_selector) {
            print_capabilities(next->record);
        }
        previous = next;
    }
}

void Service::on_event(std::uint32_t bit) {
    const std::uint32_t id = domain_of_fault(bit);
    if (id == 0 || id > count_ || domains_[id - 1].life.state() != State::running) {
        return;
    }
    Domain& domain = domains_[id - 1];
    const auto vector = sys::thread_read_fault(vcpu_thread(domain.record, vcpu_of_fault(bit)));
    if (!vector) {
        return; // the fault was of an earlier life
    }
    FaultState fault{};
    __builtin_memcpy(&fault, sys::utcb().data, sizeof fault);
    log("'{}' crashed: monitor fault vector {} at RIP {:x} (address {:x}, error {:x})", domain.record.name(), *vector,
        fault.rip, fault.address, fault.error_code);
    finish(domain, EndReason::monitor_fault, {});
    report_if_over();
}

Tsc Service::deadline() const {
    for (const Domain& domain : domains()) {
        if (domain.end_pending) {
            return Tsc{1}; // has passed
        }
    }
    return Tsc{0};
}

void Service::on_timeout() {
    for (Domain& domain : domains()) {
        if (domain.end_pending) {
            finish(domain, domain.reason, domain.detail);
        }
    }
    report_if_over();
}

void Service::finish(Domain& domain, EndReason reason, std::string_view detail) {
    DomainRecord& record = domain.record;
    domain.end_pending = false;
    const Decision decision = domain.life.ended(reason, now_ns(), end_was_arranged(domain, reason));
    if (detail.empty()) {
        log("'{}' ended: {} -> {}", record.name(), reason, decision.action);
    } else {
        log("'{}' ended: {} ({}) -> {}", record.name(), reason, detail, decision.action);
    }
    if (decision.gave_up) {
        log("'{}' ended within 1 s of its start {} times in a row: not started again", record.name(),
            Lifecycle::max_soon_ends);
    }
    if (decision.action == Action::preserve) {
        stop_monitor(record);
        return;
    }
    if (const std::int32_t error = take_down_domain(record); error != 0) {
        log("'{}' cannot be taken down: error {}", record.name(), error);
        domain.life.could_not_start();
        return;
    }
    if (decision.action == Action::restart) {
        start(domain);
    }
}

void Service::report_if_over() {
    if (reported_) {
        return;
    }
    std::uint32_t failures = 0;
    for (const Domain& domain : domains()) {
        if (!domain.life.over()) {
            return;
        }
        failures += domain.life.failed() ? 1u : 0u;
    }
    reported_ = true;
    log("all domains ended");
    if (manifest_.exit_when_done) {
        (void)neighbours::all_done(failures); // root does not come back from it
    }
}

bool Service::end_was_arranged(const Domain& domain, EndReason reason) const {
    return reason == EndReason::monitor_fault && domain.life.starts() == 1 && manifest_.crash_after_exits != 0 &&
           manifest_.crash_domain == domain.record.id.value;
}

/// Only the first life of the domain: what comes after the crash is what the test wants to see.
std::uint32_t Service::crash_after_exits(const Domain& domain) const {
    return domain.life.starts() == 0 && manifest_.crash_domain == domain.record.id.value ? manifest_.crash_after_exits
                                                                                         : 0;
}

std::uint64_t Service::microseconds(std::uint64_t ticks) const {
    const std::uint64_t khz = workshop_.start.tsc_khz;
    return khz == 0 ? 0 : ticks * 1000 / khz;
}

std::uint64_t Service::now_ns() const {
    const std::uint64_t ticks = __builtin_ia32_rdtsc() - workshop_.start.boot_tsc;
    const std::uint64_t khz = workshop_.start.tsc_khz;
    return khz == 0 ? 0 : ticks / khz * 1'000'000 + ticks % khz * 1'000'000 / khz;
}

} // namespace bulkhead::domain
