// SPDX-License-Identifier: Apache-2.0
// ASIDs against a TLB that never forgets: for each ASID it keeps the version of each guest's tables that it has seen.
// REQ-SVM-002
#include "arch/x86_64/svm/asid.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

namespace bulkhead::kernel::svm {
namespace {

struct StrictTlb {
    using Seen = std::pair<unsigned, unsigned>; // guest, version of its tables
    std::map<u32, std::set<Seen>> entries;

    void control(u8 command, u32 asid) {
        if (command == tlb_control::flush_all) {
            entries.clear();
        } else if (command == tlb_control::flush_this_asid) {
            entries.erase(asid);
        } else {
            REQUIRE(command == tlb_control::keep);
        }
    }
    void run(u32 asid, Seen now) {
        entries[asid].insert(now);
        REQUIRE(entries[asid].size() == 1); // nothing of another guest, nothing of an older version
    }
};

TEST_CASE("no guest ever meets an old translation", "[svm][asid]") {
    for (const bool flush_by_asid : {false, true}) {
        for (const u32 count : {2u, 3u, 16u, 64u}) {
            std::mt19937 random{count};
            AsidAllocator asids{count, flush_by_asid};
            StrictTlb tlb;
            for (u32 asid = 1; asid < count; ++asid) {
                tlb.entries[asid].insert({99, 99}); // the firmware's
            }
            constexpr unsigned guests = 5;
            AsidTag tags[guests];
            unsigned version[guests]{};
            unsigned seen[guests]{};
            for (int i = 0; i < 4000; ++i) {
                const unsigned g = static_cast<unsigned>(random() % guests);
                if (random() % 4 == 0) {
                    ++version[g];
                }
                bool told = false;
                if (random() % 8 == 0) {
                    tags[g].stale = told = true; // its monitor has handed the kernel other paging registers
                    ++version[g];
                }
                if (random() % 200 == 0) {
                    tags[g] = {}; // a new guest in the old one's place, or one that was elsewhere
                    ++version[g];
                }
                const bool flush = !told && version[g] != seen[g];
                seen[g] = version[g];
                const u8 command = asids.prepare(tags[g], flush);
                REQUIRE((tags[g].asid >= 1 && tags[g].asid < count));
                REQUIRE((flush_by_asid || command != tlb_control::flush_this_asid));
                tlb.control(command, tags[g].asid);
                tlb.run(tags[g].asid, {g, version[g]});
            }
        }
    }
}

TEST_CASE("a guest that changes its paging often leaves the other guests their ASIDs") {
    AsidAllocator asids{3, true};
    AsidTag quiet, busy;
    CHECK(asids.prepare(quiet, false) == tlb_control::flush_all);
    CHECK(asids.prepare(busy, false) == tlb_control::keep);
    for (int i = 0; i < 100; ++i) {
        busy.stale = true;
        CHECK(asids.prepare(busy, false) == tlb_control::flush_this_asid);
        CHECK(asids.prepare(busy, false) == tlb_control::keep);
        CHECK(asids.prepare(quiet, false) == tlb_control::keep);
    }
}

TEST_CASE("a guest that stays keeps its ASID", "[svm][asid]") {
    AsidAllocator asids{16, false};
    AsidTag tag;
    CHECK(asids.prepare(tag, false) == tlb_control::flush_all); // the very first entry of this CPU
    const u32 asid = tag.asid;
    CHECK(asids.prepare(tag, false) == tlb_control::keep);
    CHECK(tag.asid == asid);
    CHECK(asids.prepare(tag, true) == tlb_control::keep); // a fresh one instead of a flush
    CHECK(tag.asid != asid);
}

} // namespace
} // namespace bulkhead::kernel::svm
