// SPDX-License-Identifier: Apache-2.0
// Lending and taking back, over a fake that carves as the kernel does: upwards, aligned, and from the start again only
// REQ-MEMORY-001
// when nothing is left of what was carved.
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <vector>

#include "lender.hpp"

using namespace bulkhead;
using namespace bulkhead::memory;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

struct FakeUntypeds final : Untypeds {
    struct Source {
        std::uint64_t base, bytes, next;
    };
    struct Piece {
        std::uint32_t source;
        std::uint64_t first, bytes;
    };
    std::map<std::uint32_t, Source> sources;
    std::map<std::uint32_t, Piece> pieces;
    std::map<std::uint32_t, int> revoked;

    bool carve(Selector source, Selector loan, std::uint64_t bytes) override {
        Source& s = sources.at(source.value);
        bool empty = true;
        for (const auto& [slot, piece] : pieces) {
            empty = empty && piece.source != source.value;
        }
        s.next = empty ? s.base : s.next;
        const std::uint64_t unit = bytes >= large_page_size ? large_page_size : page_size;
        const std::uint64_t first = (s.next + unit - 1) & ~(unit - 1);
        if (first + bytes > s.base + s.bytes) {
            return false;
        }
        REQUIRE(pieces.count(loan.value) == 0);
        pieces[loan.value] = {source.value, first, bytes};
        s.next = first + bytes;
        return true;
    }
    void revoke(Selector loan) override {
        REQUIRE(pieces.count(loan.value) == 1);
        ++revoked[loan.value];
    }
    void dissolve(Selector loan) override { REQUIRE(pieces.erase(loan.value) == 1); }
};

struct Fixture {
    FakeUntypeds untypeds;
    Lender lender{untypeds, Selector{500}};

    void source(std::uint32_t slot, std::uint64_t base, std::uint64_t bytes) {
        untypeds.sources[slot] = {base, bytes, base};
        REQUIRE(lender.add_source(Selector{slot}, bytes));
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "what is asked for is rounded up, nonsense refused", "[memory]") {
    source(64, 0, 64 * mib);
    CHECK(lender.allocate(DomId{0}, mib).result == -XEN_EINVAL);
    CHECK(lender.allocate(DomId{65}, mib).result == -XEN_EINVAL);
    CHECK(lender.allocate(DomId{1}, 0).result == -XEN_EINVAL);
    CHECK(lender.allocate(DomId{1}, ~std::uint64_t{0}).result == -XEN_EINVAL);
    CHECK(lender.allocate(DomId{1}, 65 * mib).result == -XEN_ENOMEM);
    CHECK(lender.allocate(DomId{1}, 1).bytes == 4096);
    CHECK(lender.allocate(DomId{1}, 2 * mib).bytes == 2 * mib);
    CHECK(lender.allocate(DomId{1}, 2 * mib + 1).bytes == 4 * mib);
    CHECK(lender.lent() == 4096 + 6 * mib);
    CHECK(lender.release(DomId{2}) == -XEN_ESRCH);
    CHECK(lender.release(DomId{0}) == -XEN_ESRCH);
    CHECK(lender.release(DomId{1}) == 0);
    CHECK(lender.release(DomId{1}) == -XEN_ESRCH);
    CHECK(lender.lent() == 0);
    CHECK(untypeds.revoked.size() == 3);
}

TEST_CASE_METHOD(Fixture, "a restarted domain gets the same memory again", "[memory]") {
    source(64, 0, 64 * mib);
    const auto first = lender.allocate(DomId{1}, 40 * mib);
    REQUIRE(lender.allocate(DomId{2}, 8 * mib).result == 0);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(lender.release(DomId{1}) == 0);
        REQUIRE(lender.allocate(DomId{1}, 40 * mib).loan == first.loan);
    }
}

TEST_CASE_METHOD(Fixture, "returned memory of other sizes is put together again", "[memory]") {
    source(64, 0, 64 * mib);
    REQUIRE(lender.allocate(DomId{1}, 30 * mib).result == 0);
    REQUIRE(lender.allocate(DomId{2}, 30 * mib).result == 0);
    REQUIRE(lender.release(DomId{1}) == 0);
    CHECK(lender.allocate(DomId{3}, 50 * mib).result == -XEN_ENOMEM);
    CHECK(lender.allocate(DomId{3}, 20 * mib).bytes == 30 * mib); // a returned one that is large enough
    REQUIRE(lender.release(DomId{2}) == 0);
    REQUIRE(lender.release(DomId{3}) == 0);
    CHECK(lender.allocate(DomId{3}, 64 * mib).result == 0);
    CHECK(lender.lent() == 64 * mib);
}

TEST_CASE_METHOD(Fixture, "the source with the least that is enough", "[memory]") {
    source(64, 0, 512 * mib);
    source(65, 1024 * mib, 32 * mib);
    source(66, 2048 * mib + 4096, 16 * mib); // 2 MiB alignment costs nearly 2 MiB here
    const auto small = lender.allocate(DomId{1}, 16 * mib);
    CHECK(untypeds.pieces.at(small.loan.value).source == 65);
    const auto smaller = lender.allocate(DomId{1}, 4 * mib);
    CHECK(untypeds.pieces.at(smaller.loan.value).source == 65);
    const auto large = lender.allocate(DomId{2}, 100 * mib);
    CHECK(untypeds.pieces.at(large.loan.value).source == 64);
}

TEST_CASE_METHOD(Fixture, "more sources or loans than there is room for", "[memory]") {
    for (std::uint32_t i = 0; i < slot::max_lendable; ++i) {
        source(64 + i, i * 1024 * mib, 16 * mib);
    }
    CHECK_FALSE(lender.add_source(Selector{1}, mib));
    for (std::uint32_t i = 0; i < Lender::max_loans; ++i) {
        REQUIRE(lender.allocate(DomId{1}, 4096).result == 0);
    }
    CHECK(lender.allocate(DomId{2}, 4096).result == -XEN_ENOMEM);
    REQUIRE(lender.release(DomId{1}) == 0);
    CHECK(lender.allocate(DomId{2}, 8192).result == 0); // all came back: the slots can be used for another size
}

TEST_CASE("random lending never overlaps and never gets lost", "[memory][property]") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        FakeUntypeds untypeds;
        Lender lender{untypeds, Selector{500}};
        untypeds.sources[64] = {4096, 100 * mib, 4096};
        untypeds.sources[65] = {1024 * mib, 20 * mib, 1024 * mib};
        REQUIRE(lender.add_source(Selector{64}, 100 * mib));
        REQUIRE(lender.add_source(Selector{65}, 20 * mib));
        std::map<std::uint32_t, std::vector<std::uint32_t>> held; // domain -> loans
        std::mt19937 random{seed};
        for (int i = 0; i < 2000; ++i) {
            const auto d = static_cast<std::uint32_t>(1 + random() % 8);
            if (random() % 3 != 0) {
                const std::uint64_t bytes = random() % 2 == 0 ? 1 + random() % (4 * mib) : 1 + random() % (40 * mib);
                const auto got = lender.allocate(DomId{static_cast<std::uint16_t>(d)}, bytes);
                if (got.result == 0) {
                    REQUIRE(got.bytes >= bytes);
                    REQUIRE(untypeds.pieces.at(got.loan.value).bytes == got.bytes);
                    for (const auto& [other, loans] : held) {
                        for (const std::uint32_t loan : loans) {
                            REQUIRE(loan != got.loan.value);
                        }
                    }
                    held[d].push_back(got.loan.value);
                }
            } else {
                REQUIRE(lender.release(DomId{static_cast<std::uint16_t>(d)}) == (held[d].empty() ? -XEN_ESRCH : 0));
                held[d].clear();
            }
            std::uint64_t sum = 0;
            for (const auto& [other, loans] : held) {
                for (const std::uint32_t loan : loans) {
                    sum += untypeds.pieces.at(loan).bytes; // what is lent is never dissolved
                }
            }
            REQUIRE(lender.lent() == sum);
        }
        for (auto& [d, loans] : held) {
            (void)lender.release(DomId{static_cast<std::uint16_t>(d)});
        }
        REQUIRE(lender.allocate(DomId{1}, 96 * mib).result == 0);
    }
}
