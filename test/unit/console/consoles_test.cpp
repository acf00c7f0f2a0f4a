// SPDX-License-Identifier: Apache-2.0
// Many domains on one line: nobody starves, nobody's text is lost, input is held back for a while.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "consoles.hpp"

using namespace bulkhead;
using namespace bulkhead::console;

namespace {

struct Bells final : Consoles::Bell {
    void ring(DomId domain) override { ++rung[domain.value]; }
    std::map<int, int> rung;
};

struct Fixture {
    LineOut line;
    Bells bells;
    std::unique_ptr<Consoles> consoles = std::make_unique<Consoles>(line, bells);
    std::map<int, std::unique_ptr<xencons_interface>> pages;
    LineIn in;
    std::map<int, std::string> seen;

    xencons_interface& add(std::uint16_t d) {
        pages[d] = std::make_unique<xencons_interface>();
        REQUIRE(consoles->add(DomId{d}, pages[d].get()));
        return *pages[d];
    }
    std::size_t say(std::uint16_t d, const std::string& text) {
        xencons_interface& page = *pages.at(d);
        std::size_t written = 0;
        while (written < text.size() && page.out_prod - page.out_cons < sizeof page.out) {
            page.out[MASK_XENCONS_IDX(page.out_prod, page.out)] = text[written++];
            page.out_prod += 1;
        }
        consoles->serve(DomId{d});
        return written;
    }
    void carry(std::size_t bytes) {
        for (; bytes != 0 && !line.empty(); --bytes) {
            if (const auto data = in.feed(line.pop()); data) {
                seen[data->stream.value].push_back(static_cast<char>(data->byte));
            }
        }
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "domains are added once, with numbers that exist", "[console]") {
    xencons_interface page{};
    CHECK_FALSE(consoles->add(DomId{0}, &page));
    CHECK_FALSE(consoles->add(DomId{65}, &page));
    add(64);
    CHECK_FALSE(consoles->add(DomId{64}, &page));
    consoles->serve(DomId{0});
    consoles->serve(DomId{3});
    consoles->serve(DomId{65});
    consoles->round();
    CHECK(bells.rung.empty());
    consoles->remove(DomId{64});
    CHECK_FALSE(consoles->has(DomId{64}));
}

TEST_CASE_METHOD(Fixture, "text is taken and the guest is told", "[console]") {
    add(2);
    say(2, "hello");
    CHECK(consoles->left(DomId{2}) == 5);
    consoles->round();
    CHECK(bells.rung[2] == 1);
    CHECK(consoles->left(DomId{2}) == 0);
    CHECK_FALSE(consoles->wants_round());
    consoles->round();
    CHECK(bells.rung[2] == 1);
    carry(100);
    CHECK(seen[2] == "hello");
}

TEST_CASE_METHOD(Fixture, "a slow line holds talkers back, and stays free for the log", "[console]") {
    add(1);
    const std::string much(2048, 'x');
    std::size_t said = say(1, much);
    for (int i = 0; i < 100; ++i) {
        consoles->round();
        said += say(1, much);
    }
    CHECK_FALSE(consoles->wants_round());
    CHECK(consoles->left(DomId{1}) == 2048);
    CHECK(line.room() >= Consoles::log_reserve);
    const int told = bells.rung[1];
    consoles->round();
    CHECK(bells.rung[1] == told); // nothing moved
    carry(1000);
    CHECK(consoles->wants_round());
    consoles->round();
    CHECK(bells.rung[1] == told + 1);
    while (consoles->left(DomId{1}) != 0) {
        carry(100);
        consoles->round();
    }
    carry(LineOut::capacity);
    CHECK(seen[1].size() == said);
}

TEST_CASE_METHOD(Fixture, "a talker does not starve the others", "[console]") {
    for (std::uint16_t d = 1; d <= 64; ++d) {
        add(d);
    }
    const std::string much(2048, 'x');
    for (int i = 0; i < 2000; ++i) {
        for (std::uint16_t d = 1; d <= 64; d = static_cast<std::uint16_t>(d * 2)) {
            say(d, much);
        }
        consoles->round();
        carry(90);
    }
    std::size_t least = ~std::size_t{0}, most = 0;
    for (int d = 1; d <= 64; d *= 2) {
        least = std::min(least, seen[d].size());
        most = std::max(most, seen[d].size());
    }
    CHECK(least > 0);
    CHECK(most - least <= 2 * Consoles::quantum + LineOut::capacity / 4);
    // A quiet one that says something is heard after at most one quantum of each talker.
    carry(LineOut::capacity);
    say(33, "now");
    for (int i = 0; i < 100 && seen[33].empty(); ++i) {
        for (std::uint16_t d = 1; d <= 64; d = static_cast<std::uint16_t>(d * 2)) {
            say(d, much);
        }
        consoles->round();
        carry(300);
    }
    CHECK(seen[33] == "now");
}

TEST_CASE_METHOD(Fixture, "input reaches the ring, is held back, and at last dropped", "[console]") {
    xencons_interface& page = add(5);
    consoles->arrived(DomId{6}, 'x');
    CHECK(consoles->dropped() == 1);
    for (char c : std::string{"ls\n"}) {
        consoles->arrived(DomId{5}, static_cast<std::uint8_t>(c));
    }
    consoles->round();
    CHECK(bells.rung[5] == 1);
    CHECK(page.in_prod == 3);
    CHECK(std::string(page.in, 3) == "ls\n");
    const std::size_t fits = sizeof page.in - 3 + Consoles::input_held;
    for (std::size_t i = 0; i < fits + 10; ++i) {
        consoles->arrived(DomId{5}, 'y');
        consoles->round();
    }
    CHECK(consoles->dropped() == 11);
    CHECK(page.in_prod == sizeof page.in);
    page.in_cons = 100; // the guest reads, and says so
    consoles->serve(DomId{5});
    consoles->round();
    CHECK(page.in_prod == sizeof page.in + 100);
    page.in_cons = 7'000'000; // and then goes mad
    consoles->serve(DomId{5});
    consoles->round();
    CHECK(page.in_prod == sizeof page.in + 100);
}

TEST_CASE_METHOD(Fixture, "a domain that comes again begins anew", "[console]") {
    add(1);
    say(1, "before");
    consoles->arrived(DomId{1}, 'x');
    consoles->remove(DomId{1});
    consoles->round();
    add(1);
    consoles->round();
    CHECK(pages[1]->in_prod == 0);
    say(1, "after");
    consoles->round();
    carry(100);
    CHECK(seen[1] == "after");
}

TEST_CASE_METHOD(Fixture, "hostile pages among good ones", "[console][property]") {
    std::mt19937 random{5};
    std::string said;
    xencons_interface& mad = add(1);
    add(2);
    for (int i = 0; i < 3000; ++i) {
        for (std::uint32_t* index : {&mad.out_prod, &mad.out_cons, &mad.in_cons, &mad.in_prod}) {
            if (random() % 2 == 0) {
                *index = static_cast<std::uint32_t>(random());
            }
        }
        consoles->serve(DomId{1});
        consoles->arrived(DomId{1}, 'z');
        std::string text(random() % 50, static_cast<char>('a' + i % 26));
        said += text.substr(0, say(2, text));
        consoles->round();
        carry(2000);
    }
    carry(LineOut::capacity);
    CHECK(seen[2] == said);
}
