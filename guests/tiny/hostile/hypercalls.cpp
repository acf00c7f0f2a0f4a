// SPDX-License-Identifier: Apache-2.0
// Hypercalls: any number, any argument. And what the public headers promise for the bad ones.
#include "events.hpp"
#include "hostile.hpp"

namespace bulkhead::guest {
namespace {

/// Results may be written up to a page behind the addresses that are passed.
alignas(4096) std::uint64_t scratch[1024];
/// Not mapped by the guest's own tables, and not canonical.
constexpr std::uint64_t unmapped = 0x0000'4000'0000'0000;
constexpr std::uint64_t not_canonical = 0x8000'0000'0000'0000;

std::uint64_t boundary(Random& random) {
    const std::uint64_t values[] = {0,
                                    1,
                                    2,
                                    0x7ff0, // DOMID_SELF
                                    0x7fff'ffff,
                                    0x8000'0000,
                                    0xffff'ffff,
                                    0x1'0000'0000,
                                    0x7fff'ffff'ffff'ffff,
                                    not_canonical,
                                    ~std::uint64_t{0},
                                    ~std::uint64_t{0} - 7,
                                    unmapped,
                                    ram_end() - 1,
                                    ram_end(),
                                    reinterpret_cast<std::uint64_t>(scratch),
                                    reinterpret_cast<std::uint64_t>(scratch) + 4095};
    return values[random.below(sizeof values / sizeof values[0])];
}

/// Small numbers are operations and frames: frames 0 to 15 hold nothing of this guest's.
std::uint64_t argument(Random& random) {
    switch (random.below(4)) {
    case 0:
        return random.below(16);
    case 1:
        return boundary(random);
    case 2:
        return reinterpret_cast<std::uint64_t>(scratch) + random.below(64) * 8;
    default:
        return random.next();
    }
}

/// Calls that end or block this guest, or give its own memory away, by design are not an attack on anybody.
bool ends_the_caller(std::uint64_t number, std::uint64_t operation) {
    const auto op = static_cast<std::uint32_t>(operation);
    const bool sched = number == __HYPERVISOR_sched_op &&
                       (op == SCHEDOP_block || op == SCHEDOP_shutdown || op == SCHEDOP_poll ||
                        op == SCHEDOP_remote_shutdown || op == SCHEDOP_shutdown_code || op == SCHEDOP_watchdog);
    const bool vcpu = number == __HYPERVISOR_vcpu_op && op == VCPUOP_down;
    const bool reset = number == __HYPERVISOR_event_channel_op && (op == EVTCHNOP_reset || op == EVTCHNOP_close);
    const bool memory = number == __HYPERVISOR_memory_op && (op == XENMEM_decrease_reservation ||
                                                             op == XENMEM_exchange || op == XENMEM_remove_from_physmap);
    const bool old_sched = number == __HYPERVISOR_sched_op_compat;
    return sched || vcpu || reset || memory || old_sched;
}

struct Expectation {
    const char* what;
    std::int64_t result;
    std::int64_t expected;
};

std::uint64_t failures(const Expectation* list, std::size_t count) {
    std::uint64_t wrong = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (list[i].result != list[i].expected) {
            ++wrong;
            console_write(Line{} << "hostile: " << list[i].what << " gave -" << number(-list[i].result)
                                 << " instead of -" << number(-list[i].expected) << '\n');
        }
    }
    return wrong;
}

} // namespace

Verdict attack_hypercalls(Random& random) {
    set_up_events();
    const auto rounds = number_of("rounds", 20'000);
    const bool verbose = has_word("verbose");
    std::uint64_t refused = 0;
    std::uint64_t unknown = 0;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        if (i % 16 == 0) {
            for (auto& word : scratch) {
                word = argument(random);
            }
        }
        const auto call = random.below(8) != 0 ? random.below(64) : random.next();
        auto first = random.below(2) != 0 ? random.below(40) : argument(random);
        if (ends_the_caller(call, first)) {
            continue;
        }
        std::uint64_t others[] = {argument(random), argument(random), argument(random), argument(random)};
        if (call == __HYPERVISOR_multicall) { // it writes a result into each entry: not all over this guest
            first = reinterpret_cast<std::uint64_t>(scratch);
            others[0] = random.below(8);
        }
        if (call == __HYPERVISOR_grant_table_op) { // the same, for as many elements as there is scratch for
            others[1] = random.below(64);
        }
        if (verbose) {
            debug_port_write(Line{} << Hex{call} << ' ' << Hex{first} << ' ' << Hex{others[0]} << ' ' << Hex{others[1]}
                                    << ' ' << Hex{others[2]} << '\n');
        }
        const auto result = hypercall(call, first, others[0], others[1], others[2], others[3]);
        refused += result < 0 ? 1 : 0;
        unknown += result == -XEN_ENOSYS ? 1 : 0;
    }
    return {true, Line{} << rounds << " calls, " << refused << " refused, " << unknown << " of them unknown"};
}

Verdict check_errors(Random&) {
    const auto with = [](std::uint64_t call, std::uint64_t operation, std::uint64_t pointer) {
        return hypercall(call, operation, pointer);
    };
    const Expectation list[] = {
        {"hypercall 63", hypercall(63), -XEN_ENOSYS},
        {"hypercall 0xffffffff", hypercall(0xffff'ffff), -XEN_ENOSYS},
        {"hypercall 2^63", hypercall(not_canonical), -XEN_ENOSYS},
        {"memory_op 0xfff", with(__HYPERVISOR_memory_op, 0x3f, 0), -XEN_ENOSYS},
        {"event_channel_op 999", with(__HYPERVISOR_event_channel_op, 999, 0), -XEN_ENOSYS},
        {"sched_op 999", with(__HYPERVISOR_sched_op, 999, 0), -XEN_ENOSYS},
        {"add_to_physmap, pointer 0x400000000000", with(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, unmapped),
         -XEN_EFAULT},
        {"add_to_physmap, pointer not canonical", with(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, not_canonical),
         -XEN_EFAULT},
        {"send, pointer unmapped", with(__HYPERVISOR_event_channel_op, EVTCHNOP_send, unmapped), -XEN_EFAULT},
        {"bind_virq, pointer at the end of the space",
         with(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, ~std::uint64_t{0}), -XEN_EFAULT},
        {"get_param, pointer unmapped", with(__HYPERVISOR_hvm_op, HVMOP_get_param, unmapped), -XEN_EFAULT},
        {"shutdown, pointer unmapped", with(__HYPERVISOR_sched_op, SCHEDOP_shutdown, unmapped), -XEN_EFAULT},
        {"set_singleshot_timer, pointer unmapped",
         hypercall(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, unmapped), -XEN_EFAULT},
    };
    const auto wrong = failures(list, sizeof list / sizeof list[0]);
    return {wrong == 0, Line{} << sizeof list / sizeof list[0] << " promises, " << wrong << " broken"};
}

} // namespace bulkhead::guest
