// SPDX-License-Identifier: Apache-2.0
// How figures are said, and which role this guest has. It must not know: what is measured.
#include "bench.hpp"

namespace bulkhead {

std::uint32_t rounds_of(const char* row, std::uint32_t times) {
    if (!guest::has_word("profile")) {
        return times;
    }
    if (!guest::word_is("profile", row)) {
        return 0;
    }
    guest::debug_port_write(guest::Line{} << "bench: profiling\n");
    return ~std::uint32_t{0};
}

void report(const char* row, const Samples& samples) {
    if (samples.empty()) {
        return;
    }
    const Figures figures = samples.figures();
    guest::debug_port_write(guest::Line{} << "bench: " << row << ' ' << figures.least << ' ' << figures.median << ' '
                                          << figures.largest << ' ' << figures.count << '\n');
}

namespace guest {
namespace bench {

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

} // namespace guest
} // namespace bulkhead
