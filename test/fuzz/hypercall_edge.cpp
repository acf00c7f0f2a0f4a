// SPDX-License-Identifier: Apache-2.0
// The hypercall edge of a monitor: any number, any arguments, any bytes behind them, in 64-bit and 32-bit code, and any
// answers of the components. The monitor stays alive, and what it did not promise to write stays as it was.
// REQ-INPUT-009
#include <fuzzer/FuzzedDataProvider.h>

#include <machine.hpp>

#include "demand.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;

namespace {

constexpr std::uint32_t max_calls = 24;
constexpr std::uint64_t canary_at = test::read_only_page;
constexpr std::uint64_t canary = 0x5afe'c0de'5afe'c0de;

/// Numbers that mean something more often than chance would have it.
std::uint64_t argument(FuzzedDataProvider& input) {
    switch (input.ConsumeIntegralInRange<std::uint8_t>(0, 9)) {
    case 0:
    case 1:
        return test::scratch;
    case 2:
        return test::scratch + page_size - input.ConsumeIntegralInRange<std::uint32_t>(0, 64);
    case 3:
        return test::read_only_page;
    case 4:
        return test::unmapped;
    case 5:
        return ~std::uint64_t{0} - input.ConsumeIntegralInRange<std::uint32_t>(0, 64);
    case 6:
        return input.ConsumeIntegral<std::uint32_t>();
    case 7:
        return input.ConsumeIntegral<std::uint64_t>();
    default:
        return input.ConsumeIntegralInRange<std::uint32_t>(0, 64);
    }
}

void fill_arguments(FuzzedDataProvider& input, test::Machine& m) {
    const auto bytes = input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 256));
    const std::uint64_t at = test::scratch + (input.ConsumeBool() ? 0 : page_size - 32);
    std::copy(bytes.begin(), bytes.end(), m.ram() + at);
}

void call(FuzzedDataProvider& input, test::Machine& m) {
    VcpuState& s = m.state();
    const bool wide = input.ConsumeBool();
    s.cs.access = wide ? 0xa9b : 0xc9b; // compatibility mode: 32-bit code on the same page tables
    m.gpr(Gpr::rax) = input.ConsumeIntegralInRange<std::uint32_t>(0, 64);
    const Gpr registers[] = {Gpr::rdi, Gpr::rsi, Gpr::rdx, Gpr::r10, Gpr::r8, Gpr::rbx, Gpr::rcx};
    for (const Gpr which : registers) {
        m.gpr(which) = argument(input);
    }
    s.instruction_length = 3;
    handle_hypercall(m.d(), m.v());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider input{data, size};
    test::Machine m;
    m.enter_long_mode();
    m.store(canary_at, canary);
    m.memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
        reply.result = input.ConsumeIntegralInRange<std::int32_t>(-40, 2);
        reply.value = input.ConsumeIntegral<std::uint64_t>();
        if (request.which_request == bulkhead_MemoryRequest_move_tag && input.ConsumeBool()) {
            reply.moved_count = 1;
            reply.moved[0] = {request.request.move.to, input.ConsumeIntegralInRange<std::uint64_t>(0, 2048), 1};
        }
    };
    m.grant = [&](const bulkhead_GrantRequest&, bulkhead_GrantReply& reply) {
        reply.result = input.ConsumeIntegralInRange<std::int32_t>(-40, 2);
        reply.status = input.ConsumeIntegralInRange<std::int32_t>(-20, 2);
    };
    alignas(page_size) static std::uint8_t window[layout::grant_window_pages * page_size];
    m.d().foreign = ForeignPages{DomId{test::own_domain}, window};
    m.offers_map = [&](const test::Machine::Offered& page) {
        demand(!page.to_monitor || page.address - layout::grant_window.value < sizeof window);
        return input.ConsumeBool() ? Status::ok
                                   : static_cast<Status>(input.ConsumeIntegralInRange<std::uint8_t>(0, 20));
    };
    m.event = [&](const bulkhead_EventRequest&, bulkhead_EventReply& reply) {
        reply.result = input.ConsumeIntegralInRange<std::int32_t>(-40, 2);
        reply.port = input.ConsumeIntegral<std::uint32_t>();
        reply.status = input.ConsumeIntegralInRange<std::uint32_t>(0, 6);
        return std::uint32_t{input.ConsumeBool()};
    };
    for (std::uint32_t i = 0; i < max_calls && input.remaining_bytes() != 0 && !m.d().ended; ++i) {
        fill_arguments(input, m);
        call(input, m);
    }
    demand(m.load<std::uint64_t>(canary_at) == canary); // it is in a page that the guest cannot write
    return 0;
}
