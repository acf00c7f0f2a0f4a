// SPDX-License-Identifier: Apache-2.0
// The edge, and the hypercalls that ask no other component.
// REQ-INPUT-006 REQ-GUEST-009
#include <cstring>

#include <catch2/catch.hpp>

#include "events.hpp"
#include "exceptions.hpp"
#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {
struct Guest : Machine {
    Guest() { enter_long_mode(); }
};
/// Calls by the 32-bit convention.
xen::Result hypercall32(Machine& m, std::uint64_t number, std::uint64_t a, std::uint64_t b, std::uint64_t c = 0) {
    m.gpr(Gpr::rax) = 0xdead'0000'0000'0000 | number;
    m.gpr(Gpr::rbx) = 0xdead'0000'0000'0000 | a;
    m.gpr(Gpr::rcx) = 0xdead'0000'0000'0000 | b;
    m.gpr(Gpr::rdx) = 0xdead'0000'0000'0000 | c;
    handle_hypercall(m.d(), m.v());
    return static_cast<std::int32_t>(m.gpr(Gpr::rax));
}
} // namespace

TEST_CASE("the 64-bit convention, and where the guest goes on") {
    Guest m;
    CHECK(m.hypercall(__HYPERVISOR_xen_version, XENVER_version) == ((4 << 16) | 17));
    CHECK(m.state().rip == test::entry_address + 3);
    CHECK(includes(m.v().changed, VcpuGroups::ip));
    m.state().rip = test::entry_address;
    m.state().interrupt_shadow = 1;
    m.gpr(Gpr::rax) = __HYPERVISOR_xen_version;
    m.state().instruction_length = 0;
    handle_hypercall(m.d(), m.v());
    CHECK(m.state().rip == test::entry_address + 3);
    CHECK(m.state().interrupt_shadow == 0);
    CHECK(m.gpr(Gpr::rdi) == 0); // arguments survive
}

TEST_CASE("who may call") {
    Guest m;
    m.state().cpl = 3;
    CHECK(m.hypercall(__HYPERVISOR_xen_version, XENVER_version) == -XEN_EPERM);
    m.state().cpl = 0;
    m.state().rflags |= 1u << 17;
    CHECK(m.hypercall(__HYPERVISOR_xen_version, XENVER_version) == -XEN_EPERM);
    m.state().rflags = 2;
    m.state().cr0 = 0x10;
    m.state().efer = 0;
    CHECK(m.hypercall(__HYPERVISOR_xen_version, XENVER_version) == 0xffff'ffff - XEN_EPERM + 1);
}

TEST_CASE("the 32-bit convention") {
    Machine m; // 32-bit, unpaged
    CHECK(hypercall32(m, __HYPERVISOR_xen_version, XENVER_version, 0) == ((4 << 16) | 17));
    CHECK(m.gpr(Gpr::rax) >> 32 == 0);
    CHECK(hypercall32(m, 99, 0, 0) == -XEN_ENOSYS);
    CHECK(m.gpr(Gpr::rax) == 0xffff'ffda);
    m.store(test::scratch, xen_feature_info{0, 0});
    CHECK(hypercall32(m, __HYPERVISOR_xen_version, XENVER_get_features, test::scratch) == 0);
    CHECK(m.load<xen_feature_info>(test::scratch).submap == 0x12305);
    CHECK(hypercall32(m, __HYPERVISOR_set_timer_op, 0x1000, 1) == 0);
    CHECK(m.v().timers.next() == 0x1'0000'1000);
    m.store(test::scratch, std::uint64_t{5'000'000});
    m.store(test::scratch + 8, std::uint32_t{0});
    CHECK(hypercall32(m, __HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, test::scratch) == 0);
    CHECK(m.v().timers.next() == 5'000'000);
}

// REQ-ABI-002 REQ-ABI-003 REQ-ABI-004
TEST_CASE("structures of 32-bit callers: i386's layout, and nothing else of their memory changes") {
    Machine m;
    m.store(test::scratch, ~std::uint64_t{0});
    CHECK(hypercall32(m, __HYPERVISOR_xen_version, XENVER_platform_parameters, test::scratch) == 0);
    CHECK(m.load<std::uint64_t>(test::scratch) == 0xffff'ffff'0000'0000);

    std::uint32_t entries[2][8]{}; // multicall_entry: op, result, args[6]
    entries[0][0] = __HYPERVISOR_xen_version;
    entries[1][0] = 99;
    entries[1][2] = 0xaaaa'aaaa;
    m.store(test::scratch, entries);
    CHECK(hypercall32(m, __HYPERVISOR_multicall, test::scratch, 2) == 0);
    CHECK(m.load<std::uint32_t>(test::scratch + 4) == ((4 << 16) | 17));
    CHECK(m.load<std::int32_t>(test::scratch + 36) == -XEN_ENOSYS);
    CHECK(m.load<std::uint32_t>(test::scratch + 40) == 0xaaaa'aaaa);

    m.v().timers.stop_singleshot();
    const std::uint32_t poll[] = {test::scratch + 0x100, 1, 0x89ab'cdef, 0x0123'4567}; // sched_poll
    m.store(test::scratch, poll);
    m.store(test::scratch + 0x100, std::uint32_t{5});
    CHECK(hypercall32(m, __HYPERVISOR_sched_op, SCHEDOP_poll, test::scratch) == 0);
    CHECK(m.v().timers.next() == 0x0123'4567'89ab'cdef);

    // It ends at 4 GiB, and does not go on at 0.
    CHECK(hypercall32(m, __HYPERVISOR_sched_op, SCHEDOP_poll, 0xffff'fff8) == -XEN_EFAULT);
}

TEST_CASE("unknown hypercalls and operations; the tools' hypercalls") {
    Guest m;
    for (std::uint64_t number = 0; number < 70; ++number) {
        const xen::Result result = m.hypercall(number, 0xffff'fff0, test::unmapped, test::unmapped);
        const bool tools = number == __HYPERVISOR_platform_op || number == __HYPERVISOR_sysctl ||
                           number == __HYPERVISOR_domctl || number == __HYPERVISOR_dm_op ||
                           number == __HYPERVISOR_hypfs_op;
        if (tools) {
            CHECK(result == -XEN_EPERM);
        } else if (number == __HYPERVISOR_set_timer_op) {
            CHECK(result == 0);
        } else if (number == __HYPERVISOR_vm_assist) {
            CHECK(result == -XEN_EINVAL);
        } else if (number == __HYPERVISOR_multicall) {
            CHECK(result == -XEN_EFAULT);
        } else if (number == __HYPERVISOR_vcpu_op) {
            CHECK(result == -XEN_ENOENT);
        } else {
            CHECK(result == -XEN_ENOSYS);
        }
    }
    CHECK(m.hypercall(~std::uint64_t{0}) == -XEN_ENOSYS);
    CHECK(m.hypercall((std::uint64_t{1} << 32) | __HYPERVISOR_xen_version) == -XEN_ENOSYS);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation | (1u << 6)) == -XEN_ENOSYS);
}

TEST_CASE("a bad handle is -EFAULT wherever a structure is read") {
    Guest m;
    struct Case {
        std::uint64_t number, op;
        int handle; // which argument
    };
    const Case cases[] = {
        {__HYPERVISOR_xen_version, XENVER_extraversion, 1},
        {__HYPERVISOR_xen_version, XENVER_compile_info, 1},
        {__HYPERVISOR_xen_version, XENVER_capabilities, 1},
        {__HYPERVISOR_xen_version, XENVER_changeset, 1},
        {__HYPERVISOR_xen_version, XENVER_platform_parameters, 1},
        {__HYPERVISOR_xen_version, XENVER_get_features, 1},
        {__HYPERVISOR_xen_version, XENVER_guest_handle, 1},
        {__HYPERVISOR_xen_version, XENVER_commandline, 1},
        {__HYPERVISOR_memory_op, XENMEM_add_to_physmap, 1},
        {__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, 1},
        {__HYPERVISOR_memory_op, XENMEM_current_reservation, 1},
        {__HYPERVISOR_memory_op, XENMEM_maximum_reservation, 1},
        {__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, 1},
        {__HYPERVISOR_memory_op, XENMEM_memory_map, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_send, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_unmask, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_interdomain, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_close, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_status, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_reset, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_init_control, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_expand_array, 1},
        {__HYPERVISOR_event_channel_op, EVTCHNOP_set_priority, 1},
        {__HYPERVISOR_vcpu_op, VCPUOP_initialise, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 2},
        {__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 2},
        {__HYPERVISOR_sched_op, SCHEDOP_shutdown, 1},
        {__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, 1},
        {__HYPERVISOR_sched_op, SCHEDOP_poll, 1},
        {__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, 1},
        {__HYPERVISOR_hvm_op, HVMOP_set_param, 1},
        {__HYPERVISOR_hvm_op, HVMOP_get_param, 1},
        {__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, 1},
        {__HYPERVISOR_grant_table_op, GNTTABOP_query_size, 1},
        {__HYPERVISOR_grant_table_op, GNTTABOP_set_version, 1},
        {__HYPERVISOR_grant_table_op, GNTTABOP_get_version, 1},
    };
    m.memory = [](const auto&, auto&) { FAIL("asked although the argument is bad"); };
    m.grant = [](const auto&, auto&) { FAIL("asked although the argument is bad"); };
    m.event = [](const auto&, auto&) -> std::uint32_t {
        FAIL("asked although the argument is bad");
        return 0;
    };
    for (const Case& c : cases) {
        for (const std::uint64_t bad : {std::uint64_t{0x8000'0000'0000'0000}, test::unmapped, test::ram_bytes - 1}) {
            INFO(c.number << "." << c.op << " at " << bad);
            const xen::Result result =
                c.handle == 1 ? m.hypercall(c.number, c.op, bad, 1) : m.hypercall(c.number, c.op, 0, bad);
            CHECK(result == -XEN_EFAULT);
        }
    }
    CHECK_FALSE(m.d().ended);
    // What is written back must be writable before anything is done.
    m.store(test::read_only_page, evtchn_bind_ipi{});
    CHECK(m.hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, test::read_only_page) == -XEN_EFAULT);
    m.store(test::read_only_page, gnttab_set_version{1});
    CHECK(m.hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, test::read_only_page, 1) == -XEN_EFAULT);
}

TEST_CASE("xen_version") {
    Guest m;
    const auto version = [&](std::uint64_t op, std::uint64_t argument = test::scratch) {
        return m.hypercall(__HYPERVISOR_xen_version, op, argument);
    };
    CHECK(version(XENVER_extraversion) == 0);
    CHECK(m.ram()[test::scratch] == '.');
    CHECK(version(XENVER_compile_info) == 0);
    CHECK(version(XENVER_capabilities) == 0);
    CHECK(std::string(reinterpret_cast<char*>(m.ram() + test::scratch)) ==
          "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64");
    CHECK(version(XENVER_changeset) == 0);
    CHECK(version(XENVER_platform_parameters) == 0);
    CHECK(version(XENVER_pagesize) == -XEN_EINVAL);
    CHECK(version(XENVER_pagesize, 0) == 4096);
    CHECK(version(XENVER_guest_handle) == 0);
    CHECK(m.ram()[test::scratch + 15] == 0xaf);
    CHECK(version(XENVER_commandline) == 0);
    CHECK(std::string(reinterpret_cast<char*>(m.ram() + test::scratch)) == "<denied>");
    CHECK(version(XENVER_build_id) == -XEN_EPERM);
    CHECK(m.operation(__HYPERVISOR_xen_version, XENVER_get_features, xen_feature_info{0, 0}) == 0);
    CHECK(m.load<xen_feature_info>(test::scratch).submap == 0x12305);
    CHECK(m.operation(__HYPERVISOR_xen_version, XENVER_get_features, xen_feature_info{1, 7}) == -XEN_EINVAL);
    CHECK(m.load<xen_feature_info>(test::scratch).submap == 7);
}

TEST_CASE("vcpu_op: which vCPUs there are") {
    Guest m;
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0) == 1);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1) == -XEN_ENOENT);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, 0) == 0);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 0, test::scratch) == -XEN_EEXIST);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 0, test::scratch) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0) == 0);
    CHECK(m.v().lapic.take_nmi());
    CHECK_FALSE(m.d().ended);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_down, 0) == 0);
    CHECK(m.d().ended);
    CHECK(m.d().shutdown_reason == SHUTDOWN_poweroff);
}

TEST_CASE("vcpu_op: timers") {
    Guest m;
    using Single = vcpu_set_singleshot_timer;
    CHECK(m.vcpu_operation(VCPUOP_set_singleshot_timer, Single{5'000'000, 0}) == 0);
    CHECK(m.v().timers.next() == 5'000'000);
    CHECK(m.vcpu_operation(VCPUOP_set_singleshot_timer, Single{10, 0}) == 0); // past: fires at once
    CHECK(m.v().timers.next() == 10);
    CHECK(m.vcpu_operation(VCPUOP_set_singleshot_timer, Single{10, VCPU_SSHOTTMR_future}) == -XEN_ETIME);
    CHECK(m.v().timers.next() == 10);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0) == 0);
    CHECK(m.v().timers.next() == Timers::none);
    CHECK(m.vcpu_operation(VCPUOP_set_periodic_timer, vcpu_set_periodic_timer{999'999}) == -XEN_EINVAL);
    CHECK(m.vcpu_operation(VCPUOP_set_periodic_timer, vcpu_set_periodic_timer{~0ull}) == -XEN_EINVAL);
    CHECK(m.vcpu_operation(VCPUOP_set_periodic_timer, vcpu_set_periodic_timer{4'000'000}) == 0);
    CHECK(m.v().timers.next() == Machine::tsc + 4'000'000);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0) == 0);
    CHECK(m.v().timers.next() == Timers::none);
    CHECK(m.hypercall(__HYPERVISOR_set_timer_op, 77) == 0);
    CHECK(m.v().timers.next() == 77);
    CHECK(m.hypercall(__HYPERVISOR_set_timer_op, 0) == 0);
    CHECK(m.v().timers.next() == Timers::none);
}

TEST_CASE("vcpu_op: register_vcpu_info") {
    Guest m;
    constexpr std::uint64_t gfn = test::scratch / page_size + 1;
    using Place = vcpu_register_vcpu_info;
    raise(m.d(), Port{70});
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{gfn, 4096 - 63, 0}) == -XEN_ENXIO);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{gfn, 0xffff'ffff, 0}) == -XEN_ENXIO);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{gfn, 4, 0}) == -XEN_ENXIO);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{0x12'3456'7890, 0, 0}) == -XEN_EINVAL);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{gfn, 256, 0}) == 0);
    const auto placed = m.load<vcpu_info>(gfn * page_size + 256);
    CHECK(placed.evtchn_upcall_pending == 1);
    CHECK(placed.evtchn_pending_sel == ~0ull);
    CHECK(placed.time.tsc_to_system_mul != 0);
    CHECK((placed.time.version & 1) == 0);
    m.store(gfn * page_size + 256, vcpu_info{});
    raise(m.d(), Port{71});
    CHECK(m.load<vcpu_info>(gfn * page_size + 256).evtchn_upcall_pending == 1);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_info, Place{gfn, 512, 0}) == -XEN_EINVAL); // once
}

TEST_CASE("vcpu_op: runstate and time areas") {
    Guest m;
    constexpr std::uint64_t area = test::scratch + 0x1000 - 8; // crosses a page
    CHECK(m.vcpu_operation(VCPUOP_register_runstate_memory_area, test::unmapped) == -XEN_EFAULT);
    CHECK(m.vcpu_operation(VCPUOP_register_runstate_memory_area, area) == 0);
    CHECK(m.load<vcpu_runstate_info>(area).state == RUNSTATE_running);
    CHECK(m.load<vcpu_runstate_info>(area).state_entry_time == 1'000'000);
    m.tsc += 500;
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, test::scratch) == 0);
    CHECK(m.load<vcpu_runstate_info>(test::scratch).time[RUNSTATE_running] == 500);
    CHECK(m.vcpu_operation(VCPUOP_register_runstate_memory_area, std::uint64_t{0}) == 0); // none

    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_time_memory_area, test::unmapped) == -XEN_EFAULT);
    CHECK(m.vcpu_operation(VCPUOP_register_vcpu_time_memory_area, area) == 0);
    CHECK(m.load<vcpu_time_info>(area).version == 2);
    CHECK(m.load<vcpu_time_info>(area).tsc_to_system_mul == m.d().clock.scale().mul);
}

TEST_CASE("sched_op: shutdown") {
    Guest m;
    SECTION("by reason") {
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown, sched_shutdown{SHUTDOWN_crash}) == 0);
        CHECK(m.d().ended);
        CHECK(m.d().shutdown_reason == SHUTDOWN_crash);
    }
    SECTION("a latched code wins, and the first one") {
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, sched_shutdown{SHUTDOWN_watchdog}) == 0);
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown_code, sched_shutdown{SHUTDOWN_crash}) == 0);
        CHECK_FALSE(m.d().ended);
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_shutdown, sched_shutdown{SHUTDOWN_reboot}) == 0);
        CHECK(m.d().shutdown_reason == SHUTDOWN_watchdog);
    }
    SECTION("not of others") {
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, sched_remote_shutdown{1, 0}) == -XEN_EPERM);
        CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, sched_remote_shutdown{DOMID_SELF, 0}) ==
              -XEN_ESRCH);
        CHECK(m.hypercall(__HYPERVISOR_sched_op, SCHEDOP_pin_override, test::scratch) == -XEN_EPERM);
        CHECK_FALSE(m.d().ended);
    }
}

TEST_CASE("sched_op: yield, block, poll") {
    Guest m;
    CHECK(m.hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield) == 0);
    CHECK(m.v().yield); // before it runs again, when the monitor holds no lock
    CHECK(m.yields == 0);
    m.v().info->evtchn_upcall_mask = 1;
    CHECK(m.hypercall(__HYPERVISOR_sched_op, SCHEDOP_block) == 0);
    CHECK(m.v().sleep == Sleep::blocked);
    CHECK(m.v().info->evtchn_upcall_mask == 0);

    m.v().sleep = Sleep::awake;
    constexpr std::uint64_t list = test::scratch + 0x800;
    sched_poll poll{};
    poll.ports.p = reinterpret_cast<evtchn_port_t*>(list);
    poll.nr_ports = 2;
    poll.timeout = 123'456'789;
    m.store(list, std::uint64_t{(std::uint64_t{9} << 32) | 8});
    CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == 0);
    CHECK(m.v().sleep == Sleep::polling);
    CHECK(m.v().poll_count == 2);
    CHECK(m.v().poll_port[1] == 9);
    CHECK(m.v().timers.next() == 123'456'789);

    m.v().sleep = Sleep::awake;
    poll.nr_ports = 129;
    CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EINVAL);
    poll.nr_ports = 2;
    m.store(list, std::uint64_t{4096});
    CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EINVAL);
    poll.ports.p = reinterpret_cast<evtchn_port_t*>(test::unmapped);
    CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == -XEN_EFAULT);
    CHECK(m.v().sleep == Sleep::awake);

    m.shared().evtchn_mask[0] = ~0ull;
    raise(m.d(), Port{9});
    poll.ports.p = reinterpret_cast<evtchn_port_t*>(list);
    m.store(list, std::uint64_t{(std::uint64_t{9} << 32) | 8});
    CHECK(m.operation(__HYPERVISOR_sched_op, SCHEDOP_poll, poll) == 0); // pending, though masked: no sleep
    CHECK(m.v().sleep == Sleep::awake);
    raise(m.d(), Port{64});
    CHECK(m.hypercall(__HYPERVISOR_sched_op, SCHEDOP_block) == 0);
    CHECK(m.v().sleep == Sleep::awake);
}

TEST_CASE("hvm_op: parameters") {
    Guest m;
    const auto set = [&](std::uint32_t index, std::uint64_t value, domid_t domain = DOMID_SELF) {
        return m.operation(__HYPERVISOR_hvm_op, HVMOP_set_param, xen_hvm_param{domain, 0, index, value});
    };
    const auto get = [&](std::uint32_t index, domid_t domain = DOMID_SELF) {
        const xen::Result result =
            m.operation(__HYPERVISOR_hvm_op, HVMOP_get_param, xen_hvm_param{domain, 0, index, 99});
        return result < 0 ? result : static_cast<xen::Result>(m.load<xen_hvm_param>(test::scratch).value);
    };
    CHECK(get(HVM_PARAM_CONSOLE_PFN) == 0x3ff);
    CHECK(get(HVM_PARAM_CONSOLE_EVTCHN) == test::console_port);
    CHECK(get(HVM_PARAM_STORE_PFN) == 0);
    CHECK(get(HVM_PARAM_STORE_EVTCHN) == 0);
    CHECK(get(HVM_PARAM_IDENT_PT) == -XEN_EPERM);
    CHECK(get(HVM_NR_PARAMS) == -XEN_EINVAL);
    CHECK(get(HVM_PARAM_CONSOLE_PFN, test::own_domain) == 0x3ff);
    CHECK(get(HVM_PARAM_CONSOLE_PFN, 1) == -XEN_EPERM);
    CHECK(get(HVM_PARAM_CONSOLE_PFN, DOMID_XEN) == -XEN_ESRCH);
    CHECK(set(HVM_PARAM_CONSOLE_PFN, 0) == -XEN_EPERM);
    CHECK(set(HVM_NR_PARAMS, 0) == -XEN_EINVAL);
    CHECK(set(HVM_PARAM_CALLBACK_IRQ, 0, 1) == -XEN_EPERM);

    const std::uint64_t vector = (std::uint64_t{2} << 56) | 0xf3;
    CHECK(set(HVM_PARAM_CALLBACK_IRQ, vector) == 0);
    CHECK(m.d().callback.vector == 0xf3);
    CHECK(get(HVM_PARAM_CALLBACK_IRQ) == static_cast<xen::Result>(vector));
    CHECK(set(HVM_PARAM_CALLBACK_IRQ, 1) == 0); // a GSI: nothing comes of it
    CHECK(m.d().callback.vector == 0);
    CHECK(set(HVM_PARAM_CALLBACK_IRQ, (std::uint64_t{2} << 56) | 5) == 0);
    CHECK(m.d().callback.vector == 0);

    CHECK(m.hypercall(__HYPERVISOR_hvm_op, 26, test::scratch) == -XEN_ENOSYS);
    using Upcall = xen_hvm_evtchn_upcall_vector;
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, Upcall{0, 15}) == -XEN_EINVAL);
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, Upcall{1, 0x80}) == -XEN_ENOENT);
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, Upcall{0, 0x80}) == 0);
    CHECK(m.v().upcall_vector == 0x80);
}

// REQ-ABI-008
TEST_CASE("sched_op: watchdogs") {
    Guest m;
    const auto watchdog = [&](std::uint32_t id, std::uint32_t seconds) {
        return m.operation(__HYPERVISOR_sched_op, SCHEDOP_watchdog, sched_watchdog{id, seconds});
    };
    CHECK(watchdog(0, 0) == -XEN_EINVAL);
    CHECK(watchdog(1, 1) == -XEN_EINVAL);
    CHECK(watchdog(3, 1) == -XEN_EINVAL);
    CHECK(watchdog(~0u, 1) == -XEN_EINVAL);
    CHECK(watchdog(0, 5) == 1);
    CHECK(watchdog(0, ~0u) == 2);
    CHECK(watchdog(0, 5) == -XEN_ENOSPC);
    CHECK(watchdog(2, 0) == 0);
    CHECK(watchdog(2, 0) == -XEN_EINVAL);
    const std::uint64_t before = m.d().watchdogs.next();
    Machine::tsc += 1'000'000;
    CHECK(watchdog(1, 5) == 0); // set again: later
    CHECK(m.d().watchdogs.next() > before);
    CHECK_FALSE(m.d().ended);
    m.v().sleep = Sleep::blocked;
    m.on_wait = [] { Machine::tsc += 10'000'000'000; };
    for (int i = 0; i < 3 && !m.d().ended; ++i) {
        m.monitor().step(m.v());
    }
    CHECK(m.d().ended);
    CHECK(m.d().shutdown_reason == SHUTDOWN_watchdog);
}

TEST_CASE("hvm_op: time, frames' types, and what is for others") {
    Guest m;
    for (const std::uint64_t width : {0u, 4u, 8u, 5u}) {
        const xen_hvm_param fip{DOMID_SELF, 0, HVM_PARAM_X87_FIP_WIDTH, width};
        CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_param, fip) == (width == 5 ? -XEN_EINVAL : 0));
    }
    REQUIRE(m.operation(__HYPERVISOR_hvm_op, HVMOP_get_time, xen_hvm_get_time{}) == 0);
    CHECK(m.load<std::uint64_t>(test::scratch) == m.d().now_ns());
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_get_time, test::read_only_page) == -XEN_EFAULT);
    xen_hvm_get_mem_type type{};
    type.domid = DOMID_SELF;
    type.pfn = 1;
    REQUIRE(m.operation(__HYPERVISOR_hvm_op, HVMOP_get_mem_type, type) == 0);
    CHECK(m.load<xen_hvm_get_mem_type>(test::scratch).mem_type == HVMMEM_ram_rw);
    for (const std::uint64_t nothing : {test::ram_bytes / page_size, ~std::uint64_t{0}}) {
        type.pfn = nothing;
        REQUIRE(m.operation(__HYPERVISOR_hvm_op, HVMOP_get_mem_type, type) == 0);
        CHECK(m.load<xen_hvm_get_mem_type>(test::scratch).mem_type == HVMMEM_mmio_dm);
    }
    type.domid = 3;
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_get_mem_type, type) == -XEN_EPERM);
    xen_hvm_pagetable_dying dying{};
    dying.domid = DOMID_SELF;
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_pagetable_dying, dying) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, 0) == 0);
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, test::scratch) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_altp2m, test::scratch) == -XEN_EOPNOTSUPP);
}

TEST_CASE("vm_assist") {
    Guest m;
    CHECK(m.hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag) == 0);
    CHECK(m.d().runstate_update_flag);
    CHECK(m.hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag) == 0);
    CHECK_FALSE(m.d().runstate_update_flag);
    CHECK(m.hypercall(__HYPERVISOR_vm_assist, 2, VMASST_TYPE_runstate_update_flag) == -XEN_ENOSYS);
    CHECK(m.hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) == -XEN_EINVAL);
}

TEST_CASE("console_io") {
    Guest m;
    const std::string text = "hello\nand a line that is not finished";
    std::memcpy(m.ram() + test::scratch, text.data(), text.size());
    CHECK(m.hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, text.size(), test::scratch) == 0);
    CHECK(m.log == std::vector<std::string>{"hello\n"});
    m.d().log.flush();
    CHECK(m.log.back() == "and a line that is not finished");
    CHECK(m.hypercall(__HYPERVISOR_console_io, CONSOLEIO_read, 100, test::scratch) == 0);
    CHECK(m.hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 10, test::unmapped) == -XEN_EFAULT);
    CHECK(m.hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 0x8000'0000, test::scratch) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_console_io, 2, 1, test::scratch) == -XEN_ENOSYS);
    SECTION("long lines and what is not printable") {
        std::memset(m.ram() + test::scratch, 'x', 0x1000);
        m.ram()[test::scratch] = 0x1b;
        m.log.clear();
        CHECK(m.hypercall(__HYPERVISOR_console_io, CONSOLEIO_write, 401, test::scratch) == 0);
        REQUIRE(m.log.size() == 2);
        CHECK(m.log[0] == std::string(200, 'x'));
    }
}

TEST_CASE("multicall") {
    Guest m;
    multicall_entry calls[3]{};
    calls[0].op = __HYPERVISOR_xen_version;
    calls[1].op = __HYPERVISOR_multicall;
    calls[2].op = 99;
    for (int i = 0; i < 3; ++i) {
        m.store(test::scratch + static_cast<std::uint64_t>(i) * sizeof calls[0], calls[i]);
    }
    CHECK(m.hypercall(__HYPERVISOR_multicall, test::scratch, 3) == 0);
    const auto result = [&](std::uint64_t i) {
        return static_cast<xen::Result>(m.load<multicall_entry>(test::scratch + i * sizeof calls[0]).result);
    };
    CHECK(result(0) == ((4 << 16) | 17));
    CHECK(result(1) == -XEN_EINVAL);
    CHECK(result(2) == -XEN_ENOSYS);
    CHECK(m.hypercall(__HYPERVISOR_multicall, test::scratch, 0) == 0);
    CHECK(m.hypercall(__HYPERVISOR_multicall, test::ram_bytes - sizeof calls[0], 2) == -XEN_EFAULT);
    CHECK(m.hypercall(__HYPERVISOR_multicall, test::read_only_page, 1) == -XEN_EFAULT);
}
