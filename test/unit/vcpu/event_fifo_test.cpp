// SPDX-License-Identifier: Apache-2.0
// The FIFO ABI as a guest sees it: its three operations with every refusal, the way from the 2-level ABI and back, and
// what becomes of pages that the guest gives away.
// REQ-EVENT-003
#include <catch2/catch.hpp>

#include <algorithm>

#include "events.hpp"
#include "fifo_guest.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using namespace bulkhead::vcpu::test;

namespace {

constexpr std::uint64_t control_gfn = 0x180;
constexpr std::uint64_t array_gfn = 0x181;
constexpr std::uint32_t control_offset = 64;
constexpr std::uint32_t port_a = 9, port_b = 1030;

struct FifoMachine : Machine {
    bulkhead_EventReply answer{};

    FifoMachine() {
        enter_long_mode();
        event = [this](const bulkhead_EventRequest&, bulkhead_EventReply& reply) {
            reply = answer;
            return 0u;
        };
        d().ports[port_a].kind = PortKind::ipi;
        d().ports[port_b].kind = PortKind::ipi;
    }
    template <typename T> xen::Result event_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_event_channel_op, op, argument);
    }
    xen::Result init(std::uint64_t gfn = control_gfn, std::uint32_t offset = control_offset, std::uint32_t vcpu = 0) {
        return event_op(EVTCHNOP_init_control, evtchn_init_control{gfn, offset, vcpu, 0, {}});
    }
    xen::Result expand(std::uint64_t gfn = array_gfn) {
        return event_op(EVTCHNOP_expand_array, evtchn_expand_array{gfn});
    }
    xen::Result priority(std::uint32_t port, std::uint32_t value) {
        return event_op(EVTCHNOP_set_priority, evtchn_set_priority{port, value});
    }
    evtchn_fifo_control_block& block() {
        void* at = ram() + control_gfn * page_size + control_offset;
        return *static_cast<evtchn_fifo_control_block*>(at);
    }
    event_word_t* words() {
        void* at = ram() + array_gfn * page_size;
        return static_cast<event_word_t*>(at);
    }
    bool told() {
        return __atomic_exchange_n(&v().info->evtchn_upcall_pending, std::uint8_t{0}, __ATOMIC_SEQ_CST) != 0;
    }
};

} // namespace

TEST_CASE_METHOD(FifoMachine, "init_control: refusals change nothing", "[fifo]") {
    CHECK(init(control_gfn, control_offset, 1) == -XEN_ENOENT);
    CHECK(init(control_gfn, 4) == -XEN_EINVAL);
    CHECK(init(control_gfn, 4096 - 64) == -XEN_EINVAL); // 72 bytes would cross the page
    CHECK(init(control_gfn, 0xffff'fff8) == -XEN_EINVAL);
    CHECK(init(ram_bytes >> page_shift) == -XEN_EINVAL);
    CHECK(init(~std::uint64_t{0}) == -XEN_EINVAL);
    REQUIRE(d().memory.set_overlay(Gfn{0x190}, nullptr)); // a grant frame, or another domain's page
    CHECK(init(0x190) == -XEN_EINVAL);
    CHECK_FALSE(d().fifo.active());
    CHECK(expand() == -XEN_EOPNOTSUPP);
    CHECK(priority(port_a, 3) == -XEN_ENOSYS);
    CHECK(priority(4096, 3) == -XEN_EINVAL);

    CHECK(init(control_gfn, 4096 - 72) == 0);
    CHECK(load<evtchn_init_control>(scratch).link_bits == EVTCHN_FIFO_LINK_BITS);
    CHECK(init() == -XEN_EINVAL); // once per vCPU
}

TEST_CASE_METHOD(FifoMachine, "expand_array and set_priority: refusals", "[fifo]") {
    REQUIRE(init() == 0);
    CHECK(expand(ram_bytes >> page_shift) == -XEN_EINVAL);
    REQUIRE(d().memory.set_overlay(Gfn{0x190}, nullptr));
    CHECK(expand(0x190) == -XEN_EINVAL);
    CHECK(d().fifo.ports_with_word() == 0);
    CHECK(priority(port_a, EVTCHN_FIFO_PRIORITY_MIN) == 0);
    CHECK(priority(port_a, EVTCHN_FIFO_PRIORITY_MIN + 1) == -XEN_EINVAL);
    CHECK(priority(port_a, 0xffff'ffff) == -XEN_EINVAL);
    CHECK(priority(11, 3) == -XEN_EACCES); // closed
    CHECK(priority(0, 3) == -XEN_EACCES);
    CHECK(priority(max_ports, 3) == -XEN_EINVAL);
    CHECK(priority(0xffff'ffff, 3) == -XEN_EINVAL);
    for (std::uint32_t i = 0; i < Fifo::max_pages; ++i) {
        REQUIRE(expand() == 0);
    }
    CHECK(expand() == -XEN_ENOSPC);
}

TEST_CASE_METHOD(FifoMachine, "events go through the queue, and the vCPU is told when one begins", "[fifo]") {
    REQUIRE(init() == 0);
    REQUIRE(expand() == 0);
    REQUIRE(expand(array_gfn + 1) == 0);
    FifoConsumer guest{block(), words()};
    CHECK(event_op(EVTCHNOP_send, evtchn_send{port_a}) == 0);
    CHECK(told());
    CHECK(event_op(EVTCHNOP_send, evtchn_send{port_b}) == 0);
    CHECK_FALSE(told());
    CHECK(shared().evtchn_pending[port_a / 64] == 0);
    CHECK(is_pending(d(), Port{port_b}));
    CHECK(guest.all() == std::vector<std::uint32_t>{port_a, port_b});

    SECTION("unmask delivers what is pending") {
        words()[port_a] = fifo_masked;
        raise(d(), Port{port_a});
        CHECK_FALSE(told());
        CHECK(event_op(EVTCHNOP_unmask, evtchn_unmask{port_a}) == 0);
        CHECK(told());
        CHECK(guest.all() == std::vector<std::uint32_t>{port_a});
    }
    SECTION("unmask of a port that is closed, or none") {
        words()[11] = fifo_masked;
        CHECK(event_op(EVTCHNOP_unmask, evtchn_unmask{11}) == 0);
        CHECK(words()[11] == fifo_masked);
        CHECK(event_op(EVTCHNOP_unmask, evtchn_unmask{max_ports}) == -XEN_EINVAL);
    }
    SECTION("a port that is closed and opened again has the default priority and no event") {
        REQUIRE(priority(port_a, 2) == 0);
        raise(d(), Port{port_a});
        REQUIRE(event_op(EVTCHNOP_close, evtchn_close{port_a}) == 0);
        CHECK_FALSE(is_pending(d(), Port{port_a}));
        CHECK(guest.all().empty());
        answer.port = port_a;
        REQUIRE(event_op(EVTCHNOP_bind_ipi, evtchn_bind_ipi{0, 0}) == 0);
        raise(d(), Port{port_a});
        CHECK(guest.take()->priority == EVTCHN_FIFO_PRIORITY_DEFAULT);
    }
    SECTION("a poll sees a masked port") {
        words()[port_a] = fifo_masked;
        raise(d(), Port{port_a});
        CHECK(is_pending(d(), Port{port_a}));
    }
    SECTION("a new vcpu_info: the queues go on") {
        raise(d(), Port{port_a});
        REQUIRE(vcpu_operation(VCPUOP_register_vcpu_info, vcpu_register_vcpu_info{0x182, 0, 0}) == 0);
        CHECK(told());
        raise(d(), Port{port_b});
        CHECK(guest.all() == std::vector<std::uint32_t>{port_a, port_b});
    }
}

TEST_CASE_METHOD(FifoMachine, "what was pending in the 2-level ABI arrives in the queues", "[fifo]") {
    shared().evtchn_mask[0] = 1u << port_a;
    raise(d(), Port{port_a});
    raise(d(), Port{port_b});
    (void)told();
    REQUIRE(init() == 0);
    CHECK(is_pending(d(), Port{port_a}));
    CHECK(is_pending(d(), Port{port_b}));
    CHECK_FALSE(told());
    words()[port_a] = fifo_masked; // it makes the page ready before it gives it
    REQUIRE(expand() == 0);
    CHECK(words()[port_a] == (fifo_masked | fifo_pending));
    CHECK_FALSE(told());
    REQUIRE(expand(array_gfn + 1) == 0);
    CHECK(told());
    FifoConsumer guest{block(), words()};
    CHECK(guest.all() == std::vector<std::uint32_t>{port_b});
}

TEST_CASE_METHOD(FifoMachine, "reset goes back to the 2-level ABI, from which all can begin anew", "[fifo]") {
    REQUIRE(init() == 0);
    REQUIRE(expand() == 0);
    REQUIRE(event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == 0);
    CHECK(event_port_limit(d()) == 4096);
    CHECK(expand() == -XEN_EOPNOTSUPP);
    block() = {};
    answer.port = port_a;
    REQUIRE(event_op(EVTCHNOP_bind_ipi, evtchn_bind_ipi{0, 0}) == 0);
    raise(d(), Port{port_a});
    CHECK(shared().evtchn_pending[0] == 1u << port_a);
    CHECK(block().ready == 0);
    CHECK(words()[port_a] == 0);
    CHECK(init(control_gfn + 2, 0) == 0); // somewhere else
    SECTION("a reset that the component refuses changes nothing") {
        answer.result = -XEN_EIO;
        CHECK(event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == -XEN_EIO);
        CHECK(d().fifo.active());
    }
}

TEST_CASE_METHOD(FifoMachine, "pages that the guest gives away stay what they are to the queues", "[fifo]") {
    REQUIRE(init() == 0);
    REQUIRE(expand() == 0);
    // The guest maps something else over both frames: the monitor goes on with the pages that it was given.
    std::vector<std::uint8_t> other(page_size);
    REQUIRE(d().memory.set_overlay(Gfn{control_gfn}, other.data()));
    REQUIRE(d().memory.set_overlay(Gfn{array_gfn}, nullptr));
    raise(d(), Port{port_a});
    CHECK(words()[port_a] == (fifo_pending | fifo_linked));
    CHECK(block().ready != 0);
    CHECK(std::all_of(other.begin(), other.end(), [](std::uint8_t b) { return b == 0; }));
}
