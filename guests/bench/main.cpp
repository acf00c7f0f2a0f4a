// SPDX-License-Identifier: Apache-2.0
// Samples, and which role this guest has. It must not know: what is measured.
#include "bench.hpp"

namespace bulkhead::guest {
namespace bench {
namespace {

std::uint64_t ticks[max_samples];

/// In place, shell sort: there are a thousand at most.
void sort(std::uint32_t count) {
    for (std::uint32_t gap = count / 2; gap != 0; gap /= 2) {
        for (std::uint32_t i = gap; i < count; ++i) {
            const std::uint64_t value = ticks[i];
            std::uint32_t at = i;
            for (; at >= gap && ticks[at - gap] > value; at -= gap) {
                ticks[at] = ticks[at - gap];
            }
            ticks[at] = value;
        }
    }
}

} // namespace

std::uint64_t empty_ticks() {
    static const std::uint64_t least = [] {
        std::uint64_t result = ~std::uint64_t{0};
        for (int i = 0; i < 64; ++i) {
            const auto start = rdtsc();
            const auto passed = rdtsc() - start;
            result = passed < result ? passed : result;
        }
        return result;
    }();
    return least;
}

Samples::Samples() {
    (void)empty_ticks();
}

void Samples::add(std::uint64_t value) {
    if (count_ < max_samples) {
        const std::uint64_t empty = empty_ticks();
        ticks[count_++] = value > empty ? value - empty : 0;
    }
}

void Samples::report(const char* row) {
    if (count_ == 0) {
        return;
    }
    sort(count_);
    debug_port_write(Line{} << "bench: " << row << ' ' << ticks[0] << ' ' << ticks[count_ / 2] << ' '
                            << ticks[count_ - 1] << ' ' << count_ << '\n');
}

std::uint32_t rounds_of(const char* row, std::uint32_t times) {
    if (!has_word("profile")) {
        return times;
    }
    if (!word_is("profile", row)) {
        return 0;
    }
    debug_port_write(Line{} << "bench: profiling\n");
    return ~std::uint32_t{0};
}

void expect(bool condition, const char* what) {
    if (!condition) {
        debug_port_write(Line{} << "bench: FAIL " << what << '\n');
        shut_down(ShutdownReason::crash);
    }
}

} // namespace bench

void guest_main() {
    using namespace bench;
    struct Role {
        const char* name;
        void (*run)();
    };
    constexpr Role roles[] = {{"alone", measure_alone},
                              {"vcpus", measure_vcpus},
                              {"serve", serve_peer},
                              {"peer", measure_with_peer},
                              {"created", tell_first_instruction},
                              {"active", be_active},
                              {"scaled", measure_scaled},
                              {"revoked", be_revoked},
                              {"mapper", map_many},
                              {"latency", measure_latency}};
    bool known = false;
    for (const Role& role : roles) {
        if (word_is("run", role.name)) {
            known = true;
            role.run();
        }
    }
    expect(known, "nothing to run");
    debug_port_write(Line{} << "bench: done\n");
}

} // namespace bulkhead::guest
