// SPDX-License-Identifier: Apache-2.0
// All 32 bits of every operation number count: what is not in the public headers' list is -ENOSYS, so nothing is an
// alias of anything. A table is searched by equality of whole numbers (run_operation), so one that is not in it can
// only be found if it was changed on the way: by a mask, a shift, a narrowing. What such a change would show is tried:
// every small number, every number that differs from an operation's in one or two bits, and many others. REQ-ABI-006
#include <algorithm>
#include <random>
#include <span>

#include <catch2/catch.hpp>

#include <guest_operations.layout.hpp>

#include "machine.hpp"

using namespace bulkhead;
using bulkhead::vcpu::test::Machine;
using bulkhead::vcpu::test::scratch;
using bulkhead::vcpu::test::unmapped;

namespace {

struct Table {
    const char* name;
    std::uint64_t hypercall;
    std::span<const std::int32_t> operations;
};

constexpr Table tables[] = {
    {"sched_op", __HYPERVISOR_sched_op, guest::all_of_SchedOperation},
    {"event_channel_op", __HYPERVISOR_event_channel_op, guest::all_of_EventChannelOperation},
    {"grant_table_op", __HYPERVISOR_grant_table_op, guest::all_of_GrantTableOperation},
    {"memory_op", __HYPERVISOR_memory_op, guest::all_of_MemoryOperation},
    {"vcpu_op", __HYPERVISOR_vcpu_op, guest::all_of_VcpuOperation},
    {"xen_version", __HYPERVISOR_xen_version, guest::all_of_VersionOperation},
    {"hvm_op", __HYPERVISOR_hvm_op, guest::all_of_HvmOperation},
    {"console_io", __HYPERVISOR_console_io, guest::all_of_ConsoleOperation},
    {"vm_assist", __HYPERVISOR_vm_assist, guest::all_of_VmAssistCommand},
    {"physdev_op", __HYPERVISOR_physdev_op, guest::all_of_PhysdevOperation},
};

bool named(const Table& table, std::uint32_t number) {
    return std::any_of(table.operations.begin(), table.operations.end(),
                       [&](std::int32_t known) { return static_cast<std::uint32_t>(known) == number; });
}

/// The second argument is one with which an operation that was found would say something else.
bool is_unknown(Machine& m, const Table& table, std::uint32_t number) {
    const bool assist = table.hypercall == __HYPERVISOR_vm_assist;
    const std::uint64_t second = assist ? VMASST_TYPE_runstate_update_flag : 0;
    return m.hypercall(table.hypercall, number, second, 0) == -XEN_ENOSYS;
}

} // namespace

TEST_CASE("every operation number but the headers' is -ENOSYS") {
    Machine m;
    m.enter_long_mode();
    std::mt19937 random{11};
    for (const Table& table : tables) {
        std::uint32_t alias = 0;
        std::uint32_t aliases = 0;
        const auto look = [&](std::uint32_t number) {
            if (!named(table, number) && !is_unknown(m, table, number)) {
                alias = number;
                ++aliases;
            }
        };
        for (std::uint32_t number = 0; number < 0x1000; ++number) {
            look(number);
        }
        for (const std::int32_t known : table.operations) {
            for (std::uint32_t i = 0; i < 32; ++i) {
                for (std::uint32_t j = i; j < 32; ++j) {
                    look(static_cast<std::uint32_t>(known) ^ (1u << i) ^ (j != i ? 1u << j : 0));
                }
            }
        }
        for (int i = 0; i < 20'000; ++i) {
            look(static_cast<std::uint32_t>(random()));
        }
        INFO(table.name << ": the last is " << alias);
        CHECK(aliases == 0);
    }
    CHECK_FALSE(m.d().ended);
}

TEST_CASE("every hypercall number but the headers' is -ENOSYS, whatever its upper bits") {
    Machine m;
    m.enter_long_mode();
    std::mt19937_64 random{12};
    std::uint32_t aliases = 0;
    for (const std::int32_t known : guest::all_of_Hypercall) {
        for (std::uint32_t i = 6; i < 64; ++i) { // behind the largest number
            aliases +=
                m.hypercall(static_cast<std::uint64_t>(known) ^ (std::uint64_t{1} << i)) == -XEN_ENOSYS ? 0u : 1u;
        }
    }
    for (int i = 0; i < 20'000; ++i) {
        aliases += m.hypercall(random() | 0x40) == -XEN_ENOSYS ? 0u : 1u;
    }
    CHECK(aliases == 0);
}

TEST_CASE("the upper half of a 64-bit operation argument counts only where it is a long") {
    Machine m;
    m.enter_long_mode();
    constexpr std::uint64_t upper = 0x8000'0001'0000'0000;
    CHECK(m.hypercall(__HYPERVISOR_sched_op, upper | SCHEDOP_yield) == 0);
    CHECK(m.hypercall(__HYPERVISOR_vcpu_op, upper | VCPUOP_is_up) == 1);
    CHECK(m.hypercall(__HYPERVISOR_xen_version, upper | XENVER_version) > 0);
    CHECK(m.hypercall(__HYPERVISOR_vm_assist, upper | VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag) == 0);
    CHECK(m.hypercall(__HYPERVISOR_event_channel_op, upper | EVTCHNOP_send, scratch) == -XEN_EINVAL);
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event) == 0);
    CHECK(m.hypercall(__HYPERVISOR_hvm_op, upper | HVMOP_guest_request_vm_event) == -XEN_ENOSYS);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_gpfn, unmapped) == -XEN_EFAULT);
    CHECK(m.hypercall(__HYPERVISOR_memory_op, upper | XENMEM_maximum_gpfn, unmapped) == -XEN_ENOSYS);
}
