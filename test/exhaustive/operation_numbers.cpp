// SPDX-License-Identifier: Apache-2.0
// Every one of the 2^32 values of the operation argument of every hypercall that has one, through the monitor's own
// dispatcher: it names an operation of the public headers, or it is -ENOSYS. No value is an alias of another.
// (REQ-ABI-006; test/unit/vcpu/operation_numbers_test.cpp says which arguments show that nothing was found, and tries
// the rest of the call's way.) Compiled for speed and run on all CPUs: it is the number of values that takes time.
#include <algorithm>
#include <atomic>
#include <span>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <guest_operations.layout.hpp>

#include "machine.hpp"

using namespace bulkhead;
using bulkhead::vcpu::test::Machine;

namespace {

struct Table {
    const char* name;
    std::uint64_t hypercall;
    std::span<const std::int32_t> operations;
    std::uint64_t second; ///< an argument with which an operation that was found would not say -ENOSYS
};

constexpr Table tables[] = {
    {"sched_op", __HYPERVISOR_sched_op, guest::all_of_SchedOperation, 0},
    {"event_channel_op", __HYPERVISOR_event_channel_op, guest::all_of_EventChannelOperation, 0},
    {"grant_table_op", __HYPERVISOR_grant_table_op, guest::all_of_GrantTableOperation, 0},
    {"memory_op", __HYPERVISOR_memory_op, guest::all_of_MemoryOperation, 0},
    {"vcpu_op", __HYPERVISOR_vcpu_op, guest::all_of_VcpuOperation, 0},
    {"xen_version", __HYPERVISOR_xen_version, guest::all_of_VersionOperation, 0},
    {"hvm_op", __HYPERVISOR_hvm_op, guest::all_of_HvmOperation, 0},
    {"console_io", __HYPERVISOR_console_io, guest::all_of_ConsoleOperation, 0},
    {"vm_assist", __HYPERVISOR_vm_assist, guest::all_of_VmAssistCommand, VMASST_TYPE_runstate_update_flag},
    {"physdev_op", __HYPERVISOR_physdev_op, guest::all_of_PhysdevOperation, 0},
};

constexpr std::uint64_t all_values = std::uint64_t{1} << 32;

/// Aliases among the values from `first` to `end`.
std::uint64_t walk(Machine& m, const Table& table, std::uint64_t first, std::uint64_t end) {
    vcpu::Call call{m.d(), m.v(), true};
    call.number = table.hypercall;
    std::fill(std::begin(call.arg), std::end(call.arg), 0);
    std::uint64_t aliases = 0;
    for (std::uint64_t value = first; value < end;) {
        // Up to the next value that is named.
        std::uint64_t next = end;
        for (const std::int32_t known : table.operations) {
            const std::uint64_t at = static_cast<std::uint32_t>(known);
            next = at >= value && at < next ? at : next;
        }
        for (; value < next; ++value) {
            call.arg[0] = value;
            call.arg[1] = table.second;
            aliases += vcpu::dispatch(call) != -XEN_ENOSYS ? 1 : 0;
        }
        ++value;
    }
    return aliases;
}

} // namespace

TEST_CASE("no value of an operation argument is an alias") {
    const std::uint64_t workers = std::max(1u, std::thread::hardware_concurrency());
    Machine machine; // nothing that is not found touches it
    machine.enter_long_mode();
    for (const Table& table : tables) {
        std::atomic<std::uint64_t> aliases{0};
        std::vector<std::thread> threads;
        for (std::uint64_t i = 0; i < workers; ++i) {
            threads.emplace_back(
                [&, i] { aliases += walk(machine, table, all_values * i / workers, all_values * (i + 1) / workers); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        INFO(table.name);
        CHECK(aliases == 0);
    }
    // What the walk counts on: a named operation is found, and says something else.
    CHECK(machine.hypercall(__HYPERVISOR_xen_version, XENVER_version) > 0);
}
