// SPDX-License-Identifier: Apache-2.0
#include "config/size.hpp"

#include <charconv>

#include <fmt/format.h>

namespace bulkhead::tools {

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) {
        return std::nullopt;
    }
    const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    unsigned shift = 0;
    if (unit == "K" || unit == "KiB") {
        shift = 10;
    } else if (unit.empty() || unit == "M" || unit == "MiB") {
        shift = 20;
    } else if (unit == "G" || unit == "GiB") {
        shift = 30;
    } else {
        return std::nullopt;
    }
    if (number > (std::uint64_t{1} << 50) >> shift) {
        return std::nullopt;
    }
    return number << shift;
}

std::string format_size(std::uint64_t bytes) {
    if (bytes % (std::uint64_t{1} << 20) == 0) {
        return fmt::format("{} MiB", bytes >> 20);
    }
    if (bytes % (std::uint64_t{1} << 10) == 0) {
        return fmt::format("{} KiB", bytes >> 10);
    }
    return fmt::format("{} bytes", bytes);
}

} // namespace bulkhead::tools
