// SPDX-License-Identifier: Apache-2.0
// Runs the table and reports, one line for each row: `ok NAME` or `not ok NAME: got X want Y`, then `conformance: N
// passed, M failed`. The command line: `on=xen` compares with what the table says of Xen; `values` adds what was
// answered; `beside` runs the rows for a domain with a second vCPU and a peer; `role=peer` is that peer; `grants=2`
// says to either that it may have a grant table of version 2.
#include "beside.hpp"
#include "cpu.hpp"
#include "guest.hpp"
#include "machine.hpp"
#include "reporter.hpp"
#include "table.hpp"

namespace bulkhead::guest {
namespace {

using namespace conformance;

struct Count {
    std::uint32_t passed{0};
    std::uint32_t failed{0};
};
Count count;
bool on_xen_itself;
bool show_values;
Run this_run;

Line& operator<<(Line& line, std::int64_t value) {
    if (value < 0) {
        return line << '-' << (~number(value) + 1);
    }
    return line << number(value);
}

void report(const Line& name, std::int64_t got, std::int64_t want, const Effects& effects, bool with_effects) {
    Line line;
    const bool same = got == want && (effects.wrong() == nullptr || !with_effects);
    line << (same ? "ok " : "not ok ") << name;
    if (got != want) {
        line << ": got " << got << " want " << want;
    } else if (!same) {
        line << ": " << effects.wrong() << ": got " << effects.got() << " want " << effects.want();
    }
    if (show_values) {
        line << " = " << got;
    }
    say(line << '\n');
    ++(same ? count.passed : count.failed);
}

void report(const Line& name, std::int64_t got, std::int64_t want, const Effects& effects, const OnXen& xen) {
    const bool other = on_xen_itself && xen.reason != nullptr && (xen.widths & own_width) != 0;
    report(name, got, other ? xen.want : want, effects, !other || xen.effects);
}

void clear_scratch() {
    __builtin_memset(scratch, 0, sizeof scratch);
}

void run(const Row& row) {
    if (!belongs_to(row, own_width, this_run)) {
        return;
    }
    clear_scratch();
    Effects effects;
    const auto got = row.run(effects);
    report(Line{} << row.name, got, row.want, effects, row.xen);
}

/// The request is written where the guest can write: at the place itself, at its writable view, or not at all.
void run(const HandleCase& c, Place at) {
    if ((widths_of(at) & own_width) == 0) {
        return;
    }
    clear_scratch();
    const Word handle = place(at, c.size);
    void* request = reinterpret_cast<void*>(succeeds_there(at) ? handle : place(Place::aligned, c.size));
    c.fill(request);
    Effects effects;
    const auto got = c.call(handle);
    if (c.undo != nullptr) {
        c.undo(request);
    }
    report(Line{} << "handle/" << c.name << ' ' << name_of(at), got, wanted(c, at), effects, on_xen(c, at));
}

void run_table() {
    for (const HandleCase& c : handle_cases(this_run)) {
        for (std::uint8_t p = 0; p < static_cast<std::uint8_t>(Place::count); ++p) {
            run(c, static_cast<Place>(p));
        }
    }
    for (const Group& group : row_groups(this_run)) {
        drain(); // a group may end what the report goes through
        for (const Row& row : group.rows) {
            run(row);
        }
    }
}

void report_all() {
    say(Line{} << "conformance: begin, domain " << std::uint32_t{own_domain()} << '\n');
    if (!has_peer(this_run)) {
        run_table();
    } else if (meet_peer()) {
        run_table();
        dismiss_peer();
    } else {
        say(Line{} << "conformance: no peer\n");
    }
    say(Line{} << "conformance: " << count.passed << " passed, " << count.failed << " failed\n");
    drain();
}

} // namespace

void guest_main() {
    on_xen_itself = word_is("on", "xen");
    show_values = has_word("values");
    const bool both = word_is("grants", "2");
    set_up_machine();
    if (word_is("role", "peer")) {
        serve_as_peer(both ? 2 : 1);
    } else {
        this_run =
            has_word("beside") ? (both ? Run::version_2_beside : Run::beside) : (both ? Run::version_2 : Run::alone);
        report_all();
    }
    sched_shutdown end{SHUTDOWN_poweroff};
    (void)operate(__HYPERVISOR_sched_op, SCHEDOP_shutdown, end);
}

} // namespace bulkhead::guest
