// SPDX-License-Identifier: Apache-2.0
// Runs the parts that the command line names (`all`: those that a guest can survive), with `seed=N`.
#include "hostile.hpp"

namespace bulkhead::guest {
namespace {

struct Part {
    const char* name;
    Verdict (*run)(Random&);
    bool in_all;
};
constexpr Part parts[] = {
    {"errors", check_errors, true},   {"ports", attack_ports, true},           {"msrs", attack_msrs, true},
    {"ud2", execute_undefined, true}, {"hypercalls", attack_hypercalls, true}, {"ring", attack_console_ring, true},
    {"memory", attack_memory, false}, {"garbage", execute_garbage, false},     {"tables", lose_page_tables, false},
    {"triple", triple_fault, false}};

} // namespace

void guest_main() {
    Random random{number_of("seed", 1)};
    for (const auto& part : parts) {
        if (has_word(part.name) || (part.in_all && has_word("all"))) {
            console_write(Line{} << "hostile: " << part.name << " begins\n");
            const auto verdict = part.run(random);
            const Line line = Line{} << "hostile: " << part.name << (verdict.pass ? " PASS, " : " FAIL, ")
                                     << verdict.text << '\n';
            debug_port_write(line); // the console may be what was attacked
            console_write(line);
        }
    }
    console_write(Line{} << "hostile: done\n");
}

} // namespace bulkhead::guest
