// SPDX-License-Identifier: Apache-2.0
// I/O ports and model-specific registers: every one, read and written.
#include "cpu.hpp"
#include "hostile.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

struct Range {
    std::uint32_t first, last;
};
constexpr Range msr_ranges[] = {
    {0, 0x1fff}, {0x4000'0000, 0x4000'00ff}, {0xc000'0000, 0xc000'1fff}, {0xc001'0000, 0xc001'1fff}};
constexpr unsigned general_protection = 1 + 13;

struct Counts {
    std::uint64_t done, refused, strange;
};

void note(Counts& counts, unsigned outcome) {
    counts.done += outcome == 0 ? 1 : 0;
    counts.refused += outcome == general_protection ? 1 : 0;
    counts.strange += outcome != 0 && outcome != general_protection ? 1 : 0;
}

void attack_msr(std::uint32_t msr, Random& random, Counts& counts) {
    std::uint64_t before = 0;
    const auto readable = attempt([&] { before = read_msr(msr); });
    note(counts, readable);
    const std::uint64_t values[] = {before, ~before, random.next(), random.next() & 0xffff'ffff};
    for (const auto value : values) {
        note(counts, attempt([&] { write_msr(msr, value); }));
    }
    if (readable == 0) {
        note(counts, attempt([&] { write_msr(msr, before); }));
    }
}

} // namespace

Verdict attack_ports(Random& random) {
    Counts counts{};
    for (std::uint32_t port = 0; port <= 0xffff; ++port) {
        const auto p = static_cast<std::uint16_t>(port);
        const auto value = static_cast<std::uint32_t>(random.next());
        const auto outcome = attempt([&] {
            out8(p, port == 0xe9 ? '.' : static_cast<std::uint8_t>(value));
            if (port < 0xe6 || port > 0xe9) { // wider writes there spell nonsense into the log, byte by byte
                out16(p, static_cast<std::uint16_t>(value));
                out32(p, value);
            }
            (void)in8(p);
            (void)in16(p);
            (void)in32(p);
        });
        note(counts, outcome);
    }
    return {counts.done + counts.refused == 0x1'0000, Line{} << counts.done << " ports taken, " << counts.refused
                                                             << " refused, " << counts.strange << " strange"};
}

Verdict attack_msrs(Random& random) {
    Counts counts{};
    for (const auto& range : msr_ranges) {
        for (auto msr = range.first; msr <= range.last; ++msr) {
            attack_msr(msr, random, counts);
        }
    }
    return {counts.strange == 0, Line{} << counts.done << " accesses taken, " << counts.refused << " refused, "
                                        << counts.strange << " strange"};
}

} // namespace bulkhead::guest
