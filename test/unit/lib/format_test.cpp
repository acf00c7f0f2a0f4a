// SPDX-License-Identifier: Apache-2.0
// Text from values.
// REQ-LIB-001
#include <catch2/catch.hpp>

#include <bulkhead/format.hpp>
#include <bulkhead/slots.hpp>

using namespace bulkhead;

namespace {
template <typename... T> std::string text(FormatString<std::type_identity_t<T>...> format, const T&... values) {
    char storage[200];
    return std::string{format_to(storage, format, values...)};
}
} // namespace

TEST_CASE("format writes numbers, text and names", "[lib]") {
    CHECK(text("plain") == "plain");
    CHECK(text("{} {}", 1, -2) == "1 -2");
    CHECK(text("{}", std::uint64_t{18446744073709551615u}) == "18446744073709551615");
    CHECK(text("{}", std::int64_t{-9223372036854775807 - 1}) == "-9223372036854775808");
    CHECK(text("{:x} {:08x} {:4}|", 0xbeefu, 0x12u, 7) == "beef 00000012    7|");
    CHECK(text("{:x}", std::int8_t{-1}) == "ffffffffffffffff");
    CHECK(text("{:04}", -7) == "-007");
    CHECK(text("{} {} {}", true, 'c', "text") == "true c text");
    CHECK(text("{:6}|", std::string_view{"ab"}) == "ab    |");
    CHECK(text("{} {}", Status::busy, ObjectType::event_set) == "busy event_set");
    CHECK(text("{}", static_cast<Status>(99)) == "unknown");
    CHECK(text("{}", to_text(Rights::read | Rights::control)) == "r--c--");
    CHECK(text("{} {}", Selector{17}, ClientId::domain) == "17 5");
    CHECK(text("{{}} {{{}}}", 1) == "{} {1}");
}

TEST_CASE("format cuts off where the buffer ends", "[lib]") {
    char storage[8];
    FormatBuffer buffer{storage};
    buffer.append("{}", 1234567);
    CHECK_FALSE(buffer.cut());
    buffer.append("{}", 89);
    CHECK(buffer.cut());
    CHECK(buffer.view() == "12345678");
    buffer.clear();
    CHECK(buffer.view().empty());
    CHECK(format_to(std::span<char>{}, "{}", 1).empty());
}

TEST_CASE("a width cannot make the text endless", "[lib]") {
    char storage[4096];
    CHECK(format_to(storage, "{:99999999999}", 1).size() == 64);
}

TEST_CASE("placeholders are counted when compiling", "[lib]") {
    STATIC_REQUIRE(detail::count_placeholders("") == 0);
    STATIC_REQUIRE(detail::count_placeholders("{} {:x} {{}}") == 2);
    STATIC_REQUIRE(detail::count_placeholders("{") == -1);
    STATIC_REQUIRE(detail::count_placeholders("{x}") == -1);
}
