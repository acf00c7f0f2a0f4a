// SPDX-License-Identifier: Apache-2.0
// The whole table: every group of rows in the order in which they run, and each operation's handle at each kind of
// place. It must not know: who walks over it.
#include "table.hpp"

namespace bulkhead::conformance {
namespace {

constexpr struct {
    Place place;
    const char* name;
    bool good;
    std::uint8_t widths;
} places[] = {
    {Place::aligned, "at a page's start", true, any_width},
    {Place::unaligned, "unaligned", true, any_width},
    {Place::across_pages, "across two pages", true, any_width},
    {Place::read_only, "read-only", false, paged},
    {Place::unmapped, "unmapped", false, any_width},
    {Place::no_ram, "without RAM", false, any_width},
    {Place::past_ram, "past RAM", false, any_width},
    {Place::wrapping, "wrapping around", false, any_width},
    {Place::not_canonical, "not canonical", false, wide},
};
static_assert(sizeof places / sizeof places[0] == static_cast<std::size_t>(Place::count));

} // namespace

std::span<const Group> row_groups(Run run) {
    static const Group alone[] = {version_rows,    mode_rows,       number_rows, event_rows,   event_hostile_rows,
                                  sched_rows,      timer_rows,      memory_rows, physmap_rows, hvm_rows,
                                  grant_rows,      grant_copy_rows, misc_rows,   vcpu_rows,    privileged_rows,
                                  upper_bits_rows, list_rows,       fifo_rows,   last_rows};
    static const Group beside[] = {peer_rows, second_vcpu_rows, second_vcpu_fifo_rows};
    // What does not depend on the versions is the same in both settings. Tables grow in the status frames' rows.
    static const Group version_2[] = {grant_rows, grant_copy_rows, version_2_rows, version_2_entry_rows,
                                      status_frame_rows};
    static const Group version_2_beside[] = {peer_rows, version_2_peer_rows};
    switch (run) {
    case Run::alone:
        return alone;
    case Run::beside:
        return beside;
    case Run::version_2:
        return version_2;
    case Run::version_2_beside:
        break;
    }
    return version_2_beside;
}

std::span<const HandleCase> handle_cases(Run run) {
    if (has_peer(run)) {
        return {};
    }
    return run == Run::alone ? common_handle_cases() : version_2_handle_cases();
}

bool belongs_to(const Row& row, Width width, Run run) {
    return (row.widths & width) != 0 && (row.versions & versions_of(run)) != 0;
}

std::uint8_t widths_of(Place place) {
    return places[static_cast<std::size_t>(place)].widths;
}
const char* name_of(Place place) {
    return places[static_cast<std::size_t>(place)].name;
}

std::int64_t wanted(const HandleCase& c, Place place) {
    if (place == Place::read_only) {
        return c.writes ? -14 : c.want;
    }
    return places[static_cast<std::size_t>(place)].good ? c.want : -14;
}
bool succeeds_there(Place place) {
    return places[static_cast<std::size_t>(place)].good;
}

OnXen on_xen(const HandleCase& c, Place place) {
    for (const auto& d : handle_deviations()) {
        if (d.place == place && equal_names(d.name, c.name)) {
            return d.xen;
        }
    }
    return {};
}

bool equal_names(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a, ++b) {
    }
    return *a == *b;
}

} // namespace bulkhead::conformance
