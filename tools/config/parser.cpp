// SPDX-License-Identifier: Apache-2.0
// After an error it goes on behind the end of the statement, so one run reports all of a file's errors.
#include "config/parser.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "config/lexer.hpp"

namespace bulkhead::tools {

namespace {

class Parser {
public:
    Parser(const std::string& file, std::vector<Token> tokens, Diagnostics& diagnostics)
        : file_{file}, tokens_{std::move(tokens)}, diagnostics_{diagnostics} {}

    std::vector<Setting> run() {
        while (peek().kind != TokenKind::end_of_file) {
            if (peek().kind == TokenKind::end_of_statement) {
                ++next_;
            } else if (!parse_statement()) {
                skip_statement();
            }
        }
        return std::move(settings_);
    }

private:
    static constexpr int max_depth = 8;

    const Token& peek() const { return tokens_[next_]; }
    Token take() { return tokens_[next_++]; }

    void expected(const std::string& what) {
        diagnostics_.error(file_, peek().at, fmt::format("expected {}, found {}", what, describe(peek())));
    }

    /// To the end of the statement; after an error within a list, to the next line that begins a setting.
    void skip_statement() {
        const bool in_list = std::exchange(list_failed_, false);
        while (peek().kind != TokenKind::end_of_file) {
            const bool at_end = peek().kind == TokenKind::end_of_statement;
            if (at_end && (!in_list || setting_follows())) {
                return;
            }
            ++next_;
        }
    }

    bool setting_follows() const {
        const auto kind_at = [this](std::size_t index) {
            return index < tokens_.size() ? tokens_[index].kind : TokenKind::end_of_file;
        };
        const TokenKind second = kind_at(next_ + 2);
        return kind_at(next_ + 1) == TokenKind::name &&
               (second == TokenKind::equals || second == TokenKind::plus_equals);
    }

    bool parse_statement() {
        if (peek().kind != TokenKind::name) {
            expected("a setting, KEY = VALUE");
            return false;
        }
        const Token key = take();
        if (peek().kind != TokenKind::equals && peek().kind != TokenKind::plus_equals) {
            expected(fmt::format("'=' after '{}'", key.text));
            return false;
        }
        const bool append = take().kind == TokenKind::plus_equals;
        auto value = parse_value(0);
        if (!value) {
            return false;
        }
        if (peek().kind != TokenKind::end_of_statement) {
            expected(fmt::format("the end of the line after the value of '{}'", key.text));
            return false;
        }
        store(key, std::move(*value), append);
        return true;
    }

    std::optional<Value> parse_value(int depth) {
        switch (peek().kind) {
        case TokenKind::string: {
            Token token = take();
            return Value{ValueKind::string, token.at, std::move(token.text), 0, {}};
        }
        case TokenKind::number: {
            Token token = take();
            return Value{ValueKind::number, token.at, std::move(token.text), token.number, {}};
        }
        case TokenKind::open_list: {
            auto list = parse_list(depth);
            list_failed_ = !list;
            return list;
        }
        case TokenKind::name:
            diagnostics_.error(file_, peek().at,
                               fmt::format("expected a value: write \"{}\" in quotes if it is a string", peek().text));
            return std::nullopt;
        default:
            expected("a string in quotes, a number, or a list in [ ]");
            return std::nullopt;
        }
    }

    void skip_line_ends() {
        while (peek().kind == TokenKind::end_of_statement && peek().text != ";") {
            ++next_;
        }
    }

    std::optional<Value> parse_list(int depth) {
        const Token open = take();
        Value list{ValueKind::list, open.at, {}, 0, {}};
        if (depth == max_depth) {
            diagnostics_.error(file_, open.at, "lists are nested too deeply");
            return std::nullopt;
        }
        while (true) {
            skip_line_ends();
            if (peek().kind == TokenKind::close_list) {
                take();
                return list;
            }
            if (peek().kind == TokenKind::end_of_file) {
                diagnostics_.error(file_, open.at, "this list does not end: expected ']'");
                return std::nullopt;
            }
            auto item = parse_value(depth + 1);
            if (!item) {
                return std::nullopt;
            }
            list.items.push_back(std::move(*item));
            skip_line_ends();
            if (peek().kind == TokenKind::comma) {
                take();
            } else if (peek().kind == TokenKind::end_of_file) {
                diagnostics_.error(file_, open.at, "this list does not end: expected ']'");
                return std::nullopt;
            } else if (peek().kind != TokenKind::close_list) {
                expected("',' or ']' in the list");
                return std::nullopt;
            }
        }
    }

    void store(const Token& key, Value value, bool append) {
        const auto known =
            std::find_if(settings_.begin(), settings_.end(), [&](const Setting& s) { return s.key == key.text; });
        if (known == settings_.end()) {
            settings_.push_back({key.text, key.at, std::move(value)});
        } else if (!append) {
            diagnostics_.error(file_, key.at,
                               fmt::format("'{}' is set for a second time (first on line {}): use += to add to it",
                                           key.text, known->at.line));
        } else if (known->value.kind != value.kind || value.kind == ValueKind::number) {
            diagnostics_.error(
                file_, key.at,
                fmt::format(
                    "+= adds a string to a string or a list to a list, which is not the case for '{}' (line {})",
                    key.text, known->at.line));
        } else {
            known->value.text += value.text;
            std::move(value.items.begin(), value.items.end(), std::back_inserter(known->value.items));
        }
    }

    const std::string& file_;
    std::vector<Token> tokens_;
    Diagnostics& diagnostics_;
    std::vector<Setting> settings_;
    std::size_t next_{0};
    bool list_failed_{false};
};

} // namespace

std::vector<Setting> parse_settings(const std::string& file, std::string_view text, Diagnostics& diagnostics) {
    return Parser{file, tokenize(file, text, diagnostics), diagnostics}.run();
}

} // namespace bulkhead::tools
