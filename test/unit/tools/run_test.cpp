// SPDX-License-Identifier: Apache-2.0
// The front end's parts: streams, lines, keys, scripts. REQ-TOOL-006
#include <catch2/catch.hpp>

#include "run/capability_list.hpp"
#include "run/keys.hpp"
#include "run/line_view.hpp"
#include "run/mux.hpp"
#include "run/qemu.hpp"
#include "run/screen.hpp"
#include "run/watch.hpp"

using namespace bulkhead::tools;

namespace {

using Pieces = std::vector<std::pair<StreamId, std::string>>;

/// What arrives per stream when the bytes come in pieces of that size; neighbours joined.
Pieces demultiplex(std::string_view bytes, std::size_t piece) {
    Demuxer demuxer;
    Pieces pieces;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        demuxer.feed(bytes.substr(at, piece), [&](StreamId stream, std::string_view part) {
            if (!pieces.empty() && pieces.back().first == stream) {
                pieces.back().second += part;
            } else {
                pieces.emplace_back(stream, part);
            }
        });
    }
    return pieces;
}

} // namespace

TEST_CASE("streams are told apart however the bytes are cut") {
    const std::string bytes = "boot\n\x1e"
                              "1hello\x1e"
                              "0[memory] x\n\x1e\x1e\x1e"
                              "2two\x1e"
                              "p64\x1e"
                              "q?";
    const Pieces expected{{0, "boot\n"}, {1, "hello"}, {0, "[memory] x\n"}, {2, "two"}, {64, "64?"}};
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        CAPTURE(piece);
        CHECK(demultiplex(bytes, piece) == expected);
    }
}

TEST_CASE("input selects its stream once, and cannot forge a switch") {
    InputMux mux;
    CHECK(mux.encode(1, "ls\r") == "\x1e"
                                   "1ls\r");
    CHECK(mux.encode(1, "x") == "x");
    CHECK(mux.encode(2, "\x1e"
                        "1y") == "\x1e"
                                 "21y");
}

TEST_CASE("a line as a terminal would show it") {
    LineView view;
    CHECK(view.feed("one\r\ntwo") == std::vector<std::string>{"one"});
    CHECK(view.current() == "two");
    CHECK(view.feed("\b\bWO\r").empty());
    CHECK(view.current() == "tWO");
    CHECK(view.cursor_from_end() == 3);
    CHECK(view.feed("\x1b[2C\x1b[K!").empty());
    CHECK(view.current() == "tW!");
    CHECK(view.feed("\x1b[1;32m\x1b[6n\x1b]0;title\a \xc3\xa4\n") == std::vector<std::string>{"tW! \xc3\xa4"});
    CHECK(view.feed("a\tb\n") == std::vector<std::string>{"a       b"});
    CHECK(view.feed("shell# ls\x1b[D\x1b[J\n") == std::vector<std::string>{"shell# l"});
    CHECK(view.feed(std::string(5000, 'x')).size() == 1);
}

TEST_CASE("any bytes at all leave the line view sound") {
    LineView view;
    unsigned random = 1;
    for (int i = 0; i < 200'000; ++i) {
        random = random * 1'103'515'245 + 12'345;
        const char c = static_cast<char>(random >> 16);
        (void)view.feed(i % 3 == 0 ? std::string{"\x1b["} + c : std::string(1, c));
        REQUIRE(view.cursor_from_end() <= 4096);
    }
}

TEST_CASE("a log has each stream's lines behind its name") {
    Screen screen{{"bulkhead", "a"}, {false, false}};
    CHECK(screen.show(0, "start\nhalf") == "bulkhead | start\n");
    CHECK(screen.show(1, "x\r\ny") == "a        | x\n");
    CHECK(screen.show(0, " done\n") == "bulkhead | half done\n");
    CHECK(screen.show(7, "no such stream\n").empty());
    CHECK(screen.finish() == "a        | y\n");
}

TEST_CASE("on a terminal the line being typed stays below") {
    Screen screen{{"bulkhead", "a"}, {false, true}};
    CHECK(screen.select(1).empty());
    CHECK(screen.show(1, "# l") == "a        | # l");
    CHECK(screen.show(1, "s") == "s");
    CHECK(screen.show(0, "news\n") == "\r\x1b[J"
                                      "bulkhead | news\n"
                                      "a        | # ls");
    CHECK(screen.show(0, "unfinished").empty());
    CHECK(screen.show(1, "\b\b") == "\r\x1b[J"
                                    "a        | # ls\x1b[2D");
    CHECK(screen.show(1, "ab") == "\r\x1b[J"
                                  "a        | # ab");
    CHECK(screen.show(1, "c\r\nfile\r\n# ") == "c\n"
                                               "a        | file\n"
                                               "a        | # ");
}

TEST_CASE("a line that wraps is wiped as a whole") {
    Screen screen{{"bulkhead", "a"}, {false, true}};
    (void)screen.select(1);
    screen.set_columns(20);
    CHECK(screen.show(1, std::string(30, 'x')).size() == 11 + 30);
    CHECK(screen.show(0, "news\n").starts_with("\r\x1b[2A\x1b[Jbulkhead | news\n"));
}

TEST_CASE("the front end's keys") {
    KeyDecoder keys;
    const auto events = keys.feed("ls\r\x01"
                                  "2x\x01"
                                  "n\x01"
                                  "a\x01");
    REQUIRE(events.size() == 5);
    CHECK(events[0].data == "ls\r");
    CHECK(events[1].command == KeyCommand::select);
    CHECK(events[1].number == 2);
    CHECK(events[2].data == "x");
    CHECK(events[3].command == KeyCommand::next);
    CHECK(events[4].data == "\x01");
    CHECK(keys.feed("x")[0].command == KeyCommand::quit);
    CHECK(keys.feed("\x01?")[0].command == KeyCommand::help);
}

TEST_CASE("a text is found across pieces, in its stream only") {
    const std::vector<std::string> names{"bulkhead", "a", "b"};
    auto matcher = *parse_until("a:needle", names);
    CHECK(matcher.feed(1, "xxnee") == std::string::npos);
    CHECK(matcher.feed(2, "dle") == std::string::npos);
    CHECK(matcher.feed(1, "dle yy") == 3);
    auto anywhere = *parse_until("no:name", names);
    CHECK(anywhere.stream() == any_stream);
    CHECK(anywhere.feed(2, "no:name") == 7);
    CHECK(!parse_until("a:", names).ok());
    CHECK(!parse_until("", names).ok());
}

TEST_CASE("a script types in turn and ends when everything has been seen") {
    const std::vector<std::string> names{"bulkhead", "a", "b"};
    Watch watch;
    watch.add_until(*parse_until("a:two", names));
    watch.add_until(*parse_until("bulkhead:end", names));
    watch.add_reply(*parse_reply("a:# =>ls\\r", names));
    watch.add_reply(*parse_reply("a:# =>poweroff\\x0d", names));
    watch.add_reply(*parse_reply("b:# =>b\\\\", names));
    CHECK(watch.feed(1, "boot").empty());
    auto inputs = watch.feed(1, "# ");
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0].text == "ls\r");
    inputs = watch.feed(1, "two\n# ");
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0].text == "poweroff\r");
    inputs = watch.feed(2, "# # ");
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0].text == "b\\");
    CHECK(!watch.fulfilled());
    CHECK(watch.missing() == std::vector<std::string>{"end"});
    (void)watch.feed(0, "the end");
    CHECK(watch.fulfilled());
}

TEST_CASE("two replies can be due at once") {
    const std::vector<std::string> names{"bulkhead", "a"};
    Watch watch;
    watch.add_reply(*parse_reply("a:#=>1", names));
    watch.add_reply(*parse_reply("a:#=>2", names));
    CHECK(watch.feed(1, "# #").size() == 2);
}

TEST_CASE("replies that make no sense are refused") {
    const std::vector<std::string> names{"bulkhead", "a"};
    CHECK(parse_reply("a:x", names).message() == "--on \"a:x\": expected NAME:TEXT=>REPLY");
    CHECK(parse_reply("c:x=>y", names).message() == "--on \"c:x=>y\": there is no domain \"c\"");
    CHECK(!parse_reply("bulkhead:x=>y", names).ok());
    CHECK(!parse_reply("a:=>y", names).ok());
    CHECK(!parse_reply("a:x=>\\q", names).ok());
    CHECK(!parse_reply("a:x=>\\x4", names).ok());
}

TEST_CASE("QEMU's arguments") {
    QemuOptions options;
    options.kernel = "k";
    options.root = "r";
    options.image = "i";
    options.memory_bytes = std::uint64_t{256} << 20;
    options.cpus = 2;
    const std::string plain = quote(qemu_command(options));
    CHECK(plain.find("-smp 2 -m 256M -nodefaults") != std::string::npos);
    CHECK(plain.find("-kernel k -append exit=0xf4 -initrd r,i") != std::string::npos);
    CHECK(plain.find("icount") == std::string::npos);
    options.icount = true;
    options.command_line = "more";
    const std::string counted = quote(qemu_command(options));
    CHECK(counted.find("-icount shift=0,sleep=off -seed 1 -rtc base=2026-01-01T00:00:00,clock=vm") !=
          std::string::npos);
    CHECK(counted.find("-append 'exit=0xf4 more'") != std::string::npos);
}

TEST_CASE("the list of capabilities is cut out of the log and sorted") {
    CHECK(
        capability_lines(
            "[root] up\n[root] capabilities begin\n[root] cap b 2\r\ncap c 3\n[domain] 'x' started\n[domain] cap a 1\n"
            "[root] capabilities end\n[x] cap d\n") == std::vector<std::string>{"cap a 1", "cap b 2", "cap c 3"});
}
