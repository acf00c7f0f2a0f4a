// SPDX-License-Identifier: Apache-2.0
// Set-up and run loop. One turn: timers, interrupt, run (or sleep), handle what came back.
// It must not know: what exits and hypercalls do.
#include "monitor.hpp"

#include <bulkhead/sys.hpp>

#include "entry_state.hpp"
#include "events.hpp"
#include "exceptions.hpp"
#include "exits.hpp"
#include "interrupts.hpp"
#include "runstate.hpp"
#include "senders.hpp"
#include "width.hpp"

namespace bulkhead::vcpu {

namespace {

Selector selector_of(const Vcpu& v) {
    return Selector{slot::vcpu.value + v.id};
}

void start_vcpu(Domain& d, Vcpu& v, std::uint32_t id, VcpuState* state) {
    v.id = id;
    v.state = state;
    v.info = &d.shared->vcpu_info[id];
    v.pat = pat_at_reset;
    v.lapic.reset(apic_id_of(id), id == 0);
    d.clock.publish(v.info->time);
    if (id == 0) { // the others wait to be started
        set_pvh_entry(*state, d.config.entry, d.config.start_info);
        v.power.initialised = v.power.up = true;
    } else {
        set_startup_state(*state, 0, 0);
    }
    v.touch(VcpuGroups::all);
    start_runstate(d, v);
}

} // namespace

bool read_memory_map(Domain& d) {
    hvm_start_info info{};
    if (!d.memory.read(d.config.start_info, &info, sizeof info) || info.magic != XEN_HVM_START_MAGIC_VALUE ||
        info.version < 1 || info.memmap_entries == 0 || info.memmap_entries > max_e820) {
        return false;
    }
    for (std::uint32_t i = 0; i < info.memmap_entries; ++i) {
        hvm_memmap_table_entry entry{};
        if (!d.memory.read(GuestPhys{info.memmap_paddr + i * sizeof entry}, &entry, sizeof entry)) {
            return false;
        }
        d.e820[i] = {entry.addr, entry.size, entry.type};
    }
    d.e820_count = info.memmap_entries;
    return true;
}

const char* Monitor::start(const bulkhead_MonitorStart& message) {
    Domain& d = domain_;
    if (const char* wrong = read_config(message, d.config)) {
        return wrong;
    }
    d.clock = Clock{d.config.tsc_khz, d.config.boot, d.config.wall_clock_ns};
    for (std::uint32_t i = 0; i < d.config.ram_count; ++i) {
        const Config::Ram& ram = d.config.ram[i];
        if (!d.memory.add_ram(ram.first, ram.bytes, mappings_.guest_window + ram.first.value)) {
            return "overlapping memory ranges";
        }
    }
    d.memory.set_hole_bits(mappings_.hole_bits);
    if (!read_memory_map(d)) {
        return "no memory map in the start info";
    }
    d.shared = mappings_.shared;
    publish_wall_clock(d);
    d.params[HVM_PARAM_CONSOLE_PFN] = d.config.console_gfn.value;
    d.params[HVM_PARAM_CONSOLE_EVTCHN] = d.config.console_port.value;
    if (d.config.console_port.value != 0) {
        (void)d.sender_slots.reserve(slot::console_sender); // all are free yet
        give_sender(d, d.config.console_port, slot::console_sender);
    }
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        void* page = mappings_.states;
        start_vcpu(d, d.vcpus[i], i,
                   static_cast<VcpuState*>(static_cast<void*>(static_cast<std::uint8_t*>(page) + i * page_size)));
    }
    return nullptr;
}

/// Not inline: to a caller that computes `v` from an index, the compiler would compute it again and again.
[[gnu::noinline]] bool Monitor::run(Vcpu& v) {
    v.runstate.waited = sys::utcb().waited; // not the guest's time
    lock(v);
    while (!domain_.ended) {
        step(v);
    }
    flush_signal(domain_, v); // its last words
    const bool last = ++domain_.threads_left == domain_.config.vcpus;
    if (last) {
        domain_.log.flush();
    }
    unlock(v);
    return last;
}

/// A domain with one vCPU has nobody to lock out.
void Monitor::lock(Vcpu& v) {
    if (domain_.config.vcpus > 1) {
        domain_.lock.acquire(v.id);
        domain_.holder = &v;
    }
}

void Monitor::unlock(Vcpu& v) {
    if (domain_.config.vcpus > 1) {
        domain_.holder = nullptr;
        domain_.lock.release(v.id);
    }
}

void Monitor::step(Vcpu& v) {
    if (v.power.to_apply()) {
        apply_power(domain_, v);
    }
    collect_mail(domain_, v);
    if (!v.power.up) {
        sleep(v, RUNSTATE_offline, Tsc{0});
        return;
    }
    const Tsc until = fire_timers(v);
    offer_interrupt(domain_, v);
    if (v.sleep != Sleep::awake && !should_wake(domain_, v)) {
        sleep(v, RUNSTATE_blocked, until);
        return;
    }
    const bool slept = v.sleep != Sleep::awake;
    wake(v);
    enter(v, slept ? deadline(v) : until); // that of a poll is over
}

/// The counter value at which the next timer is due; 0: none is set.
[[gnu::always_inline]] inline Tsc Monitor::deadline(Vcpu& v) {
    const std::uint64_t timer = v.timers.next();
    const std::uint64_t watchdog = domain_.watchdogs.next(); // whoever runs next looks after it
    const std::uint64_t next = timer < watchdog ? timer : watchdog;
    if (next != v.deadline_ns) [[unlikely]] {
        v.deadline_ns = next;
        v.deadline = next == Timers::none ? Tsc{0} : domain_.clock.when(next);
    }
    return v.deadline;
}

/// Returns when the next one is due.
Tsc Monitor::fire_timers(Vcpu& v) {
    const Tsc due = deadline(v);
    if (due.value == 0 || domain_.processor.now() < due) {
        return due;
    }
    const std::uint64_t now = domain_.now_ns();
    if (domain_.watchdogs.next() <= now) {
        domain_.end(SHUTDOWN_watchdog, "watchdog");
    }
    const Timers::Fired fired = v.timers.expire(now);
    if (fired.timer) {
        raise_virq(domain_, v, VIRQ_TIMER);
    }
    if (fired.poll && v.sleep == Sleep::polling) {
        wake(v);
    }
    return deadline(v);
}

void Monitor::sleep(Vcpu& v, int runstate, Tsc until) {
    if (v.runstate.info.state != runstate) {
        set_runstate(domain_, v, runstate);
    }
    flush_signal(domain_, v); // what was to be sent on the way into the guest must not wait for it
    unlock(v);
    const Status status = sys::wait(thread_events(v.id), until);
    lock(v);
    if (status != Status::ok && status != Status::timeout) {
        domain_.crash(v, "cannot wait for events");
        return;
    }
    (void)take_signals(domain_, *mappings_.events[v.id]);
}

void Monitor::wake(Vcpu& v) {
    if (v.sleep != Sleep::awake) {
        v.sleep = Sleep::awake;
        v.poll_count = 0;
        v.timers.stop_poll();
    }
    if (v.runstate.info.state != RUNSTATE_running) {
        set_runstate(domain_, v, RUNSTATE_running);
        (void)publish_runstate(domain_, v, v); // an area that is gone is the guest's loss
    }
}

/// Whether the kernel has taken what the monitor changed: of a status other than ok.
bool Monitor::was_entered(Vcpu& v, Status status, Port port) {
    switch (status) {
    case Status::signalled:
    case Status::timeout:
    case Status::busy: // its registers are still on their way from another CPU
        return true;
    case Status::bad_selector:
    case Status::bad_type:
    case Status::no_right:
        if (port.value != 0) { // the other end has closed, and perhaps somebody has bound again
            send_after_failure(domain_, port);
            return false;
        }
        [[fallthrough]];
    default:
        domain_.crash(v, "the kernel refused to run the vCPU");
        return false;
    }
}

void Monitor::enter(Vcpu& v, Tsc until) {
    const Port port = v.signal_port;
    const Selector signal = port.value != 0 ? sender_of(domain_, port) : no_selector;
    v.signal_port = Port{0};
    unlock(v);
    if (v.yield) {
        v.yield = false;
        sys::yield();
    }
    const sys::RunResult result = sys::vcpu_run(selector_of(v), v.changed, signal, until);
    lock(v);
    if (has_waited(v) && v.state->cpl != 3) [[unlikely]] { // its user code cannot reach the area
        account_wait(domain_, v);
    }
    if (result.status != Status::ok && !was_entered(v, result.status, port)) [[unlikely]] {
        return;
    }
    v.changed = VcpuGroups::none;
    v.state->inject = 0; // the kernel has taken it
    settle_interrupt(v);
    const bool interrupted = reinject_interrupted(v);
    if (result.status == Status::ok) {
        if (domain_.config.crash_after_exits != 0) [[unlikely]] {
            count_exit();
        }
        handle_exit(domain_, v, result.reason, interrupted);
    } else if (result.status == Status::signalled) {
        (void)take_signals(domain_, *mappings_.events[v.id]);
    }
}

/// For the test of containment: a monitor that goes wrong takes its own domain with it and nothing else.
void Monitor::count_exit() {
    if (++exits_ >= domain_.config.crash_after_exits) {
        std::uintptr_t nowhere = 0;
        asm volatile("" : "+r"(nowhere)); // what the compiler knows to be null it would not store to
        *reinterpret_cast<volatile std::uint32_t*>(nowhere) = 0;
    }
}

} // namespace bulkhead::vcpu
