// SPDX-License-Identifier: Apache-2.0
// Splits an xl.cfg text into tokens: names, numbers, strings in either quote, punctuation, ends of lines.
// It must not know: which keys exist.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"

namespace bulkhead::tools {

enum class TokenKind : std::uint8_t {
    name,
    number,
    string,
    equals,
    plus_equals,
    comma,
    open_list,
    close_list,
    end_of_statement, ///< a newline or ';'
    end_of_file,
};

struct Token {
    TokenKind kind{TokenKind::end_of_file};
    Position at;
    std::string text; ///< a name or number as written, a string's contents, or ";"
    std::uint64_t number{0};
};

/// Always ends in an end_of_file token. What is no token is reported and left out.
std::vector<Token> tokenize(const std::string& file, std::string_view text, Diagnostics& diagnostics);

/// For messages: "a name", "the number 12", "the end of the line", ...
std::string describe(const Token& token);

} // namespace bulkhead::tools
