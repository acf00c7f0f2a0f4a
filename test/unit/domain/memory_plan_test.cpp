// SPDX-License-Identifier: Apache-2.0
// The planner: what it places never overlaps and lies in RAM, whatever kernels and sizes ask for.
// REQ-DOMAIN-005
#include <catch2/catch.hpp>

#include <random>

#include "memory_plan.hpp"

using namespace bulkhead;
using namespace bulkhead::domain;
namespace gl = bulkhead::domain::guest_layout;

namespace {

constexpr std::uint64_t mib = gl::mib;

PvhImage kernel(std::initializer_list<GuestRange> segments) {
    PvhImage image;
    for (const GuestRange& range : segments) {
        image.segment[image.segment_count++] = {0, 0, GuestPhys{range.begin}, range.size()};
    }
    return image;
}

bool in_guest_ram(const MemoryPlan& plan, const GuestRange& range) {
    for (const MemoryMapEntry& entry : plan.map.entries()) {
        if (entry.type == MemoryType::ram && range.begin >= entry.range.begin && range.end <= entry.range.end) {
            return true;
        }
    }
    return false;
}

void check_plan(const MemoryPlan& plan, const PvhImage& image, const PlanInput& input) {
    REQUIRE(plan.low_bytes + plan.high_bytes == input.memory_bytes);
    REQUIRE(plan.low_bytes <= gl::low_limit);
    REQUIRE((plan.high_bytes == 0 || plan.low_bytes == gl::low_limit));
    std::uint64_t previous = 0;
    std::uint64_t ram = 0;
    for (const MemoryMapEntry& entry : plan.map.entries()) {
        REQUIRE(entry.range.begin >= previous);
        REQUIRE(entry.range.end > entry.range.begin);
        previous = entry.range.end;
        ram += entry.type == MemoryType::ram ? entry.range.size() : 0;
    }
    REQUIRE(ram == input.memory_bytes - gl::hole.size());
    REQUIRE(in_guest_ram(plan, plan.start.range));
    REQUIRE(plan.start.range.end <= gl::start_limit);
    REQUIRE(plan.start.range.begin >= gl::first_usable);
    REQUIRE(plan.start.command_line.value + input.command_line_bytes + 1 == plan.start.range.end);
    REQUIRE(plan.ramdisk.size() == input.ramdisk_bytes);
    if (input.ramdisk_bytes != 0) {
        REQUIRE(in_guest_ram(plan, plan.ramdisk));
        REQUIRE(plan.ramdisk.end <= gl::ramdisk_limit);
        REQUIRE(plan.ramdisk.begin % page_size == 0);
        REQUIRE_FALSE(plan.ramdisk.overlaps(plan.start.range));
    }
    for (const LoadSegment& segment : image.segments()) {
        const GuestRange range{segment.address.value, segment.end()};
        REQUIRE(in_guest_ram(plan, range));
        REQUIRE_FALSE(range.overlaps(plan.start.range));
        REQUIRE_FALSE(range.overlaps(plan.ramdisk));
    }
}

} // namespace

TEST_CASE("Linux-like domains get the plan that Linux wants", "[domain][plan]") {
    const PvhImage image = kernel({{16 * mib, 62 * mib}});
    const PlanInput input{256 * mib, 8 * mib + 5, 40};
    MemoryPlan plan;
    REQUIRE(plan_memory(input, image, plan) == PlanError::none);
    check_plan(plan, image, input);
    CHECK(plan.start.start_info == GuestPhys{gl::first_usable});
    CHECK(plan.ramdisk.begin == 62 * mib); // right after the kernel
    CHECK(plan.map.count == 6);
    CHECK(plan.ram_end() == 256 * mib);
}

TEST_CASE("memory above 3 GiB continues at 4 GiB", "[domain][plan]") {
    const PvhImage image = kernel({{16 * mib, 62 * mib}});
    const PlanInput input{5 * gl::gib, 0, 0};
    MemoryPlan plan;
    REQUIRE(plan_memory(input, image, plan) == PlanError::none);
    check_plan(plan, image, input);
    CHECK(plan.low_bytes == 3 * gl::gib);
    CHECK(plan.ram_end() == 6 * gl::gib);
    CHECK(plan.map.count == 7);
}

TEST_CASE("impossible memory sizes are refused", "[domain][plan]") {
    const PvhImage image = kernel({{mib, mib + 4096}});
    MemoryPlan plan;
    for (const std::uint64_t bytes : {std::uint64_t{0}, mib, 2 * mib + 1, gl::max_ram + page_size, ~std::uint64_t{0}}) {
        CHECK(plan_memory({bytes, 0, 0}, image, plan) == PlanError::bad_memory_size);
    }
}

TEST_CASE("kernels that do not fit their RAM are refused", "[domain][plan]") {
    MemoryPlan plan;
    const PlanInput input{64 * mib, 0, 0};
    CHECK(plan_memory(input, kernel({{16 * mib, 64 * mib + 1}}), plan) == PlanError::kernel_outside_ram);
    CHECK(plan_memory(input, kernel({{0x9f000, 0xa0001}}), plan) == PlanError::kernel_outside_ram);
    CHECK(plan_memory(input, kernel({{0xe0000, 0xe1000}}), plan) == PlanError::kernel_outside_ram);
    CHECK(plan_memory({5 * gl::gib, 0, 0}, kernel({{gl::high_base, gl::high_base + 4096}}), plan) ==
          PlanError::kernel_outside_ram);
    CHECK(plan_memory(input, kernel({{16 * mib, 64 * mib}}), plan) == PlanError::none);
}

TEST_CASE("the start block makes way for a kernel in low memory and for a long command line", "[domain][plan]") {
    MemoryPlan plan;
    const PvhImage low = kernel({{0x1000, 0xa0000}, {mib, 2 * mib}});
    REQUIRE(plan_memory({64 * mib, 4096, 100}, low, plan) == PlanError::none);
    check_plan(plan, low, {64 * mib, 4096, 100});
    CHECK(plan.start.range.begin == 2 * mib);
    const PvhImage usual = kernel({{mib, 2 * mib}});
    REQUIRE(plan_memory({64 * mib, 0, 0xa0000}, usual, plan) == PlanError::none);
    CHECK(plan.start.range.begin == 2 * mib);
    CHECK(plan_memory({64 * mib, 0, 36 * mib}, usual, plan) == PlanError::no_room_for_start);
    CHECK(plan_memory({64 * mib, 0, ~std::uint64_t{0} - 4096}, usual, plan) == PlanError::no_room_for_start);
}

TEST_CASE("the ramdisk goes below a kernel that sits at the top, or is refused", "[domain][plan]") {
    MemoryPlan plan;
    const PvhImage high = kernel({{60 * mib, 64 * mib}});
    const PlanInput input{64 * mib, 32 * mib, 10};
    REQUIRE(plan_memory(input, high, plan) == PlanError::none);
    check_plan(plan, high, input);
    CHECK(plan.ramdisk.begin == mib);
    CHECK(plan_memory({64 * mib, 60 * mib, 10}, high, plan) == PlanError::no_room_for_ramdisk);
    CHECK(plan_memory({64 * mib, ~std::uint64_t{0}, 10}, high, plan) == PlanError::no_room_for_ramdisk);
    CHECK(plan_memory({4 * gl::gib, gl::gib, 10}, high, plan) == PlanError::no_room_for_ramdisk);
}

TEST_CASE("random plans never overlap", "[domain][plan]") {
    std::mt19937_64 random{20260102};
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    int good = 0;
    for (int round = 0; round < 5000; ++round) {
        PvhImage image;
        const std::uint64_t memory = gl::min_ram + below(128 * mib) / page_size * page_size;
        for (std::uint64_t i = 1 + below(6); i > 0; --i) {
            const std::uint64_t begin = below(4) == 0 ? below(gl::hole.begin) : gl::hole.end + below(memory - mib);
            const std::uint64_t length = 1 + below(below(2) == 0 ? 0x4000 : 16 * mib);
            image.segment[image.segment_count++] = {0, 0, GuestPhys{begin}, length};
        }
        const PlanInput input{memory, below(2) * below(64 * mib), below(3) == 0 ? below(mib) : below(1024)};
        MemoryPlan plan;
        if (plan_memory(input, image, plan) == PlanError::none) {
            check_plan(plan, image, input);
            ++good;
        }
    }
    CHECK(good > 1000); // the generator does make plans that work
}
