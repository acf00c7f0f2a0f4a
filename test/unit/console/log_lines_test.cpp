// SPDX-License-Identifier: Apache-2.0
// The system's log: whole lines, true names, nothing but printing characters.
// REQ-GUEST-008
#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log_lines.hpp"

using namespace bulkhead;
using namespace bulkhead::console;

namespace {

struct Lines final : LogLines::Sink {
    void write_line(std::string_view line) override {
        REQUIRE(line.size() <= LogLines::max_line);
        REQUIRE(line.back() == '\n');
        text += line;
    }
    std::string take() { return std::exchange(text, {}); }
    std::string text;
};

struct Fixture {
    Lines lines;
    std::unique_ptr<LogLines> log = std::make_unique<LogLines>(lines);
    LogSource memory = LogSource::component(ClientId::memory);
    DomId d{3};
    Fixture() { log->set_name(d, "web"); }
};

} // namespace

TEST_CASE("sources are told apart", "[console]") {
    CHECK(LogSource::component(ClientId::console).is_component());
    for (std::uint16_t d = 1; d <= max_domains; ++d) {
        CHECK(LogSource::monitor(DomId{d}).domain() == DomId{d});
        CHECK(LogSource::guest(DomId{d}).domain() == DomId{d});
        CHECK_FALSE(LogSource::monitor(DomId{d}).is_guest());
        CHECK(LogSource::guest(DomId{d}).is_guest());
    }
    CHECK(LogSource::guest(DomId{max_domains}).index() == LogSource::count - 1);
}

TEST_CASE_METHOD(Fixture, "names before lines", "[console]") {
    log->append(memory, "ready\n");
    CHECK(lines.take() == "[memory] ready\n");
    log->append(memory, "[memory] ready\n"); // it says so itself
    CHECK(lines.take() == "[memory] ready\n");
    log->append(memory, "[root] ready\n");
    CHECK(lines.take() == "[memory] [root] ready\n");
    log->append(LogSource::monitor(d), "stopped\n");
    CHECK(lines.take() == "[web] stopped\n");
    log->append(LogSource::guest(d), "Linux\r\n");
    CHECK(lines.take() == "[web log] Linux\n");
    log->append(LogSource::guest(d), "[web log] x\n"); // a guest's own words stay recognisable as such
    CHECK(lines.take() == "[web log] [web log] x\n");
    log->append(LogSource::guest(DomId{9}), "x\n");
    CHECK(lines.take() == "[domain 9 log] x\n");
}

TEST_CASE_METHOD(Fixture, "pieces of several sources do not mix", "[console]") {
    log->append(LogSource::guest(d), "one ");
    log->append(LogSource::guest(DomId{4}), "other\nthird");
    log->append(memory, "m\n");
    log->append(LogSource::guest(d), "two\n\n");
    CHECK(lines.take() == "[domain 4 log] other\n[memory] m\n[web log] one two\n[web log] \n");
    log->finish(LogSource::guest(d));
    log->finish(LogSource::guest(DomId{4}));
    log->finish(LogSource::guest(DomId{4}));
    CHECK(lines.take() == "[domain 4 log] third\n");
}

TEST_CASE_METHOD(Fixture, "nothing can be forged", "[console]") {
    using namespace std::string_literals;
    log->append(LogSource::guest(d), "a\x1e"
                                     "0[root] x\r[root] y\x1b[2J\x00\xff\tz\n"s);
    CHECK(lines.take() == "[web log] a\\x1e0[root] x\\x0d[root] y\\x1b[2J\\x00\\xff\tz\n");
    log->set_name(d, "root] x\n\x1e[");
    log->append(LogSource::monitor(d), "y\n");
    CHECK(lines.take() == "[root? x???] y\n");
    log->set_name(d, std::string(300, 'n'));
    log->append(LogSource::guest(d), "y\n");
    CHECK(lines.take() == "[" + std::string(63, 'n') + " log] y\n");
}

TEST_CASE_METHOD(Fixture, "a line without end becomes several", "[console]") {
    log->set_name(d, std::string(63, 'n'));
    log->append(LogSource::guest(d), std::string(LogLines::max_text, '\x01'));
    CHECK(lines.take().empty());
    log->append(LogSource::guest(d), "\n");
    CHECK(lines.take().size() == 71 + 4 * LogLines::max_text);
    log->append(LogSource::guest(d), std::string(LogLines::max_text + 1, 'x') + "\n");
    CHECK(lines.take().size() == 2 * 71 + LogLines::max_text + 1);
}

TEST_CASE("random bytes in random pieces give the lines of each source in order", "[console][property]") {
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        std::mt19937 random{seed};
        Fixture f;
        std::string said[3], expected[3];
        const LogSource sources[3] = {LogSource::guest(DomId{1}), LogSource::guest(DomId{2}),
                                      LogSource::monitor(DomId{2})};
        const std::string prefixes[3] = {"[domain 1 log] ", "[domain 2 log] ", "[domain 2] "};
        for (int i = 0; i < 500; ++i) {
            const auto s = random() % 3;
            std::string piece(random() % 40, '\0');
            for (char& c : piece) {
                c = random() % 20 == 0 ? '\n' : static_cast<char>(' ' + random() % 95);
            }
            said[s] += piece;
            f.log->append(sources[s], piece);
        }
        for (int s = 0; s < 3; ++s) {
            f.log->finish(sources[s]);
            std::size_t column = 0;
            for (const char c : said[s]) {
                if (c != '\n' && column == LogLines::max_text) {
                    expected[s] += '\n';
                    column = 0;
                }
                expected[s] += c;
                column = c == '\n' ? 0 : column + 1;
            }
            if (!expected[s].empty() && expected[s].back() != '\n') {
                expected[s] += '\n';
            }
        }
        std::string got[3];
        for (std::size_t at = 0; at < f.lines.text.size();) {
            const std::size_t end = f.lines.text.find('\n', at) + 1;
            const std::string line = f.lines.text.substr(at, end - at);
            const int s = line.starts_with(prefixes[0]) ? 0 : line.starts_with(prefixes[1]) ? 1 : 2;
            REQUIRE(line.starts_with(prefixes[s]));
            got[s] += line.substr(prefixes[s].size());
            at = end;
        }
        for (int s = 0; s < 3; ++s) {
            REQUIRE(got[s] == expected[s]);
        }
    }
}
