// SPDX-License-Identifier: Apache-2.0
// Two guests and the event channels between them: one offers, the other connects. They play ping-pong, close and bind
// again on either side, and see what becomes of a port whose peer is gone. Command line: role=offer or role=connect,
// peer=DOMAIN, fifo (by that ABI; else 2-level), vector (upcalls by a vector of the vCPU's own; else by the callback),
// rounds=N. role=corrupt connects and then writes nonsense into its own FIFO queues for ms=N while its peer (role=send)
// sends and sends. role=limits takes all ports: channels=N are there, and after=N when a reset has ended the FIFO ABI.
#include "cpu.hpp"
#include "events.hpp"
#include "fifo.hpp"
#include "guest.hpp"
#include "random.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t millisecond = 1'000'000;
constexpr std::uint64_t patience = 20'000 * millisecond;

bool good = true;

void check(bool condition, const char* what) {
    if (!condition) {
        good = false;
        debug_port_write(Line{} << "channel: FAIL " << what << '\n');
    }
}
domid_t peer() {
    return static_cast<domid_t>(number_of("peer", 0));
}
void nap() {
    (void)set_timer(system_time() + millisecond);
    wait_for_event(timer_port());
}
/// False: patience was not enough.
template <typename F> bool wait_until(F&& condition) {
    const auto end = system_time() + patience;
    while (!condition()) {
        if (system_time() > end) {
            return false;
        }
        nap();
    }
    return true;
}

template <typename T> std::int64_t event_op(std::uint32_t operation, T& argument) {
    return hypercall(__HYPERVISOR_event_channel_op, operation, argument);
}
std::int64_t send(std::uint32_t port) {
    evtchn_send argument{port};
    return event_op(EVTCHNOP_send, argument);
}
std::int64_t close(std::uint32_t port) {
    evtchn_close argument{port};
    return event_op(EVTCHNOP_close, argument);
}
evtchn_status status(std::uint32_t port) {
    evtchn_status argument{};
    argument.dom = DOMID_SELF;
    argument.port = port;
    check(event_op(EVTCHNOP_status, argument) == 0, "status");
    return argument;
}
bool awaits_peer(std::uint32_t port) {
    const auto s = status(port);
    return s.status == EVTCHNSTAT_unbound && s.u.unbound.dom == peer();
}
bool is_connected(std::uint32_t port) {
    const auto s = status(port);
    return s.status == EVTCHNSTAT_interdomain && s.u.interdomain.dom == peer();
}

std::uint32_t offer() {
    evtchn_alloc_unbound alloc{};
    alloc.dom = DOMID_SELF;
    alloc.remote_dom = peer();
    check(event_op(EVTCHNOP_alloc_unbound, alloc) == 0, "alloc_unbound");
    check(awaits_peer(alloc.port), "an offered port is unbound");
    check(send(alloc.port) == 0, "sending to nobody");
    return alloc.port;
}
/// Whatever port the peer offers: there is no store to tell which.
std::uint32_t connect() {
    constexpr std::uint32_t last = 16;
    evtchn_bind_interdomain bind{};
    const bool found = wait_until([&] {
        for (std::uint32_t port = 1; port <= last; ++port) {
            bind.remote_dom = peer();
            bind.remote_port = port;
            if (event_op(EVTCHNOP_bind_interdomain, bind) == 0) {
                return true;
            }
        }
        return false;
    });
    check(found, "nothing to connect to");
    const auto s = status(bind.local_port);
    check(is_connected(bind.local_port) && s.u.interdomain.port == bind.remote_port, "connected to what was bound");
    return bind.local_port;
}

void ping_pong(std::uint32_t port, bool serve, std::uint64_t rounds) {
    const auto start = rdtsc();
    for (std::uint64_t i = 0; i < rounds; ++i) {
        if (serve) {
            check(send(port) == 0, "send");
        }
        wait_for_event(port);
        if (!serve) {
            check(send(port) == 0, "send back");
        }
    }
    if (serve && rounds != 0) {
        console_write(Line{} << "channel: " << rounds << " rounds, " << (rdtsc() - start) / rounds << " ticks each\n");
    }
}

/// The side that offers. Its port outlives two of the peer's.
void play_offer(std::uint64_t rounds) {
    const std::uint32_t port = offer();
    ping_pong(port, false, rounds);
    wait_for_event(port); // the peer's last words
    check(wait_until([&] { return awaits_peer(port); }), "the peer has closed: unbound again, for the peer");
    check(send(port) == 0, "sending to who has closed");
    const std::uint32_t second = offer();
    check(second != port, "two offers");
    check(wait_until([&] { return is_connected(port); }), "bound again");
    ping_pong(port, false, rounds);
    ping_pong(port, false, 1); // the peer has bound once more; what is sent goes to the new end
    check(close(port) == 0, "close");
    check(close(port) == -XEN_EINVAL, "close twice");
    check(send(port) == -XEN_EINVAL, "send on a closed port");
    check(status(port).status == EVTCHNSTAT_closed, "status of a closed port");
    check(wait_until([&] { return is_connected(second); }), "the second offer is taken");
    check(wait_until([&] { return awaits_peer(second); }), "the peer is gone: unbound");
    check(send(second) == 0, "sending to who is gone");
}

void play_connect(std::uint64_t rounds) {
    std::uint32_t port = connect();
    wait_for_event(port); // binding raises it
    ping_pong(port, true, rounds);
    check(send(port) == 0, "send before close");
    check(close(port) == 0, "close");
    for (int i = 0; i < 20; ++i) { // the peer looks every millisecond
        nap();
    }
    port = connect();
    wait_for_event(port);
    ping_pong(port, true, rounds);
    check(close(port) == 0, "close");
    port = connect();
    wait_for_event(port);
    ping_pong(port, true, 1);
    check(wait_until([&] { return awaits_peer(port); }), "the offerer has closed: unbound");
    check(send(port) == 0, "sending to who has closed");
    evtchn_bind_interdomain bind{peer(), port, 0};
    check(event_op(EVTCHNOP_bind_interdomain, bind) == -XEN_EINVAL, "binding to what is not offered");
    (void)connect(); // and ends with it
    nap();
}

/// Every port's priority is where its event is found.
void check_priorities() {
    for (std::uint32_t priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; ++priority) {
        evtchn_bind_ipi bind{};
        check(event_op(EVTCHNOP_bind_ipi, bind) == 0, "bind_ipi");
        check(set_priority(bind.port, priority) == 0, "set_priority");
        check(send(bind.port) == 0, "send to oneself");
        wait_for_event(bind.port);
        check(fifo_last_priority() == priority, "priority");
        check(close(bind.port) == 0, "close");
    }
    check(set_priority(timer_port(), EVTCHN_FIFO_MAX_QUEUES) == -XEN_EINVAL, "priority that is none");
}

void corrupt(std::uint32_t port, std::uint64_t duration) {
    Random random{number_of("seed", 3)};
    const auto end = system_time() + duration;
    std::uint64_t writes = 0;
    while (system_time() < end) {
        const auto value = static_cast<std::uint32_t>(random.next() >> 20);
        switch (random.below(4)) {
        case 0:
            fifo_control().head[random.below(EVTCHN_FIFO_MAX_QUEUES)] = value;
            break;
        case 1:
            fifo_control().ready = value;
            break;
        case 2:
            fifo_word(port) = value;
            break;
        default:
            fifo_word(static_cast<std::uint32_t>(random.below(fifo_ports))) = value;
        }
        (void)send(port);
        asm volatile("sti; nop; cli" : : : "memory");
        ++writes;
    }
    console_write(Line{} << "channel: wrote nonsense " << writes << " times\n");
    // Reset and the 2-level ABI: whatever was in the queues, all can begin anew.
    evtchn_reset reset{DOMID_SELF};
    check(event_op(EVTCHNOP_reset, reset) == 0, "reset");
    evtchn_bind_ipi bind{};
    check(event_op(EVTCHNOP_bind_ipi, bind) == 0 && send(bind.port) == 0, "bind and send after the reset");
    constexpr std::uint32_t word_bits = 8 * sizeof(xen_ulong_t);
    check(((shared().evtchn_pending[bind.port / word_bits] >> (bind.port % word_bits)) & 1) != 0, "the 2-level bit");
}

/// Sends as fast as it can (`pause`: with pauses) until the other end is gone.
void send_all_the_time(std::uint32_t port) {
    check(wait_until([&] { return is_connected(port); }), "bound");
    std::uint64_t sent = 0;
    while (is_connected(port)) {
        for (int i = 0; i < 16; ++i) {
            check(send(port) == 0, "send");
            ++sent;
        }
        if (has_word("pause")) {
            nap();
        }
    }
    check(awaits_peer(port), "the peer has closed: unbound");
    console_write(Line{} << "channel: sent " << sent << " events\n");
}

/// Takes every port that there is, and resets the whole table.
void take_all(std::uint64_t channels, std::uint64_t channels_after) {
    for (int turn = 0; turn < 2; ++turn) {
        evtchn_bind_ipi bind{};
        std::uint32_t most = 0;
        while (event_op(EVTCHNOP_bind_ipi, bind) == 0) {
            most = bind.port > most ? bind.port : most;
        }
        console_write(Line{} << "channel: ports up to " << most << '\n');
        check(most == (turn == 0 ? channels : channels_after), "number of ports");
        check(event_op(EVTCHNOP_bind_ipi, bind) == -XEN_ENOSPC, "one too many");
        check(send(most) == 0, "send on the last port");
        check(close(most) == 0 && event_op(EVTCHNOP_bind_ipi, bind) == 0 && bind.port == most, "the last port again");
        if (turn == 0) {
            evtchn_reset reset{DOMID_SELF};
            const auto start = rdtsc();
            check(event_op(EVTCHNOP_reset, reset) == 0, "reset");
            debug_port_write(Line{} << "channel: reset took " << (rdtsc() - start) << " ticks\n");
            check(status(most).status == EVTCHNSTAT_closed, "closed by the reset");
        }
    }
}

} // namespace

void guest_main() {
    set_up_events();
    if (has_word("fifo")) {
        check(use_fifo_events() == 0, "FIFO ABI");
        nap(); // the timer's port, bound before, has gone along
        check_priorities();
    }
    if (has_word("vector")) {
        constexpr std::uint8_t lowest = 16, own = 0xe0;
        xen_hvm_evtchn_upcall_vector exception{0, lowest - 1};
        check(hypercall(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, exception) == -XEN_EINVAL,
              "a vector that is an exception's");
        check(use_upcall_vector(own) == 0, "upcall vector");
    }
    const auto rounds = number_of("rounds", 100);
    if (word_is("role", "offer")) {
        play_offer(rounds);
    } else if (word_is("role", "connect")) {
        play_connect(rounds);
    } else if (word_is("role", "corrupt")) {
        corrupt(connect(), number_of("ms", 50) * millisecond);
    } else if (word_is("role", "limits")) {
        take_all(number_of("channels", 0), number_of("after", number_of("channels", 0)));
    } else {
        send_all_the_time(offer());
    }
    const auto verdict = Line{} << "channel: " << (good ? "PASS" : "FAIL") << '\n';
    console_write(verdict);
    debug_port_write(verdict); // after a reset, the console has no port
}

} // namespace bulkhead::guest
