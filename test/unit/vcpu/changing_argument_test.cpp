// SPDX-License-Identifier: Apache-2.0
// A guest that changes a hypercall's arguments in memory while the call runs: another vCPU can do so at any time. The
// latest moment is when the monitor has asked a component and has yet to act on the answer; there these tests do it.
// REQ-INPUT-010
#include <catch2/catch.hpp>

#include <vector>

#include "events.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

constexpr std::uint64_t list = test::scratch + 0x800;

/// A guest whose arguments are overwritten with `value` as soon as a component is asked.
struct Guest : Machine {
    std::uint8_t value{0};
    std::uint32_t questions{0};
    std::uint32_t caps{0};

    explicit Guest(std::uint8_t changed_to) : value{changed_to} {
        enter_long_mode();
        memory = [this](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            reply.value = request.which_request == bulkhead_MemoryRequest_populate_tag
                              ? request.request.populate.gfn_count
                              : request.request.decrease_reservation.gfn_count;
            change_arguments();
        };
        event = [this](const bulkhead_EventRequest&, bulkhead_EventReply& reply) {
            reply.port = 20;
            change_arguments();
            return caps;
        };
    }
    void change_arguments() {
        ++questions;
        std::fill_n(ram() + test::scratch, page_size, value);
    }
    template <typename T> xen::Result memory_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_memory_op, op, argument);
    }
    template <typename T> xen::Result event_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_event_channel_op, op, argument);
    }
    xen::Result reservation(std::uint64_t op, std::vector<std::uint64_t> gfns) {
        for (std::size_t i = 0; i < gfns.size(); ++i) {
            store(list + i * 8, gfns[i]);
        }
        xen_memory_reservation r{};
        r.extent_start.p = reinterpret_cast<xen_pfn_t*>(list);
        r.nr_extents = gfns.size();
        r.domid = DOMID_SELF;
        return memory_op(op, r);
    }
    bool there(std::uint64_t gfn) { return d().memory.page(Gfn{gfn}) != nullptr; }
};

} // namespace

TEST_CASE("what is mapped, given back and got again is what was asked for, not what the arguments say afterwards") {
    // Everything 0: valid frame numbers that would be taken for the first page. All ones: beyond every limit.
    const auto value = static_cast<std::uint8_t>(GENERATE(0x00, 0x01, 0xff));
    INFO("arguments change to " << unsigned{value});
    Guest m{value};

    CHECK(m.memory_op(XENMEM_add_to_physmap, xen_add_to_physmap{DOMID_SELF, 0, XENMAPSPACE_shared_info, 0, 0x10}) == 0);
    m.shared().evtchn_mask[0] = 0x1234;
    std::uint64_t seen = 0;
    REQUIRE(m.d().memory.read(GuestPhys{0x10000 + offsetof(shared_info, evtchn_mask)}, &seen, sizeof seen));
    CHECK(seen == 0x1234);

    CHECK(m.reservation(XENMEM_decrease_reservation, {0x50, 0x52, 0x53}) == 3);
    CHECK_FALSE(m.there(0x50));
    CHECK(m.there(0x51));
    CHECK_FALSE(m.there(0x52));
    CHECK_FALSE(m.there(0x53));
    CHECK(m.there(0));
    CHECK(m.reservation(XENMEM_populate_physmap, {0x52, 0x50}) == 2);
    CHECK(m.there(0x50));
    CHECK(m.there(0x52));
    CHECK_FALSE(m.there(0x53));

    CHECK(m.memory_op(XENMEM_remove_from_physmap, xen_remove_from_physmap{DOMID_SELF, 0x60}) == 0);
    CHECK_FALSE(m.there(0x60));
    CHECK(m.there(0));
    CHECK(m.questions == 4);
}

TEST_CASE("ports become what was asked for, not what the arguments say afterwards") {
    const auto value = static_cast<std::uint8_t>(GENERATE(0x00, 0x01, 0xff));
    INFO("arguments change to " << unsigned{value});
    Guest m{value};
    SECTION("bind_virq") {
        CHECK(m.event_op(EVTCHNOP_bind_virq, evtchn_bind_virq{VIRQ_DEBUG, 0, 0}) == 0);
        CHECK(m.v().virq_port[VIRQ_DEBUG] == 20);
        CHECK(m.v().virq_port[VIRQ_TIMER] == 0);
    }
    SECTION("bind_interdomain") {
        m.caps = 1;
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == 0);
        CHECK(m.d().ports[20].kind == PortKind::interdomain);
    }
    SECTION("close") {
        m.d().ports[9] = {PortKind::virq, 0, VIRQ_TIMER};
        m.d().ports[1] = {PortKind::virq, 0, VIRQ_DEBUG};
        CHECK(m.event_op(EVTCHNOP_close, evtchn_close{9}) == 0);
        CHECK(m.d().ports[9].kind == PortKind::closed);
        CHECK(m.d().ports[1].kind == PortKind::virq);
    }
    CHECK(m.questions == 1);
}
