// SPDX-License-Identifier: Apache-2.0
// The console ring with a guest that behaves, and with one that does not.
// REQ-INPUT-008
#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <random>

#include "guest_ring.hpp"

using namespace bulkhead::console;

namespace {

/// A guest's side, as hvc_xen does it.
struct Guest {
    xencons_interface& page;

    bool write(std::uint8_t byte) {
        if (page.out_prod - page.out_cons >= sizeof page.out) {
            return false;
        }
        page.out[MASK_XENCONS_IDX(page.out_prod, page.out)] = static_cast<char>(byte);
        page.out_prod += 1;
        return true;
    }
    bool read(std::uint8_t& byte) {
        if (page.in_cons == page.in_prod) {
            return false;
        }
        byte = static_cast<std::uint8_t>(page.in[MASK_XENCONS_IDX(page.in_cons, page.in)]);
        page.in_cons += 1;
        return true;
    }
};

} // namespace

TEST_CASE("text both ways, whatever the indices begin with", "[console][property]") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        std::mt19937 engine{seed};
        const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
        auto page = std::make_unique<xencons_interface>();
        page->out_cons = page->out_prod = static_cast<std::uint32_t>(0 - random() % 5000);
        page->in_cons = page->in_prod = static_cast<std::uint32_t>(0 - random() % 5000);
        GuestRing ring{page.get()};
        Guest guest{*page};
        std::deque<std::uint8_t> out, in;
        for (int i = 0; i < 20000; ++i) {
            const auto byte = static_cast<std::uint8_t>(random());
            switch (random() % 4) {
            case 0:
                for (auto n = random() % 200; n != 0; --n) {
                    REQUIRE(guest.write(byte) == (out.size() < GuestRing::out_size));
                    if (out.size() < GuestRing::out_size) {
                        out.push_back(byte);
                    }
                }
                break;
            case 1: {
                std::uint8_t text[256];
                const std::uint32_t found = ring.peek(text);
                REQUIRE(found == std::min<std::size_t>(out.size(), sizeof text));
                const auto taken = static_cast<std::uint32_t>(found == 0 ? 0 : random() % (found + 1));
                for (std::uint32_t n = 0; n < taken; ++n) {
                    REQUIRE(text[n] == out.front());
                    out.pop_front();
                }
                ring.take(taken);
                break;
            }
            case 2:
                REQUIRE(ring.input_room() == GuestRing::in_size - in.size());
                if (ring.input_room() != 0) {
                    ring.put(byte);
                    in.push_back(byte);
                    ring.publish_input();
                }
                break;
            default:
                for (auto n = random() % 3; n != 0; --n) {
                    std::uint8_t got = 0;
                    REQUIRE(guest.read(got) == !in.empty());
                    if (!in.empty()) {
                        REQUIRE(got == in.front());
                        in.pop_front();
                    }
                }
                break;
            }
            REQUIRE(ring.pending() == out.size());
            REQUIRE(ring.sane());
        }
    }
}

TEST_CASE("nonsense indices move nothing, and sense is found again", "[console]") {
    auto page = std::make_unique<xencons_interface>();
    GuestRing ring{page.get()};
    std::uint8_t text[64];

    page->out_prod = GuestRing::out_size + 1;
    CHECK(ring.pending() == 0);
    CHECK(ring.peek(text) == 0);
    CHECK_FALSE(ring.sane());
    page->out_prod = 0x8000'0000;
    CHECK(ring.peek(text) == 0);
    page->out_prod = GuestRing::out_size;
    CHECK(ring.peek(text) == sizeof text);

    page->in_cons = 1; // read what was never written
    CHECK(ring.input_room() == 0);
    CHECK_FALSE(ring.sane());
    page->in_cons = 0;
    CHECK(ring.input_room() == GuestRing::in_size);
}

TEST_CASE("our indices are ours, whatever the page says", "[console]") {
    auto page = std::make_unique<xencons_interface>();
    GuestRing ring{page.get()};
    page->out[0] = 'a';
    page->out[1] = 'b';
    page->out_prod = 2;
    ring.take(1);
    page->out_cons = 0xdead'beef;
    page->in_prod = 0xdead'beef;
    std::uint8_t text[4];
    REQUIRE(ring.peek(text) == 1);
    CHECK(text[0] == 'b');
    ring.take(1);
    CHECK(page->out_cons == 2);
    ring.put('x');
    ring.publish_input();
    CHECK(page->in_prod == 1);
    CHECK(page->in[0] == 'x');
}

TEST_CASE("random indices never read or write outside the page", "[console][property]") {
    std::mt19937 engine{11};
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    auto page = std::make_unique<xencons_interface>(); // ASan watches its ends
    GuestRing ring{page.get()};
    for (int i = 0; i < 20000; ++i) {
        page->out_prod = random() % 3 == 0 ? random() : page->out_prod + random() % 300;
        page->in_cons = random() % 3 == 0 ? random() : page->in_cons + random() % 30;
        page->out_cons = random();
        std::uint8_t text[512];
        const std::uint32_t found = ring.peek(text);
        REQUIRE(found <= GuestRing::out_size);
        ring.take(found);
        if (ring.input_room() != 0) {
            REQUIRE(ring.input_room() <= GuestRing::in_size);
            ring.put('!');
            ring.publish_input();
        }
    }
}
