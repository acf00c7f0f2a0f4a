// SPDX-License-Identifier: Apache-2.0
// The syntax of domain files. REQ-TOOL-001, REQ-TOOL-003
#include <catch2/catch.hpp>

#include "config/parser.hpp"
#include "support.hpp"

using namespace bulkhead::tools;
using bulkhead::tools::test::messages;

namespace {

std::vector<Setting> good(std::string_view text) {
    Diagnostics diagnostics;
    auto settings = parse_settings("a.cfg", text, diagnostics);
    CHECK(messages(diagnostics) == std::vector<std::string>{});
    return settings;
}

std::vector<std::string> bad(std::string_view text) {
    Diagnostics diagnostics;
    (void)parse_settings("a.cfg", text, diagnostics);
    return messages(diagnostics);
}

using Messages = std::vector<std::string>;

} // namespace

TEST_CASE("settings are strings in either quote, numbers in three bases, and lists") {
    const auto settings =
        good("name = \"web\"\nkernel='/boot/vmlinuz' # comment\nmemory = 512; maxmem = 0x200\nvcpus = 01\n"
             "cpus = [ \"0\", '2-3',\n  # inside\n  4,\n]\nnested = [[1, 2], []]");
    REQUIRE(settings.size() == 7);
    CHECK(settings[0].key == "name");
    CHECK(settings[0].value.text == "web");
    CHECK(settings[0].value.at == Position{1, 8});
    CHECK(settings[1].value.text == "/boot/vmlinuz");
    CHECK(settings[2].value.number == 512);
    CHECK(settings[3].value.number == 0x200);
    CHECK(settings[4].value.number == 1);
    REQUIRE(settings[5].value.items.size() == 3);
    CHECK(settings[5].value.items[1].text == "2-3");
    CHECK(settings[5].value.items[2].at == Position{7, 3});
    CHECK(settings[6].value.items[0].items.size() == 2);
}

TEST_CASE("escapes in strings") {
    const auto settings = good(R"(a = "x\n\t\\\"\'\x41\101" )");
    CHECK(settings[0].value.text == "x\n\t\\\"'AA");
    CHECK(bad(R"(a = "\q")") == Messages{R"(a.cfg:1:6: \q is no escape: expected one of \n \t \r \\ \' \" \xHH \OOO)"});
    CHECK(bad(R"(a = "\x00")").size() == 1);
}

TEST_CASE("+= adds strings to strings and lists to lists") {
    const auto settings = good("extra = 'a'\nextra += ' b'\nlist += [1]\nlist += [2, 3]\n");
    CHECK(settings[0].value.text == "a b");
    CHECK(settings[1].value.items.size() == 3);
    CHECK(bad("a = 1\na += 2\n") ==
          Messages{
              "a.cfg:2:1: += adds a string to a string or a list to a list, which is not the case for 'a' (line 1)"});
    CHECK(bad("a = 'x'\na = 'y'\n") ==
          Messages{"a.cfg:2:1: 'a' is set for a second time (first on line 1): use += to add to it"});
}

TEST_CASE("syntax errors name the place and what was expected") {
    CHECK(bad("name = web\n") == Messages{"a.cfg:1:8: expected a value: write \"web\" in quotes if it is a string"});
    CHECK(bad("name \"web\"\n") == Messages{"a.cfg:1:6: expected '=' after 'name', found the string \"web\""});
    CHECK(bad("name =\n") ==
          Messages{"a.cfg:1:7: expected a string in quotes, a number, or a list in [ ], found the end of the line"});
    CHECK(bad("= 3\n") == Messages{"a.cfg:1:1: expected a setting, KEY = VALUE, found '='"});
    CHECK(bad("a = 1 2\n") ==
          Messages{"a.cfg:1:7: expected the end of the line after the value of 'a', found the number 2"});
    CHECK(bad("a = \"x\nb = 1\n") ==
          Messages{"a.cfg:1:5: this string does not end: expected \" before the end of the line"});
    CHECK(bad("a = 12z\n") ==
          Messages{"a.cfg:1:5: '12z' is not a number: expected decimal, 0x and hexadecimal, or 0 and octal digits"});
    CHECK(bad("a = [1 2]\n") == Messages{"a.cfg:1:8: expected ',' or ']' in the list, found the number 2"});
    CHECK(bad("a = [1,\n") == Messages{"a.cfg:1:5: this list does not end: expected ']'"});
    CHECK(bad("import os.path\n") ==
          Messages{"a.cfg:1:8: expected '=' after 'import', found the name 'os'",
                   "a.cfg:1:10: '.' has no place here: a domain file holds plain KEY = VALUE settings, not Python"});
    CHECK(bad("a = 1\n\x01\n") == Messages{"a.cfg:2:1: byte 0x01 has no place here"});
    CHECK(bad("a = 99999999999999999999\n").size() == 1);
}

TEST_CASE("all errors of a file are reported, and a broken list hides no setting behind it") {
    Diagnostics diagnostics;
    const auto settings = parse_settings("a.cfg", "a = [ x,\n  y ]\nb = 1\nc = d\ne = 2\n", diagnostics);
    CHECK(messages(diagnostics).size() == 2);
    REQUIRE(settings.size() == 2);
    CHECK(settings[0].key == "b");
    CHECK(settings[1].key == "e");
}

TEST_CASE("the parser survives everything that a file can hold") {
    for (int first = 0; first < 256; ++first) {
        for (const char* around : {"a = ", "a = [", "a = '", "a = \"\\", "a += [[["}) {
            Diagnostics diagnostics;
            (void)parse_settings("a.cfg", std::string{around} + static_cast<char>(first), diagnostics);
        }
    }
    Diagnostics diagnostics;
    (void)parse_settings("a.cfg", "a = " + std::string(100'000, '['), diagnostics);
    CHECK(diagnostics.count() == 1);
}
