// SPDX-License-Identifier: Apache-2.0
// Reads the settings of an xl.cfg text: KEY = VALUE or KEY += VALUE, values being strings, numbers and lists of them.
// It must not know: which keys exist, or what they mean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"

namespace bulkhead::tools {

enum class ValueKind : std::uint8_t { string, number, list };

struct Value {
    ValueKind kind{ValueKind::string};
    Position at;
    std::string text;        ///< a string's contents, a number as written
    std::uint64_t number{0}; ///< of a number
    std::vector<Value> items;
};

struct Setting {
    std::string key;
    Position at;
    Value value; ///< with everything that += added
};

/// The settings in the order of the file, each key once. What cannot be read is reported and left out.
std::vector<Setting> parse_settings(const std::string& file, std::string_view text, Diagnostics& diagnostics);

} // namespace bulkhead::tools
