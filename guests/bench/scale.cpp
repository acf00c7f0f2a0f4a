// SPDX-License-Identifier: Apache-2.0
// Whether an operation costs more when other domains are active on the same CPU, or when the domain has many ports.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint64_t period_ns = 1'000'000;

/// With every port that the domain can have open, or the last of which it is.
std::uint32_t open_ports(bool all) {
    std::uint32_t last = bind_ipi(0);
    mask(last);
    for (bool more = all; more;) {
        evtchn_bind_ipi bind{};
        more = event_op(EVTCHNOP_bind_ipi, bind) == 0;
        if (more) {
            last = bind.port;
            mask(last);
        }
    }
    constexpr std::uint32_t all_ports = 8 * sizeof(shared_info::evtchn_pending) - 1;
    expect(!all || last == all_ports, "every port of the 2-level ABI is open");
    return last;
}

struct Names {
    const char* event;
    const char* mapping;
};

Names names() {
    if (has_word("ports")) {
        return {"event_upcall_all_ports", "grant_map_1_all_ports"};
    }
    return number_of("active", 0) == 4 ? Names{"event_upcall_4_active", "grant_map_1_4_active"}
                                       : Names{"event_upcall_16_active", "grant_map_1_16_active"};
}

} // namespace

/// Every millisecond: wakes up by its timer, sends an event to itself and takes it, and sleeps again.
void be_active() {
    set_up_events();
    const std::uint32_t port = bind_ipi(0);
    constexpr std::uint32_t said = 20; // rounds
    std::uint64_t deadline = system_time();
    for (std::uint32_t round = 0;; ++round) {
        deadline += period_ns;
        expect_ok(set_timer(deadline), "set_singleshot_timer");
        wait_for_event(timer_port());
        send(port);
        wait_for_event(port);
        if (round == said) {
            debug_port_write(Line{} << "bench: active\n");
        }
    }
}

void measure_scaled() {
    constexpr std::uint64_t until_all_are_active_ns = 100 * period_ns;
    constexpr std::uint32_t times = 1000;
    set_up_events();
    const Names row = names();
    const std::uint32_t port = open_ports(has_word("ports"));
    sleep_for(until_all_are_active_ns);
    give_back_pages(1);
    prepare_mapping(1);
    measure(row.mapping, times, [] { map_and_unmap(1); });
    measure_own_event(row.event, port);
}

} // namespace bulkhead::guest::bench
