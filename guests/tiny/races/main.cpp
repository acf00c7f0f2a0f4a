// SPDX-License-Identifier: Apache-2.0
// What all races need: the second vCPU, counting, and the order of the races.
#include "races.hpp"

#include "cpu.hpp"
#include "events.hpp"
#include "paging.hpp"
#include "vcpu_context.hpp"

extern "C" {
extern const char races_flipper[];
extern volatile std::uint32_t races_count, races_seen, races_rounds;
struct Flip {
    std::uint32_t place, value[2];
};
extern volatile Flip races_list[128];
}

namespace bulkhead::guest::races {

namespace {

constexpr std::uint32_t second_vcpu = 1;
constexpr std::uint32_t max_places = 128;

bool failed;

void wait_until_seen(std::uint32_t count) {
    races_count = count;
    while (races_seen != count) {
        nap();
    }
}

} // namespace

void start_second_vcpu() {
    vcpu_hvm_context context = context_in_32_bit_code(races_flipper);
    check(vcpu_op(VCPUOP_initialise, second_vcpu, &context) == 0 && vcpu_op(VCPUOP_up, second_vcpu) == 0,
          "starting the second vCPU");
}

Race::Race() {
    wait_until_seen(0);
}

void Race::flip(volatile void* place, std::uint32_t first, std::uint32_t second) {
    check(count_ < max_places && address_of(place) % 4 == 0, "a place that changes", count_);
    volatile Flip& flip = races_list[count_++];
    flip.place = static_cast<std::uint32_t>(address_of(place));
    flip.value[0] = first;
    flip.value[1] = second;
    *static_cast<volatile std::uint32_t*>(place) = first;
}

void Race::start() {
    wait_until_seen(count_);
}

void Race::stop() {
    wait_until_seen(0);
}

std::uint32_t rounds() {
    return races_rounds;
}

void check(bool good, const char* what, std::int64_t value) {
    if (!good) {
        failed = true;
        console_write(Line{} << "races: FAIL: " << what << ' ' << Hex{number(value)} << '\n');
    }
}

bool all_good() {
    return !failed;
}

void Tally::end(std::uint32_t least_raced, std::uint32_t least_readings) const {
    console_write(Line{} << "races: " << name_ << ": " << calls_ << " calls, " << raced_ << " raced, " << readings_[0]
                         << " first and " << readings_[1] << " second readings\n");
    check(raced_ >= least_raced, "calls that were raced", raced_);
    check(readings_[0] >= least_readings && readings_[1] >= least_readings, "readings of each kind");
}

std::uint32_t first_word(std::uint64_t gfn) {
    std::uint32_t value = 0;
    const volatile std::uint8_t* const at = window(gfn * page_bytes);
    asm volatile("movl %1, %0" : "=r"(value) : "m"(*reinterpret_cast<const volatile std::uint32_t*>(at)));
    return value;
}

bool is_hole(std::uint64_t gfn) {
    return first_word(gfn) == ~std::uint32_t{0};
}

void nap() {
    (void)set_timer(system_time() + 20'000);
    wait_for_event(timer_port());
}

} // namespace bulkhead::guest::races

namespace bulkhead::guest {

void guest_main() {
    using namespace races;
    set_up_events();
    start_second_vcpu();
    using Step = void (*)();
    constexpr Step steps[] = {race_reservations, race_copies, race_mappings, race_multicalls, race_ports, race_starts};
    for (const Step step : steps) {
        if (all_good()) {
            step();
        }
    }
    console_write(Line{} << "races: " << (all_good() ? "PASS" : "FAIL") << '\n');
}

} // namespace bulkhead::guest
