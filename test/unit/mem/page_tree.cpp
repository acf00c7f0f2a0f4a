// SPDX-License-Identifier: Apache-2.0
// The page-table tree, case by case.
// REQ-MEM-001
#include "kernel/mem/page_tree.hpp"

#include "recording_memory.hpp"

#include <catch2/catch.hpp>

namespace bulkhead::kernel {
namespace {

using test::RecordingMemory;
using test::translate;

constexpr std::uint64_t page = page_size;
constexpr std::uint64_t large = large_page_size;
constexpr PageFlags read_write{.write = true, .user = true};
constexpr std::uint32_t plenty = 1u << 20;

template <typename Format> struct Space {
    HostPhys root;
    PageTree<Format, RecordingMemory> tree;
    BasicPagePool<RecordingMemory> pool;

    explicit Space(unsigned pool_pages) : root{make_root()}, tree{root} {
        for (unsigned i = 0; i < pool_pages; ++i) {
            pool.give(RecordingMemory::add(0x10'0000 + i * page));
        }
    }
    static HostPhys make_root() {
        RecordingMemory::reset();
        const HostPhys r = RecordingMemory::add(0x1000);
        RecordingMemory::frames[r.value].fill(0);
        return r;
    }
    TreeStep map(std::uint64_t input, std::uint64_t frame, std::uint64_t pages, PageFlags flags = read_write,
                 Existing existing = Existing::refuse, std::uint32_t budget = plenty) {
        return tree.map(pool, input, HostPhys{frame}, pages, flags, existing, budget);
    }
    TreeStep unmap(std::uint64_t input, std::uint64_t pages, FrameRange filter = {}, std::uint32_t budget = plenty) {
        return tree.unmap(pool, input, pages, filter, budget);
    }
};
using Host = Space<HostFormat>;
using Nested = Space<NestedFormat>;

TEST_CASE("flags reach the entry", "[page_tree]") {
    for (unsigned bits = 0; bits < 16; ++bits) {
        const PageFlags flags{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
        Host host{8};
        REQUIRE(host.map(0x4000, 0x9000, 1, flags).status == Status::ok);
        const auto seen = translate(host.root, 0x4000);
        REQUIRE(seen);
        CHECK(*seen == test::Translation{0x9000, flags.write, flags.user, flags.execute, flags.uncached});
        CHECK(host.tree.lookup(0x4fff).flags == flags);

        Nested nested{8};
        REQUIRE(nested.map(0x4000, 0x9000, 1, flags).status == Status::ok);
        CHECK(translate(nested.root, 0x4000)->user); // every nested access is a user access
    }
}

TEST_CASE("large leaves only where everything allows", "[page_tree]") {
    Host s{16};
    REQUIRE(s.map(3 * large, 5 * large, 512).status == Status::ok);
    CHECK(s.tree.lookup(3 * large + 0x1234).bytes == large);
    CHECK(s.tree.lookup(3 * large + 0x1234).frame == HostPhys{5 * large});
    REQUIRE(s.map(6 * large, 5 * large + page, 512).status == Status::ok); // frame not aligned
    CHECK(s.tree.lookup(6 * large).bytes == page);
    REQUIRE(s.map(9 * large, 5 * large, 511).status == Status::ok); // too short
    CHECK(s.tree.lookup(9 * large).bytes == page);
    REQUIRE(s.unmap(9 * large, 511).status == Status::ok);
    REQUIRE(s.map(9 * large, 5 * large, 512).status == Status::ok); // a table is in the way
    CHECK(s.tree.lookup(9 * large).bytes == page);
    const TreeStep mixed = s.map(12 * large - page, 20 * large - page, 1 + 512 + 3);
    REQUIRE((mixed.status == Status::ok && mixed.pages_done == 516));
    CHECK(s.tree.lookup(12 * large - page).bytes == page);
    CHECK(s.tree.lookup(12 * large).bytes == large);
    CHECK(s.tree.lookup(13 * large + 2 * page).frame == HostPhys{21 * large + 2 * page});
    CHECK_FALSE(s.tree.lookup(13 * large + 3 * page).present);
}

TEST_CASE("refuse stops at the first occupied page", "[page_tree]") {
    Host s{16};
    REQUIRE(s.map(5 * page, 0x9000, 1).status == Status::ok);
    const TreeStep step = s.map(0, 0x40'0000, 10);
    CHECK(step.status == Status::already_mapped);
    CHECK(step.pages_done == 5);
    CHECK_FALSE(step.flush);
    REQUIRE(s.unmap(0, 10, FrameRange{HostPhys{0x40'0000}, 10 * page}).status == Status::ok); // the caller's way back
    CHECK(s.tree.lookup(5 * page).frame == HostPhys{0x9000});
    CHECK_FALSE(s.tree.lookup(4 * page).present);
    REQUIRE(s.map(4 * large, 4 * large, 512).status == Status::ok);
    CHECK(s.map(4 * large + page, 0x9000, 1).status == Status::already_mapped);
    CHECK(s.map(4 * large, 8 * large, 512).status == Status::already_mapped);
}

TEST_CASE("fresh mappings need no flush, changes do", "[page_tree]") {
    Nested s{16};
    CHECK_FALSE(s.map(0, 0, 2048).flush);
    CHECK_FALSE(s.map(0, 0, 2048, read_write, Existing::replace).flush); // the same again
    CHECK(s.map(7 * page, 0x9000, 1, read_write, Existing::replace).flush);
    CHECK(s.tree.lookup(6 * page).frame == HostPhys{6 * page}); // the split kept the neighbours
    CHECK(s.map(large, 9 * large, 512, read_write, Existing::replace).flush);
    CHECK(s.unmap(large, 1).flush);
    CHECK_FALSE(s.unmap(large, 1).flush);
    CHECK_FALSE(s.unmap(64 * large, 512 * 512).flush);
}

TEST_CASE("unmap obeys its filter", "[page_tree]") {
    Nested s{16};
    REQUIRE(s.map(0, 4 * large, 1024).status == Status::ok);
    REQUIRE(s.map(page, 0x9000, 1, read_write, Existing::replace).status == Status::ok);
    const auto gone = [&](std::uint64_t at) { return !s.tree.lookup(at).present; };
    REQUIRE(s.unmap(0, 4, FrameRange{HostPhys{4 * large}, 2 * page}).pages_done == 4);
    CHECK((gone(0) && !gone(page) && !gone(2 * page)));
    // A large leaf that the filter takes in part.
    REQUIRE(s.unmap(large, 512, FrameRange{HostPhys{5 * large + page}, page}).pages_done == 512);
    CHECK((!gone(large) && gone(large + page) && !gone(large + 2 * page)));
    CHECK(s.unmap(0, 1024, FrameRange{HostPhys{0}, 0}).pages_done == 1024);
    CHECK(!gone(large));
}

TEST_CASE("an exhausted pool leaves things as they are", "[page_tree]") {
    Nested s{2}; // levels 3 and 2
    REQUIRE(s.map(0, 0, 512).status == Status::ok);
    REQUIRE(s.pool.count() == 0);
    const TreeStep unmap = s.unmap(page, 1);
    CHECK((unmap.status == Status::out_of_memory && unmap.pages_done == 0 && !unmap.flush));
    CHECK(s.tree.lookup(page).present);
    CHECK(s.map(large, 0, 1).status == Status::out_of_memory);
    CHECK(s.map(page, 0x9000, 1, read_write, Existing::replace).status == Status::out_of_memory);
    CHECK(s.tree.lookup(page).bytes == large);
    CHECK(s.unmap(0, 512).status == Status::ok); // the whole leaf needs no table
    CHECK_FALSE(s.tree.lookup(0).present);
}

TEST_CASE("budget bounds a step, and steps add up", "[page_tree]") {
    Nested s{64};
    std::uint64_t done = 0;
    unsigned steps = 0;
    while (done < 3000) {
        const TreeStep step = s.map(page + done * page, done * page, 3000 - done, read_write, Existing::refuse, 7);
        REQUIRE(step.status == Status::ok);
        REQUIRE((step.pages_done > 0 && step.pages_done <= 7));
        done += step.pages_done;
        ++steps;
    }
    CHECK(steps == 429);
    // Holes cost one step each, however large.
    CHECK(s.unmap(std::uint64_t{1} << 40, std::uint64_t{1} << 27, {}, 1).pages_done == std::uint64_t{1} << 27);
    CHECK(s.unmap(0, (std::uint64_t{1} << 48) / page, {}, 3000 + 512 * 4).pages_done == (std::uint64_t{1} << 36));
    // With a budget of one, splitting is a step of its own and everything still comes to an end.
    REQUIRE(s.map(64 * large, 64 * large, 512).status == Status::ok);
    CHECK(s.unmap(64 * large + page, 1, {}, 1).pages_done == 0);
    CHECK(s.unmap(64 * large + page, 1, {}, 1).pages_done == 1);
}

TEST_CASE("arguments are checked", "[page_tree]") {
    Host s{8};
    CHECK(s.map(1, 0, 1).status == Status::bad_argument);
    CHECK(s.map(0, 8, 1).status == Status::bad_argument);
    CHECK(s.map(user_end, 0, 1).status == Status::out_of_range);
    CHECK(s.map(user_end - page, 0, 1).status == Status::ok);
    CHECK(s.map(user_end - page, 0, 2).status == Status::out_of_range);
    CHECK(s.map(0, 0, ~std::uint64_t{0}).status == Status::out_of_range);
    CHECK(s.map(~std::uint64_t{0xfff}, 0, 1).status == Status::out_of_range);
    CHECK(s.map(0, std::uint64_t{1} << 52, 1).status == Status::out_of_range);
    CHECK(s.map(0, (std::uint64_t{1} << 52) - page, 2).status == Status::out_of_range);
    CHECK(s.unmap(8, 1).status == Status::bad_argument);
    CHECK(s.unmap(0, user_end / page + 1).status == Status::out_of_range);
    CHECK_FALSE(s.tree.lookup(~std::uint64_t{0}).present);
    CHECK((s.map(0, 0, 0).status == Status::ok && s.unmap(0, 0).status == Status::ok));
}

TEST_CASE("frames come back from the pool in reverse", "[page_pool]") {
    Host s{3};
    CHECK(s.pool.count() == 3);
    CHECK(s.pool.take() == HostPhys{0x10'2000});
    CHECK(s.pool.take() == HostPhys{0x10'1000});
    CHECK(s.pool.take() == HostPhys{0x10'0000});
    CHECK(s.pool.take() == HostPhys{0});
    CHECK(s.pool.count() == 0);
}

} // namespace
} // namespace bulkhead::kernel
