// SPDX-License-Identifier: Apache-2.0
// Rows with two threads on one CPU: calls, and signals.
#include "operations.hpp"

namespace bulkhead::operations {
namespace {

void measure_call(const char* row, Selector portal, std::uint32_t length) {
    sample(row, rounds, [&] {
        const auto start = ticks_now();
        const sys::CallResult result = sys::call(portal, {length, 0});
        const auto passed = ticks_now() - start;
        expect(result.status == Status::ok && result.info.length == length, row);
        return passed;
    });
}

} // namespace

void measure_calls(const Workers& workers) {
    measure_call("call_reply", workers.server, 0);
    measure_call("call_reply_full", workers.server, Utcb::data_size);
    measure_call("call_reply_near", workers.near_server, 0);
}

void measure_signals(const Workers& workers) {
    make(ObjectType::event_set, 0, own_slot::events);
    expect_ok(
        sys::map(own_slot::events, slot::address_space, layout::event_page_address.value, Rights::read | Rights::write),
        "an event page");
    expect_ok(sys::mint_badge(slot::cap_space, own_slot::parent, own_slot::events, Rights::write, 0), "a signal");
    auto& page = *static_cast<volatile EventPage*>(sys::pointer(layout::event_page_address));
    sample("signal", rounds, [&] {
        page.summary[0] = 0;
        page.word[0] = 0;
        const Timed signal = timed([] { return sys::signal(own_slot::parent); });
        expect(signal.status == Status::ok && page.word[0] == 1, "signal");
        return signal.ticks;
    });
    sample("signal_wake", rounds, [&] {
        const auto start = ticks_now();
        const Status status = sys::signal(workers.waiter);
        const auto woken = waiter_ran_at();
        expect(status == Status::ok && woken > start && woken < ticks_now(), "signal_wake");
        return woken - start;
    });
    expect_ok(sys::remove(own_slot::parent), "a signal goes");
}

} // namespace bulkhead::operations
