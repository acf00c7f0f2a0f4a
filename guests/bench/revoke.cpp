// SPDX-License-Identifier: Apache-2.0
// What the destruction of a domain costs while many of its pages are mapped by others, and how long it keeps a third
// domain from running:
//   run=revoked  offers pages to `mappers=` domains, waits until each has mapped `count=` of them, reboots, and in its
//   second life says how long that took; run=mapper   domain `first=` or one behind it: maps them; run=latency  wakes
//   up by its timer all the time, and says what its longest delay was between the end of the first life and the second
//   one.
// The first and the last keep in touch by a page of the last one's, which the other copies from and to.
#include "bench.hpp"

namespace bulkhead::guest::bench {
namespace {

constexpr std::uint64_t pause_ns = 1'000'000;
/// Each mapper's; each is mapped more than once, if `count=` is larger.
constexpr std::uint32_t refs_of_mapper = 500;
static_assert(refs_of_mapper <= page_count);

enum class Phase : std::uint32_t { nothing_yet, ending, over };

struct Progress {
    Phase phase;
    std::uint32_t unused;
    std::uint64_t ended_at;
};
static_assert(sizeof(Progress) == 16);

/// The mapper with that number leaves a mark here, in the first page that it has mapped: all see that same page.
volatile unsigned char& mark_of(Page& page, std::uint32_t mapper) {
    return page.byte[mapper];
}

std::uint32_t count() {
    return static_cast<std::uint32_t>(number_of("count", 1));
}

/// The rows, by how many mappings there are.
struct Names {
    const char* restart;
    const char* latency;
    const char* latency_below; ///< when the component that destroys has less priority
};

Names names() {
    const auto mappings = count() * number_of("mappers", 1);
    return mappings == 1      ? Names{"restart_1_mapped", "latency_1_mapped", "latency_below_1_mapped"}
           : mappings == 1000 ? Names{"restart_1000_mapped", "latency_1000_mapped", "latency_below_1000_mapped"}
                              : Names{"restart_60000_mapped", "latency_60000_mapped", "latency_below_60000_mapped"};
}

void offer_to_all(std::uint32_t mappers, domid_t first) {
    auto* const entries = show_grant_table((first_ref + mappers * refs_of_mapper) / entries_per_frame + 1);
    for (std::uint32_t i = 0; i < mappers * refs_of_mapper; ++i) {
        offer(entries[first_ref + i], pages[i % refs_of_mapper], static_cast<domid_t>(first + i / refs_of_mapper));
    }
    for (std::uint32_t mapper = 0; mapper < mappers; ++mapper) {
        while (mark_of(pages[0], mapper) == 0) {
            sleep_for(pause_ns);
        }
    }
}

void tell(Progress progress) {
    alignas(Progress) static Progress from;
    from = progress;
    expect(copy_to_peer(&from, sizeof from), "copy");
}

} // namespace

void be_revoked() {
    alignas(Progress) static Progress progress;
    const auto mappers = static_cast<std::uint32_t>(number_of("mappers", 1));
    set_up_events();
    while (!copy_from_peer(&progress, sizeof progress)) {
        sleep_for(pause_ns);
    }
    if (progress.phase == Phase::nothing_yet) {
        offer_to_all(mappers, static_cast<domid_t>(number_of("first", 0)));
        sleep_for(pause_ns);
        tell({Phase::ending, 0, rdtsc()});
        shut_down(ShutdownReason::reboot);
    }
    Samples samples;
    samples.add(first_instruction() - progress.ended_at);
    report(names().restart, samples);
    tell({Phase::over, 0, 0});
}

void map_many() {
    set_up_events();
    const std::uint32_t wanted = count();
    expect(wanted <= page_count, "as many mappings as there are pages");
    const auto mapper = static_cast<std::uint32_t>(number_of("mapper", 0));
    give_back_pages(wanted);
    for (std::uint32_t i = 0; i < wanted; ++i) {
        const grant_ref_t ref = first_ref + mapper * refs_of_mapper + i % refs_of_mapper;
        while (!map_page(ref, pages[i])) { // not offered yet
            expect(i == 0, "every mapping succeeds");
            sleep_for(pause_ns);
        }
    }
    mark_of(pages[0], mapper) = 1;
    for (;;) {
        sleep_for(1'000'000 * pause_ns);
    }
}

void measure_latency() {
    constexpr std::uint64_t delay_ns =
        7'000; // short, so that hardly a step of the destruction goes by without a deadline in it
    set_up_events();
    offer(show_grant_table(1)[first_ref], pages[0], peer());
    void* const first = &pages[0];
    const volatile auto& progress = *static_cast<const volatile Progress*>(first);
    std::uint64_t largest = 0;
    while (progress.phase != Phase::over) {
        const auto deadline = system_time() + delay_ns;
        expect_ok(set_timer(deadline), "set_singleshot_timer");
        wait_for_event(timer_port());
        const auto late = system_time() - deadline;
        largest = progress.phase != Phase::nothing_yet && late > largest ? late : largest;
    }
    Samples samples;
    samples.add(largest);
    report(has_word("below") ? names().latency_below : names().latency, samples);
}

} // namespace bulkhead::guest::bench
