// SPDX-License-Identifier: Apache-2.0
#include "config/uuid.hpp"

#include <charconv>

namespace bulkhead::tools {

std::optional<std::array<std::uint8_t, 16>> parse_uuid(std::string_view text) {
    std::array<std::uint8_t, 16> uuid{};
    std::size_t at = 0;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        const bool group_begins = i == 4 || i == 6 || i == 8 || i == 10;
        if (group_begins && at < text.size() && text[at] == '-') {
            ++at;
        }
        if (at + 2 > text.size()) {
            return std::nullopt;
        }
        const auto [end, error] = std::from_chars(text.data() + at, text.data() + at + 2, uuid[i], 16);
        if (error != std::errc{} || end != text.data() + at + 2) {
            return std::nullopt;
        }
        at += 2;
    }
    return at == text.size() ? std::optional{uuid} : std::nullopt;
}

std::array<std::uint8_t, 16> uuid_from_name(std::string_view name) {
    std::array<std::uint8_t, 16> uuid{};
    // FNV-1a, 64 bits, twice: it has to spread, not to resist anybody.
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t hash = 0xcbf2'9ce4'8422'2325 + half;
        for (const char c : name) {
            hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100'0000'01b3;
        }
        for (std::size_t i = 0; i < 8; ++i) {
            uuid[half * 8 + i] = static_cast<std::uint8_t>(hash >> (8 * i));
        }
    }
    uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x80);
    uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
    return uuid;
}

} // namespace bulkhead::tools
