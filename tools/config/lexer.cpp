// SPDX-License-Identifier: Apache-2.0
// The token syntax is that of Xen's libxlu_cfg: names [a-z][_0-9a-z]*, numbers decimal, 0x or octal, quotes with
// backslash escapes,
// '#' comments, ';' or a newline between statements.
#include "config/lexer.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.front() == '0') {
        base = 8;
        text.remove_prefix(1);
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

class Lexer {
public:
    Lexer(const std::string& file, std::string_view text, Diagnostics& diagnostics)
        : file_{file}, text_{text}, diagnostics_{diagnostics} {}

    std::vector<Token> run() {
        while (!at_end()) {
            step();
        }
        tokens_.push_back({TokenKind::end_of_statement, position(), "", 0});
        tokens_.push_back({TokenKind::end_of_file, position(), "", 0});
        return std::move(tokens_);
    }

private:
    bool at_end() const { return next_ == text_.size(); }
    char peek(std::size_t ahead = 0) const { return next_ + ahead < text_.size() ? text_[next_ + ahead] : '\0'; }
    Position position() const { return {line_, static_cast<int>(next_ - line_start_) + 1}; }

    char take() {
        const char c = text_[next_++];
        if (c == '\n') {
            ++line_;
            line_start_ = next_;
        }
        return c;
    }

    void push(TokenKind kind, Position at, std::string text = {}) { tokens_.push_back({kind, at, std::move(text), 0}); }

    void step() {
        const Position at = position();
        const char c = peek();
        if (is_letter(c)) {
            lex_name(at);
        } else if (is_digit(c)) {
            lex_number(at);
        } else if (c == '"' || c == '\'') {
            lex_string(at);
        } else if (c == '+' && peek(1) == '=') {
            take();
            take();
            push(TokenKind::plus_equals, at);
        } else {
            lex_single(at);
        }
    }

    void lex_single(Position at) {
        const char c = take();
        switch (c) {
        case ' ':
        case '\t':
        case '\r':
            break;
        case '\n':
            push(TokenKind::end_of_statement, at);
            break;
        case ';':
            push(TokenKind::end_of_statement, at, ";");
            break;
        case '#':
            while (!at_end() && peek() != '\n') {
                take();
            }
            break;
        case '=':
            push(TokenKind::equals, at);
            break;
        case ',':
            push(TokenKind::comma, at);
            break;
        case '[':
            push(TokenKind::open_list, at);
            break;
        case ']':
            push(TokenKind::close_list, at);
            break;
        default:
            lex_stray(at, c);
        }
    }

    void lex_stray(Position at, char c) {
        const auto byte = static_cast<unsigned char>(c);
        const std::string shown =
            byte >= 0x20 && byte < 0x7f ? fmt::format("'{}'", c) : fmt::format("byte 0x{:02x}", byte);
        const bool python =
            c == '(' || c == ')' || c == ':' || c == '.' || c == '+' || c == '-' || c == '{' || c == '}';
        diagnostics_.error(file_, at,
                           shown + " has no place here" +
                               (python ? ": a domain file holds plain KEY = VALUE settings, not Python" : ""));
    }

    void lex_name(Position at) {
        std::string name;
        while (is_letter(peek()) || is_digit(peek())) {
            name += take();
        }
        push(TokenKind::name, at, std::move(name));
    }

    void lex_number(Position at) {
        std::string digits;
        while (is_letter(peek()) || is_digit(peek())) {
            digits += take();
        }
        const auto value = parse_number(digits);
        if (!value) {
            diagnostics_.error(
                file_, at,
                fmt::format("'{}' is not a number: expected decimal, 0x and hexadecimal, or 0 and octal digits",
                            digits));
        }
        tokens_.push_back({TokenKind::number, at, std::move(digits), value.value_or(0)});
    }

    void lex_string(Position at) {
        const char quote = take();
        std::string contents;
        while (peek() != quote) {
            if (at_end() || peek() == '\n') {
                diagnostics_.error(
                    file_, at, fmt::format("this string does not end: expected {} before the end of the line", quote));
                push(TokenKind::string, at, std::move(contents));
                return;
            }
            if (peek() == '\\') {
                lex_escape(contents);
            } else {
                contents += take();
            }
        }
        take();
        push(TokenKind::string, at, std::move(contents));
    }

    void lex_escape(std::string& contents) {
        const Position at = position();
        take();
        const char c = peek();
        if (c >= '0' && c <= '7') {
            lex_code(contents, at, 8, 3);
            return;
        }
        if (at_end() || c == '\n') {
            return; // the unterminated string is reported
        }
        take();
        switch (c) {
        case 'n':
            contents += '\n';
            break;
        case 't':
            contents += '\t';
            break;
        case 'r':
            contents += '\r';
            break;
        case '\\':
        case '\'':
        case '"':
            contents += c;
            break;
        case 'x':
            lex_code(contents, at, 16, 2);
            break;
        default:
            diagnostics_.error(
                file_, at, fmt::format("\\{} is no escape: expected one of \\n \\t \\r \\\\ \\' \\\" \\xHH \\OOO", c));
        }
    }

    void lex_code(std::string& contents, Position at, int base, int most) {
        std::string digits;
        while (static_cast<int>(digits.size()) < most && (is_digit(peek()) || is_letter(peek()))) {
            unsigned ignored = 0;
            const char c = peek();
            if (std::from_chars(&c, &c + 1, ignored, base).ec != std::errc{}) {
                break;
            }
            digits += take();
        }
        unsigned code = 0;
        std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
        if (digits.empty() || code == 0 || code > 0xff) {
            diagnostics_.error(file_, at, "this escape is no character: expected \\x01 to \\xff or \\001 to \\377");
            return;
        }
        contents += static_cast<char>(code);
    }

    const std::string& file_;
    std::string_view text_;
    Diagnostics& diagnostics_;
    std::vector<Token> tokens_;
    std::size_t next_{0};
    std::size_t line_start_{0};
    int line_{1};
};

} // namespace

std::vector<Token> tokenize(const std::string& file, std::string_view text, Diagnostics& diagnostics) {
    return Lexer{file, text, diagnostics}.run();
}

std::string describe(const Token& token) {
    switch (token.kind) {
    case TokenKind::name:
        return fmt::format("the name '{}'", token.text);
    case TokenKind::number:
        return fmt::format("the number {}", token.text);
    case TokenKind::string:
        return fmt::format("the string \"{}\"", token.text);
    case TokenKind::equals:
        return "'='";
    case TokenKind::plus_equals:
        return "'+='";
    case TokenKind::comma:
        return "','";
    case TokenKind::open_list:
        return "'['";
    case TokenKind::close_list:
        return "']'";
    case TokenKind::end_of_statement:
        return token.text == ";" ? "';'" : "the end of the line";
    case TokenKind::end_of_file:
        return "the end of the file";
    }
    return "something else";
}

} // namespace bulkhead::tools
