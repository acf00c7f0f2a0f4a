// SPDX-License-Identifier: Apache-2.0
// A multicall's entries, the arguments of event channels and the context of a vCPU, while they change.
#include <bulkhead/xen.hpp>

#include "events.hpp"
#include "races.hpp"
#include "vcpu_context.hpp"

extern "C" {
extern const char races_first_start[], races_second_start[];
extern volatile std::uint32_t races_starts[2];
}

namespace bulkhead::guest::races {

namespace {

// --- multicalls

constexpr std::uint64_t play_gfn = 0x800; ///< RAM that nothing else uses
constexpr std::uint32_t entries = 6;
constexpr std::uint32_t pages_of_entry = 4; ///< one is the first reservation, the next two the second
constexpr std::uint32_t nowhere = 0x7000'0000;

/// Where they are differs in one bit.
struct alignas(128) Choice {
    alignas(64) xen_memory_reservation reservation[2];
};
Choice choices[entries];
xen_pfn_t extents[entries][3];
alignas(8) multicall_entry list[entries];

std::uint64_t page_of(std::uint32_t entry, std::uint32_t page) {
    return play_gfn + entry * pages_of_entry + page;
}

/// Even entries have one reservation or the other; odd ones one or none.
void flip_entry(Race& race, std::uint32_t i) {
    for (std::uint32_t page = 0; page < 3; ++page) {
        extents[i][page] = static_cast<xen_pfn_t>(page_of(i, page));
    }
    auto& [one, two] = choices[i].reservation;
    one = {};
    one.domid = DOMID_SELF;
    two = one;
    one.extent_start.p = &extents[i][0];
    one.nr_extents = 1;
    two.extent_start.p = &extents[i][1];
    two.nr_extents = 2;
    list[i] = {};
    list[i].op = __HYPERVISOR_memory_op;
    list[i].args[0] = XENMEM_decrease_reservation;
    const auto first = static_cast<std::uint32_t>(address_of(&one));
    race.flip(&list[i].args[1], first, i % 2 == 0 ? static_cast<std::uint32_t>(address_of(&two)) : first | nowhere);
}

void check_entry(std::uint32_t i, Tally& choice, Tally& error) {
    const auto done = static_cast<std::int64_t>(list[i].result);
    check(done == 1 || done == (i % 2 == 0 ? 2 : 0), "an entry's result", done);
    for (std::uint32_t page = 0; page < pages_of_entry; ++page) {
        const bool gone = done == 1 ? page == 0 : done == 2 && (page == 1 || page == 2);
        check(is_hole(page_of(i, page)) == gone, "what an entry has done", i);
    }
    (i % 2 == 0 ? choice : error).saw(done != 1);
    xen_memory_reservation back = choices[i].reservation[done == 2 ? 1 : 0];
    check(done == 0 || hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, back) == done, "getting again", done);
}

// --- ports

template <typename T> std::int64_t event_op(std::uint32_t operation, T& argument) {
    return hypercall(__HYPERVISOR_event_channel_op, operation, argument);
}
evtchn_status status_of(std::uint32_t port) {
    evtchn_status status{};
    status.dom = DOMID_SELF;
    status.port = port;
    check(event_op(EVTCHNOP_status, status) == 0, "status of a port", port);
    return status;
}
void close(std::uint32_t port) {
    evtchn_close argument{port};
    check(event_op(EVTCHNOP_close, argument) == 0, "close", port);
}
bool take_pending(std::uint32_t port) {
    const xen_ulong_t bit = xen_ulong_t{1} << port;
    return (__atomic_fetch_and(&shared().evtchn_pending[0], ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

alignas(8) evtchn_bind_ipi bind_argument;
alignas(8) evtchn_send send_argument;
alignas(8) evtchn_close close_argument;

/// One vCPU or another, or one that there is not. The port says which.
void race_bind(std::uint32_t other, const char* name) {
    Tally tally{name};
    Race race;
    race.flip(&bind_argument.vcpu, 0, other);
    race.start();
    for (std::uint32_t round = 0; round < 200 && all_good(); ++round) {
        const auto result = tally.call([] { return event_op(EVTCHNOP_bind_ipi, bind_argument); });
        check(result == 0 || (other > last_start && result == -XEN_ENOENT), "bind_ipi", result);
        if (result != 0) {
            tally.saw(true);
            continue;
        }
        const evtchn_status status = status_of(bind_argument.port);
        check(status.status == EVTCHNSTAT_ipi && (status.vcpu == 0 || status.vcpu == other), "the port", status.vcpu);
        tally.saw(status.vcpu != 0);
        close(bind_argument.port);
    }
    tally.end();
}

struct Pair {
    std::uint32_t port[2];
};
std::uint32_t bind_ipi() {
    evtchn_bind_ipi bind{};
    check(event_op(EVTCHNOP_bind_ipi, bind) == 0 && bind.port < 32, "bind_ipi", bind.port);
    __atomic_fetch_or(&shared().evtchn_mask[0], xen_ulong_t{1} << bind.port, __ATOMIC_SEQ_CST);
    return bind.port;
}

void race_send(const Pair& pair) {
    Tally tally{"port of a send"};
    Race race;
    race.flip(&send_argument.port, pair.port[0], pair.port[1]);
    race.start();
    for (std::uint32_t round = 0; round < 2000 && all_good(); ++round) {
        check(tally.call([] { return event_op(EVTCHNOP_send, send_argument); }) == 0, "send");
        const bool first = take_pending(pair.port[0]);
        const bool second = take_pending(pair.port[1]);
        check(first != second, "one of two ports is raised");
        tally.saw(second);
    }
    tally.end();
}

void race_close(const Pair& pair) {
    Tally tally{"port of a close"};
    Race race;
    race.flip(&close_argument.port, pair.port[0], pair.port[1]);
    race.start();
    for (std::uint32_t round = 0; round < 200 && all_good(); ++round) {
        check(tally.call([] { return event_op(EVTCHNOP_close, close_argument); }) == 0, "close");
        const bool first = status_of(pair.port[0]).status == EVTCHNSTAT_closed;
        const bool second = status_of(pair.port[1]).status == EVTCHNSTAT_closed;
        check(first != second, "one of two ports is closed");
        tally.saw(second);
        check(bind_ipi() == pair.port[second ? 1 : 0], "the port that was closed is free");
    }
    tally.end();
}

// --- contexts

alignas(8) vcpu_hvm_context context;

/// Until it is accepted, and then it is up: refused, it must not have registers.
void initialise_and_up(std::uint32_t vcpu, Tally& refusals) {
    for (std::uint32_t attempts = 0; attempts < 100; ++attempts) {
        const auto result = refusals.call([&] { return vcpu_op(VCPUOP_initialise, vcpu, &context); });
        check(result == 0 || result == -XEN_EINVAL, "initialise", result);
        refusals.saw(result != 0);
        const auto up = vcpu_op(VCPUOP_up, vcpu);
        check(up == result, "up as initialise was", up);
        if (result == 0) {
            return;
        }
    }
    check(false, "never initialised", vcpu);
}

} // namespace

void race_multicalls() {
    Tally choice{"arguments of an entry"};
    Tally error{"addresses in an entry"};
    Race race;
    for (std::uint32_t i = 0; i < entries; ++i) {
        flip_entry(race, i);
    }
    race.start();
    for (std::uint32_t round = 0; round < 100 && all_good(); ++round) {
        const auto call = [] { return hypercall(__HYPERVISOR_multicall, address_of(list), Word{entries}); };
        const auto result = choice.call([&] { return error.call(call); });
        check(result == 0, "multicall", result);
        for (std::uint32_t i = 0; i < entries; ++i) {
            check_entry(i, choice, error);
        }
    }
    choice.end();
    error.end();
}

void race_ports() {
    race_bind(1, "vCPU of a port");
    race_bind(0x0100'0000, "vCPU of a port, or none");
    const Pair pair{{bind_ipi(), bind_ipi()}};
    race_send(pair);
    race_close(pair);
}

/// Where a vCPU starts changes, and CR0, one of whose two values is refused.
void race_starts() {
    constexpr std::uint32_t good_cr0 = 0x11, bad_cr0 = good_cr0 | 1u << 29; // not write-through, and cached
    Tally places{"where a vCPU starts"};
    Tally refusals{"CR0 of a vCPU"};
    Race race;
    context = context_in_32_bit_code(races_first_start);
    auto& r = context.cpu_regs.x86_32;
    race.flip(&r.cr0, good_cr0, bad_cr0);
    race.flip(&r.eip, static_cast<std::uint32_t>(address_of(races_first_start)),
              static_cast<std::uint32_t>(address_of(races_second_start)));
    race.start();
    for (std::uint32_t vcpu = first_start; vcpu <= last_start && all_good(); ++vcpu) {
        const std::uint32_t before[] = {races_starts[0], races_starts[1]};
        initialise_and_up(vcpu, refusals);
        while (vcpu_op(VCPUOP_is_up, vcpu) != 0) {
            nap();
        }
        const std::uint32_t first = races_starts[0] - before[0];
        const std::uint32_t second = races_starts[1] - before[1];
        check(first + second == 1, "one start", first + second);
        places.saw(second != 0);
    }
    places.end(0, 2);
    refusals.end(2);
}

} // namespace bulkhead::guest::races
