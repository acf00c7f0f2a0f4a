// SPDX-License-Identifier: Apache-2.0
// The run-time half of format.hpp: placeholders to text.
// It must not know: where the text goes.
#include <bulkhead/format.hpp>

namespace bulkhead {
namespace {

struct Specification {
    bool hexadecimal{false};
    bool zeros{false};
    std::uint32_t width{0};
};

/// What stands between ':' and '}': [0][width][x].
Specification parse(std::string_view text) {
    constexpr std::uint32_t widest = 64;
    Specification result{};
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == 'x') {
            result.hexadecimal = true;
        } else if (c == '0' && result.width == 0) {
            result.zeros = true;
        } else if (c >= '0' && c <= '9' && result.width < widest) {
            result.width = result.width * 10 + static_cast<std::uint32_t>(c - '0');
        }
    }
    result.width = result.width < widest ? result.width : widest;
    return result;
}

void pad(FormatBuffer& out, char with, std::size_t have, std::uint32_t width) {
    for (std::size_t i = have; i < width; ++i) {
        out.put(with);
    }
}

void put_number(FormatBuffer& out, std::uint64_t number, bool negative, const Specification& how) {
    char digits[20];
    std::size_t count = 0;
    const std::uint64_t base = how.hexadecimal ? 16 : 10;
    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    const std::size_t length = count + (negative ? 1 : 0);
    if (!how.zeros) {
        pad(out, ' ', length, how.width);
    }
    if (negative) {
        out.put('-');
    }
    if (how.zeros) {
        pad(out, '0', length, how.width);
    }
    while (count != 0) {
        out.put(digits[--count]);
    }
}

void put_argument(FormatBuffer& out, const FormatArgument& argument, const Specification& how) {
    using Kind = FormatArgument::Kind;
    switch (argument.kind) {
    case Kind::text:
        out.put(argument.text);
        pad(out, ' ', argument.text.size(), how.width);
        break;
    case Kind::character:
        out.put(static_cast<char>(argument.number));
        break;
    case Kind::unsigned_number:
        put_number(out, argument.number, false, how);
        break;
    case Kind::signed_number:
        if (static_cast<std::int64_t>(argument.number) < 0 && !how.hexadecimal) {
            put_number(out, 0 - argument.number, true, how);
        } else {
            put_number(out, argument.number, false, how);
        }
        break;
    }
}

} // namespace

void FormatBuffer::vappend(std::string_view format, std::span<const FormatArgument> arguments) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < format.size(); ++i) {
        const char c = format[i];
        const bool doubled = i + 1 < format.size() && format[i + 1] == c;
        if ((c == '{' || c == '}') && doubled) {
            put(c);
            ++i;
        } else if (c == '{') {
            std::size_t end = i + 1;
            while (end < format.size() && format[end] != '}') {
                ++end;
            }
            if (next < arguments.size()) {
                const std::size_t start = i + 1 < end ? i + 2 : end; // past the colon
                put_argument(*this, arguments[next++], parse(format.substr(start, end - start)));
            }
            i = end;
        } else {
            put(c);
        }
    }
}

} // namespace bulkhead
