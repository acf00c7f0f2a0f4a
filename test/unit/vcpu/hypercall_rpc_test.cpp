// SPDX-License-Identifier: Apache-2.0
// The hypercalls that ask other components: what they ask, and what becomes of the answer.
// REQ-INPUT-006
#include <catch2/catch.hpp>

#include "events.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

struct Guest : Machine {
    Guest() { enter_long_mode(); }

    template <typename T> xen::Result event_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_event_channel_op, op, argument);
    }
    template <typename T> xen::Result memory_op(std::uint64_t op, const T& argument) {
        return operation(__HYPERVISOR_memory_op, op, argument);
    }
    template <typename T> T result() { return load<T>(test::scratch); }
};

constexpr std::uint32_t console_sender = slot::console_sender.value;
constexpr std::uint32_t second_sender = console_sender + 1; ///< the first one that is free

} // namespace

TEST_CASE("add_to_physmap: shared info is seen where the guest sees it") {
    Guest m;
    std::vector<bulkhead_MemoryAddToPhysmap> asked;
    std::int32_t answer = 0;
    m.memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_add_to_physmap_tag);
        asked.push_back(request.request.add_to_physmap);
        reply.result = answer;
    };
    const auto add = [&](unsigned space, std::uint64_t index, std::uint64_t gfn, domid_t domain = DOMID_SELF) {
        return m.memory_op(XENMEM_add_to_physmap, xen_add_to_physmap{domain, 0, space, index, gfn});
    };
    m.shared().evtchn_mask[0] = 0x1234;
    CHECK(add(XENMAPSPACE_shared_info, 0, 0x10) == 0);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].space == bulkhead_PhysmapSpace_PHYSMAP_SHARED_INFO);
    CHECK(asked[0].gfn == 0x10);
    std::uint64_t seen = 0;
    REQUIRE(m.d().memory.read(GuestPhys{0x10000 + 2560}, &seen, 8));
    CHECK(seen == 0x1234);
    CHECK(add(XENMAPSPACE_shared_info, 0, 0x11) == 0); // moves
    CHECK(m.d().memory.page(Gfn{0x10}) == nullptr);    // what was there is given back, and does not come again

    SECTION("a failure changes nothing") {
        answer = -XEN_EINVAL;
        CHECK(add(XENMAPSPACE_shared_info, 3, 0x12) == -XEN_EINVAL);
        CHECK(m.d().memory.page(Gfn{0x11}) != m.ram() + 0x11000);
        CHECK(m.d().memory.page(Gfn{0x12}) == m.ram() + 0x12000);
    }
    SECTION("grant frames and status frames") {
        CHECK(add(XENMAPSPACE_grant_table, 1, 0x20) == 0);
        CHECK(asked.back().space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE);
        CHECK(asked.back().index == 1);
        CHECK(m.d().memory.page(Gfn{0x20}) == nullptr);
        CHECK(add(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status | 2, 0x7f'ffff) == 0);
        CHECK(asked.back().space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_STATUS);
        CHECK(asked.back().index == 2);
    }
    SECTION("what is refused at the edge") {
        const std::size_t before = asked.size();
        CHECK(add(XENMAPSPACE_gmfn_foreign, 0, 1) == -XEN_ENOSYS);
        CHECK(add(XENMAPSPACE_dev_mmio, 0, 1) == -XEN_EINVAL);
        CHECK(add(6, 0, 1) == -XEN_EINVAL);
        CHECK(add(XENMAPSPACE_shared_info, 0, 1, 3) == -XEN_EPERM);
        CHECK(add(XENMAPSPACE_shared_info, 0, 1, DOMID_IO) == -XEN_ESRCH);
        CHECK(asked.size() == before);
    }
    SECTION("the place of the shared info is taken by something else") {
        CHECK(add(XENMAPSPACE_grant_table, 0, 0x11) == 0);
        CHECK(m.d().memory.page(Gfn{0x11}) == nullptr);
        CHECK(add(XENMAPSPACE_shared_info, 0, 0x12) == 0);
        CHECK(m.d().memory.page(Gfn{0x11}) == nullptr);
    }
    SECTION("a component that does not answer") {
        m.call_status = Status::aborted;
        CHECK(add(XENMAPSPACE_shared_info, 0, 0x13) == -XEN_EIO);
    }
}

TEST_CASE("memory queries and the memory map") {
    Guest m;
    m.memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_query_tag);
        reply.value = 1000 + static_cast<std::uint64_t>(request.request.query.what);
    };
    const xen_memory_domain self{DOMID_SELF};
    CHECK(m.memory_op(XENMEM_current_reservation, self) == 1000);
    CHECK(m.memory_op(XENMEM_maximum_reservation, self) == 1001);
    CHECK(m.memory_op(XENMEM_maximum_gpfn, self) == 1002);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page) == 1003);
    CHECK(m.memory_op(XENMEM_maximum_gpfn, xen_memory_domain{1}) == -XEN_EPERM);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, test::scratch) == -XEN_EPERM);

    constexpr std::uint64_t buffer = test::scratch + 0x100;
    xen_memory_map map{};
    map.nr_entries = 128;
    map.buffer.p = reinterpret_cast<void*>(buffer);
    CHECK(m.memory_op(XENMEM_memory_map, map) == 0);
    CHECK(m.result<xen_memory_map>().nr_entries == 2);
    CHECK(m.load<E820Entry>(buffer + 20).address == 0x10'0000);
    CHECK(m.load<E820Entry>(buffer + 20).type == 1);
    map.nr_entries = 1;
    CHECK(m.memory_op(XENMEM_memory_map, map) == 0);
    CHECK(m.result<xen_memory_map>().nr_entries == 1);
    map.buffer.p = reinterpret_cast<void*>(test::unmapped);
    CHECK(m.memory_op(XENMEM_memory_map, map) == -XEN_EFAULT);
}

TEST_CASE("event channels: opening ports") {
    Guest m;
    bulkhead_EventRequest asked{};
    bulkhead_EventReply answer{};
    std::uint32_t caps = 0;
    m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply& reply) {
        asked = request;
        reply = answer;
        return caps;
    };
    answer.port = 20;
    SECTION("alloc_unbound") {
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_SELF, 4, 0}) == 0);
        CHECK(m.result<evtchn_alloc_unbound>().port == 20);
        CHECK(asked.request.alloc_unbound.domain == test::own_domain);
        CHECK(asked.request.alloc_unbound.remote == 4);
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_SELF, DOMID_SELF, 0}) == 0);
        CHECK(asked.request.alloc_unbound.remote == test::own_domain);
        CHECK(asked.request.alloc_unbound.limit == 4096);
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_IO, 4, 0}) == -XEN_ESRCH);
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_SELF, DOMID_IO, 0}) == 0);
        CHECK(asked.request.alloc_unbound.remote == DOMID_IO); // as in Xen: a port that nobody can connect to
        answer.result = -XEN_EPERM;
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{3, 4, 0}) == -XEN_EPERM);
        CHECK(asked.request.alloc_unbound.domain == 3); // the component knows whether there is one
        answer.result = -XEN_ENOSPC;
        CHECK(m.event_op(EVTCHNOP_alloc_unbound, evtchn_alloc_unbound{DOMID_SELF, 4, 55}) == -XEN_ENOSPC);
        CHECK(m.result<evtchn_alloc_unbound>().port == 55);
    }
    SECTION("bind_interdomain gives the port a sender, and raises it") {
        caps = 1;
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == 0);
        CHECK(m.result<evtchn_bind_interdomain>().local_port == 20);
        CHECK(m.receive_selector == second_sender);
        CHECK(is_pending(m.d(), Port{20}));
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{20}) == 0);
        CHECK(m.v().signal_port.value == 20);
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{DOMID_IO, 7, 0}) == -XEN_ESRCH);
    }
    SECTION("bind_interdomain that fails keeps nothing") {
        caps = 1;
        answer.result = -XEN_EINVAL;
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == -XEN_EINVAL);
        CHECK(m.removed == std::vector<std::uint32_t>{second_sender});
        caps = 0;
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == -XEN_EINVAL);
        CHECK(m.receive_selector == second_sender); // it was free again
    }
    SECTION("no place for another sender: the component is not asked") {
        while (m.d().sender_slots.allocate()) {
        }
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == -XEN_ENOSPC);
        CHECK(asked.which_request == 0);
    }
    SECTION("places of senders that peers have taken away are found again") {
        caps = 1;
        REQUIRE(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == 0);
        while (m.d().sender_slots.allocate()) {
        }
        m.inspect_status = Status::bad_selector;
        answer.port = 21;
        CHECK(m.event_op(EVTCHNOP_bind_interdomain, evtchn_bind_interdomain{2, 7, 0}) == 0);
        CHECK(m.d().ports[20].kind == PortKind::unknown);
        CHECK(m.d().ports[21].kind == PortKind::interdomain);
    }
    SECTION("bind_virq") {
        CHECK(m.event_op(EVTCHNOP_bind_virq, evtchn_bind_virq{VIRQ_TIMER, 0, 0}) == 0);
        CHECK(m.result<evtchn_bind_virq>().port == 20);
        raise_virq(m.d(), m.v(), VIRQ_TIMER);
        CHECK(is_pending(m.d(), Port{20}));
        CHECK(asked.request.bind_virq.limit == 4096);
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{20}) == -XEN_EINVAL);
        // The component refuses these; one that does not is not believed.
        CHECK(m.event_op(EVTCHNOP_bind_virq, evtchn_bind_virq{NR_VIRQS, 0, 0}) == -XEN_EIO);
        CHECK(m.event_op(EVTCHNOP_bind_virq, evtchn_bind_virq{VIRQ_TIMER, 1, 0}) == -XEN_EIO);
        answer.result = -XEN_EINVAL;
        CHECK(m.event_op(EVTCHNOP_bind_virq, evtchn_bind_virq{VIRQ_CONSOLE, 9, 0}) == -XEN_EINVAL);
        CHECK(asked.request.bind_virq.vcpu == 9);
    }
    SECTION("bind_ipi, and sending on it") {
        CHECK(m.event_op(EVTCHNOP_bind_ipi, evtchn_bind_ipi{0, 0}) == 0);
        CHECK(m.result<evtchn_bind_ipi>().port == 20);
        CHECK(m.event_op(EVTCHNOP_bind_ipi, evtchn_bind_ipi{1, 0}) == -XEN_ENOENT);
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{20}) == 0);
        CHECK(is_pending(m.d(), Port{20}));
        CHECK(m.v().signal_port.value == 0);
    }
    SECTION("an answer that makes no sense") {
        for (const std::uint32_t port : {0u, max_ports, 0xffff'ffffu}) {
            answer.port = port;
            CHECK(m.event_op(EVTCHNOP_bind_ipi, evtchn_bind_ipi{0, 0}) == -XEN_EIO);
        }
    }
    SECTION("what is not offered") {
        CHECK(m.event_op(EVTCHNOP_bind_pirq, evtchn_bind_pirq{}) == -XEN_EPERM);
        CHECK(m.hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, test::unmapped) == -XEN_EFAULT);
        CHECK(m.hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority + 1, test::scratch) == -XEN_ENOSYS);
        CHECK(asked.which_request == 0);
    }
}

TEST_CASE("event channels: sending") {
    Guest m;
    std::int32_t answer = 0;
    std::uint32_t caps = 0;
    std::uint32_t asked = 0;
    m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply& reply) {
        REQUIRE(request.which_request == bulkhead_EventRequest_get_sender_tag);
        CHECK(request.request.get_sender.port == 9);
        CHECK(m.receive_selector == second_sender);
        ++asked;
        reply.result = answer;
        return caps;
    };
    SECTION("the console's port has its sender from the start") {
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{test::console_port}) == 0);
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{test::console_port}) == 0);
        CHECK(m.v().signal_port.value == test::console_port); // goes with the next entry, once
        CHECK(m.signals.empty());
        CHECK(asked == 0);
    }
    SECTION("a second port's signal pushes the first one out") {
        m.d().ports[9].kind = PortKind::interdomain;
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{test::console_port}) == 0);
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{9}) == 0);
        CHECK(m.signals == std::vector<std::uint32_t>{console_sender});
        CHECK(m.v().signal_port.value == 9);
    }
    SECTION("an unbound port: nobody there yet, then somebody") {
        m.d().ports[9].kind = PortKind::unbound;
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{9}) == 0);
        CHECK(m.v().signal_port.value == 0);
        caps = 1;
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{9}) == 0);
        CHECK(m.v().signal_port.value == 9);
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{9}) == 0);
        CHECK(asked == 2);
    }
    SECTION("ports that cannot be") {
        for (const std::uint32_t port : {0u, 5u, 4096u, 0xffff'ffffu}) {
            CHECK(m.event_op(EVTCHNOP_send, evtchn_send{port}) == -XEN_EINVAL);
            // As in Xen, unmasking a port that is closed does nothing, and one that cannot be is an error.
            CHECK(m.event_op(EVTCHNOP_unmask, evtchn_unmask{port}) == (port < 4096 ? 0 : -XEN_EINVAL));
            if (port != 5) {
                CHECK(m.event_op(EVTCHNOP_close, evtchn_close{port}) == -XEN_EINVAL);
                CHECK(m.event_op(EVTCHNOP_bind_vcpu, evtchn_bind_vcpu{port, 0}) == -XEN_EINVAL);
            }
        }
        CHECK(asked == 0);
    }
    SECTION("the component says that the port is none") {
        m.d().ports[9].kind = PortKind::unknown;
        answer = -XEN_EINVAL;
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{9}) == -XEN_EINVAL);
    }
}

TEST_CASE("event channels: close, status, bind_vcpu, unmask, reset") {
    Guest m;
    bulkhead_EventReply answer{};
    bulkhead_EventRequest asked{};
    m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply& reply) {
        asked = request;
        reply = answer;
        return 0u;
    };
    m.d().ports[9] = {PortKind::virq, 0, VIRQ_TIMER};
    m.v().virq_port[VIRQ_TIMER] = 9;
    raise(m.d(), Port{9});
    SECTION("close") {
        answer.result = -XEN_EINVAL;
        CHECK(m.event_op(EVTCHNOP_close, evtchn_close{9}) == -XEN_EINVAL);
        CHECK(m.v().virq_port[VIRQ_TIMER] == 9);
        answer.result = 0;
        CHECK(m.event_op(EVTCHNOP_close, evtchn_close{9}) == 0);
        CHECK(m.v().virq_port[VIRQ_TIMER] == 0);
        CHECK_FALSE(is_pending(m.d(), Port{9}));
        CHECK(m.d().ports[9].kind == PortKind::closed);
    }
    SECTION("closing a port whose signal has not left yet") {
        CHECK(m.event_op(EVTCHNOP_send, evtchn_send{test::console_port}) == 0);
        SECTION("alone") {
            CHECK(m.event_op(EVTCHNOP_close, evtchn_close{test::console_port}) == 0);
        }
        SECTION("with all others") {
            CHECK(m.event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == 0);
        }
        CHECK(m.v().signal_port.value == 0);
        CHECK(m.signals == std::vector<std::uint32_t>{console_sender}); // it arrives
        REQUIRE_FALSE(m.removed.empty());
        CHECK(m.removed.front() == console_sender);
    }
    SECTION("status") {
        answer.status = EVTCHNSTAT_interdomain;
        answer.remote = 2;
        answer.remote_port = 33;
        CHECK(m.event_op(EVTCHNOP_status, evtchn_status{DOMID_SELF, 9, 0, 0, {}}) == 0);
        const auto status = m.result<evtchn_status>();
        CHECK(status.status == EVTCHNSTAT_interdomain);
        CHECK(status.u.interdomain.dom == 2);
        CHECK(status.u.interdomain.port == 33);
        CHECK(asked.request.status.domain == test::own_domain);
        CHECK(m.event_op(EVTCHNOP_status, evtchn_status{DOMID_IO, 9, 0, 0, {}}) == -XEN_ESRCH);
        answer.result = -XEN_EPERM;
        CHECK(m.event_op(EVTCHNOP_status, evtchn_status{2, 9, 77, 0, {}}) == -XEN_EPERM);
        CHECK(asked.request.status.domain == 2);
        CHECK(m.result<evtchn_status>().status == 77);
    }
    SECTION("bind_vcpu") {
        CHECK(m.event_op(EVTCHNOP_bind_vcpu, evtchn_bind_vcpu{9, 0}) == 0);
        CHECK(m.event_op(EVTCHNOP_bind_vcpu, evtchn_bind_vcpu{9, 1}) == -XEN_ENOENT);
    }
    SECTION("unmask") {
        m.shared().evtchn_mask[0] = 1u << 9;
        CHECK(m.event_op(EVTCHNOP_unmask, evtchn_unmask{9}) == 0);
        CHECK(m.shared().evtchn_mask[0] == 0);
    }
    SECTION("reset") {
        CHECK(m.event_op(EVTCHNOP_reset, evtchn_reset{1}) == -XEN_EPERM);
        CHECK(m.event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == 0);
        CHECK(m.d().ports[9].kind == PortKind::closed);
        CHECK(m.d().ports[test::console_port].kind == PortKind::closed);
        CHECK_FALSE(is_pending(m.d(), Port{9}));
    }
    SECTION("reset in steps") {
        std::vector<std::uint32_t> from;
        m.d().ports[70].kind = PortKind::ipi;
        m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply& reply) {
            from.push_back(request.request.reset.first);
            reply.next = from.size() == 1 ? 70u : 0u;
            CHECK(m.d().ports[70].kind == PortKind::ipi);
            CHECK((from.size() == 1) == (m.d().ports[9].kind == PortKind::virq));
            return 0u;
        };
        CHECK(m.event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == 0);
        CHECK(from == std::vector<std::uint32_t>{1, 70});
        CHECK(m.d().ports[70].kind == PortKind::closed);
    }
    SECTION("a reset that takes long lets interrupts in") {
        std::vector<std::uint32_t> from;
        REQUIRE(m.event_op(EVTCHNOP_send, evtchn_send{test::console_port}) == 0);
        m.event = [&](const bulkhead_EventRequest& request, bulkhead_EventReply& reply) {
            from.push_back(request.request.reset.first);
            reply.next = from.size() < 4 ? from.back() + 64 : 0u;
            m.tsc += 30'000; // ns: two messages fill a slice
            return 0u;
        };
        REQUIRE(m.event_op(EVTCHNOP_init_control, evtchn_init_control{0x180, 0, 0, 0, {}}) == 0);
        m.state().rip = test::entry_address;
        (void)m.event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF});
        CHECK(m.state().rip == test::entry_address); // it will be executed again
        CHECK(from == std::vector<std::uint32_t>{1, 65});
        CHECK(m.d().fifo.active());
        CHECK(m.signals == std::vector<std::uint32_t>{console_sender});
        m.store(test::scratch, evtchn_reset{55}); // the argument was read once
        CHECK(m.hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_reset, test::scratch) == 0);
        CHECK(m.state().rip != test::entry_address);
        CHECK(from == std::vector<std::uint32_t>{1, 65, 129, 193});
        CHECK_FALSE(m.d().fifo.active());
        CHECK(m.d().continuations.count() == 0);
    }
    SECTION("a component that never finishes a reset") {
        answer.next = 5;
        CHECK(m.event_op(EVTCHNOP_reset, evtchn_reset{DOMID_SELF}) == 0);
        CHECK(m.d().ports[9].kind == PortKind::closed);
    }
}

TEST_CASE("grant tables") {
    Guest m;
    bulkhead_GrantReply answer{};
    bulkhead_GrantRequest asked{};
    m.grant = [&](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
        asked = request;
        reply = answer;
    };
    SECTION("query_size") {
        answer.frames = 1;
        answer.max_frames = 64;
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, gnttab_query_size{DOMID_SELF, 0, 0, 9},
                          1) == 0);
        CHECK(m.result<gnttab_query_size>().max_nr_frames == 64);
        CHECK(m.result<gnttab_query_size>().status == GNTST_okay);
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, gnttab_query_size{1, 0, 0, 9}, 1) == 0);
        CHECK(m.result<gnttab_query_size>().status == GNTST_permission_denied);
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, gnttab_query_size{DOMID_IO, 0, 0, 9}, 1) ==
              0);
        CHECK(m.result<gnttab_query_size>().status == GNTST_bad_domain);
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, gnttab_query_size{}, 2) == -XEN_EINVAL);
    }
    SECTION("set_version tells the version in use") {
        answer.version = 1;
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, gnttab_set_version{1}, 1) == 0);
        CHECK(m.result<gnttab_set_version>().version == 1);
        answer.result = -XEN_ENOSYS;
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, gnttab_set_version{2}, 1) == -XEN_ENOSYS);
        CHECK(m.result<gnttab_set_version>().version == 1);
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, gnttab_set_version{3}, 1) == -XEN_EINVAL);
    }
    SECTION("get_version") {
        answer.version = 1;
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_get_version, gnttab_get_version{DOMID_SELF, 0, 0}, 1) ==
              0);
        CHECK(m.result<gnttab_get_version>().version == 1);
        CHECK(m.operation(__HYPERVISOR_grant_table_op, GNTTABOP_get_version, gnttab_get_version{1, 0, 0}, 1) ==
              -XEN_EPERM);
    }
    SECTION("the others") {
        CHECK(m.hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_dump_table, test::scratch, 1) == -XEN_ENOSYS);
        CHECK(m.hypercall(__HYPERVISOR_grant_table_op, 13, test::scratch, 1) == -XEN_ENOSYS);
        CHECK(m.hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, test::scratch, 0xffff'ffff) == -XEN_EINVAL);
    }
}
