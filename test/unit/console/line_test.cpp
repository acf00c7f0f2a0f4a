// SPDX-License-Identifier: Apache-2.0
// The multiplexed line: whatever is written comes out at the other end on the same stream, whole and in order.
// REQ-CONSOLE-001
#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "line.hpp"

using namespace bulkhead;
using namespace bulkhead::console;

namespace {
using Bytes = std::vector<std::uint8_t>;

Bytes bytes(const std::string& text) {
    return {text.begin(), text.end()};
}
std::string sent(LineOut& line) {
    std::string text;
    while (!line.empty()) {
        text.push_back(static_cast<char>(line.pop()));
    }
    return text;
}
} // namespace

TEST_CASE("streams are switched only when they change", "[console]") {
    LineOut line;
    CHECK(line.write(system_log, bytes("boot\n")) == 5);
    CHECK(line.write(Stream{2}, bytes("ab")) == 2);
    CHECK(line.write(Stream{2}, bytes("cd")) == 2);
    CHECK(line.write(Stream{2}, {}) == 0);
    CHECK(line.write(system_log, {}) == 0);
    CHECK(line.write(system_log, bytes("x")) == 1);
    CHECK(sent(line) == "boot\n\x1e"
                        "2abcd\x1e"
                        "0x");
}

TEST_CASE("a domain cannot switch streams", "[console]") {
    LineOut line;
    (void)line.write(Stream{1}, bytes("a\x1e"
                                      "0[root] forged\n"));
    CHECK(sent(line) == "\x1e"
                        "1a\x1e\x1e"
                        "0[root] forged\n");
}

TEST_CASE("a full line takes no half of anything", "[console]") {
    LineOut line;
    const Bytes much(LineOut::capacity * 2, switch_byte);
    CHECK(line.write(Stream{1}, much, 100) == (LineOut::capacity - 100 - 2) / 2);
    CHECK(line.write(Stream{1}, much) == 50);
    CHECK(line.room() == 0);
    CHECK(line.write(Stream{2}, bytes("x")) == 0);
    CHECK(line.pop() == switch_byte);
    CHECK(line.pop() == '1');
    CHECK(line.write(Stream{2}, bytes("x")) == 0); // a switch and no byte: not begun
    (void)line.pop();
    CHECK(line.write(Stream{2}, bytes("x")) == 1);
    CHECK(line.room() == 0);
}

TEST_CASE("what arrives", "[console]") {
    LineIn in;
    const auto feed = [&in](const std::string& text) {
        std::map<int, std::string> got;
        for (const char c : text) {
            if (const auto data = in.feed(static_cast<std::uint8_t>(c)); data) {
                got[data->stream.value].push_back(static_cast<char>(data->byte));
            }
        }
        return got;
    };
    CHECK(feed("hi") == std::map<int, std::string>{{0, "hi"}});
    CHECK(feed("\x1e"
               "1ls\n\x1e"
               "2x") == std::map<int, std::string>{{1, "ls\n"}, {2, "x"}});
    CHECK(feed("\x1e").empty());
    CHECK(feed("\x1e") == std::map<int, std::string>{{2, "\x1e"}});
    CHECK(feed("\x1e!a") == std::map<int, std::string>{{2, "a"}}); // no such stream
    CHECK(feed("\x1e\x71"
               "b") == std::map<int, std::string>{{2, "b"}}); // one more than the last
    CHECK(feed("\x1epc") == std::map<int, std::string>{{64, "c"}});
}

TEST_CASE("random text of random streams arrives whole", "[console][property]") {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random{seed};
        LineOut out;
        LineIn in;
        std::map<std::uint8_t, Bytes> written, read;
        const auto carry = [&](std::size_t count) {
            for (; count != 0 && !out.empty(); --count) {
                if (const auto data = in.feed(out.pop()); data) {
                    read[data->stream.value].push_back(data->byte);
                }
            }
        };
        for (int i = 0; i < 3000; ++i) {
            const auto stream = static_cast<std::uint8_t>(random() % 5 * 16);
            Bytes text(random() % 60);
            for (std::uint8_t& byte : text) {
                byte = static_cast<std::uint8_t>(random() % 4 == 0 ? switch_byte : random());
            }
            const std::size_t taken = out.write(Stream{stream}, text, random() % 300);
            written[stream].insert(written[stream].end(), text.begin(),
                                   text.begin() + static_cast<std::ptrdiff_t>(taken));
            carry(random() % 60);
        }
        carry(LineOut::capacity);
        for (const auto& [stream, text] : written) {
            REQUIRE((text.empty() || read[stream] == text));
        }
    }
}
