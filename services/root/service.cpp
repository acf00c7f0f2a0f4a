// SPDX-License-Identifier: Apache-2.0
// Requests and signals to root. Nothing here waits for a component: the clerk does.
// It must not know: how components were made.
#include "service.hpp"

#include <bulkhead/log.hpp>

namespace bulkhead::root {
namespace {

Tsc now() {
    return Tsc{__builtin_ia32_rdtsc()};
}

/// Exceptions by their mnemonic (APM 2, table 8-1).
std::string_view exception_name(std::uint64_t vector) {
    constexpr std::string_view names[] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "?",
                                          "#TS", "#NP", "#SS", "#GP", "#PF", "?",   "#MF", "#AC", "#MC", "#XF"};
    return vector < std::size(names) ? names[vector] : "?";
}

/// Holders in the order of their names.
constexpr Part by_name[] = {Part::console, Part::domain, Part::event, Part::grant, Part::memory};
static_assert(std::size(by_name) == part_count);

} // namespace

void Service::begin(std::span<const Spawned> parts) {
    parts_ = parts;
    if (policy_.print_capabilities) {
        phase_ = Phase::monitors_print;
        log("capabilities begin");
        clerk_.ask(Errand::print_monitors); // answered when all domains are built
        advance();
    }
}

void Service::handle(const Request& request, Reply& reply, ClientId who, CapsIn&, CapsOut&) {
    if (who != ClientId::domain) {
        reply.result = -XEN_EPERM;
        return;
    }
    if (request.which_request != bulkhead_RootRequest_all_done_tag) {
        reply.result = -XEN_ENOSYS;
        return;
    }
    const std::uint32_t failures = request.request.all_done.failures;
    if (failures == 0) {
        log("all domains have ended");
    } else {
        log("all domains have ended, {} of them badly", failures);
    }
    exit_value_ = failures == 0 ? exit_good : exit_bad;
    if (policy_.exit_when_done && phase_ == Phase::running) {
        end(exit_value_);
    }
}

void Service::on_event(std::uint32_t bit) {
    if (bit == root_event::clerk_fault) {
        clerk_.dismiss();
        log("root's clerk stopped by itself");
    } else if (bit >= root_event::first_part_fault && bit < root_event::first_part_fault + part_count) {
        report_fault(static_cast<Part>(bit - root_event::first_part_fault));
    }
    advance();
}

Tsc Service::deadline() {
    return clerk_.deadline(now());
}

void Service::on_timeout() {
    clerk_.check(now());
    advance();
}

void Service::advance() {
    if (phase_ == Phase::monitors_print && clerk_.take_finished(Errand::print_monitors)) {
        phase_ = Phase::printing;
    }
    if (phase_ == Phase::printing && print_more()) {
        log("capabilities end");
        end(exit_value_);
    }
    if (phase_ == Phase::flushing && clerk_.take_finished(Errand::flush)) {
        phase_ = Phase::ended;
        machine_.debug_exit(policy_.debug_exit_port, exit_value_);
    }
}

std::string_view Service::holder_name(std::uint32_t index) const {
    return index < part_count ? profile(by_name[index]).name : "root";
}

Selector Service::holder_space(std::uint32_t index) const {
    return index < part_count ? parts_[static_cast<std::uint32_t>(by_name[index])].cap_space : slot::cap_space;
}

bool Service::print_more() {
    char line[max_log_line];
    while (holder_ < holders && clerk_.has_room(max_log_line)) {
        if (!walking_) {
            walk_ = CapabilityWalk{holder_space(holder_)};
            walking_ = true;
        }
        Selector slot;
        CapSummary capability{};
        if (walk_.next(slot, capability)) {
            log("{}", format_capability(line, holder_name(holder_), slot, capability));
        } else {
            walking_ = false;
            ++holder_;
        }
    }
    return holder_ == holders;
}

void Service::end(std::uint32_t value) {
    exit_value_ = value;
    phase_ = Phase::flushing;
    clerk_.ask(Errand::flush);
    advance();
}

void Service::report_fault(Part part) {
    const std::string_view name = profile(part).name;
    const Selector thread = parts_[static_cast<std::uint32_t>(part)].thread;
    const auto vector = sys::thread_read_fault(thread);
    if (!vector) {
        return; // not, or no longer, stopped by a fault
    }
    FaultState fault{};
    __builtin_memcpy(&fault, sys::utcb().data, sizeof fault);
    log("component {} stopped: {} (vector {}), error {:x}, rip {:x}, address {:x}, rsp {:x}, rdi {:x}, rsi {:x}", name,
        exception_name(*vector), *vector, fault.error_code, fault.rip, fault.address, fault.rsp,
        fault.gpr[static_cast<std::uint32_t>(Gpr::rdi)], fault.gpr[static_cast<std::uint32_t>(Gpr::rsi)]);
    (void)sys::thread_stop(thread); // whoever waits for it is told
    if (part == Part::domain && policy_.exit_when_done && phase_ != Phase::flushing && phase_ != Phase::ended) {
        end(exit_bad); // nobody is left to say that all is done
    }
}

} // namespace bulkhead::root
