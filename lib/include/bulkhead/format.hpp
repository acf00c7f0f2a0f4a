// SPDX-License-Identifier: Apache-2.0
// Text from values, into a buffer of the caller's: "{}" decimal or text, "{:x}" hexadecimal, "{:08x}" padded. The
// number of placeholders is checked when compiling. It must not know: where the text goes.
#pragma once

#include <concepts>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <type_traits>

#include <bulkhead/names.hpp>

namespace bulkhead {

/// A value on its way into text.
struct FormatArgument {
    enum class Kind : std::uint8_t { unsigned_number, signed_number, text, character };
    Kind kind{Kind::text};
    std::uint64_t number{0};
    std::string_view text{};
};

namespace detail {
template <typename T>
concept HasName = requires(T value) {
    { to_string(value) } -> std::convertible_to<std::string_view>;
};
template <typename T>
concept IsStrong = requires(T value) {
    value.value;
};

template <typename T> constexpr FormatArgument to_argument(const T& value) {
    using Kind = FormatArgument::Kind;
    if constexpr (std::is_same_v<T, bool>) {
        return {Kind::text, 0, value ? "true" : "false"};
    } else if constexpr (std::is_same_v<T, char>) {
        return {Kind::character, static_cast<std::uint64_t>(static_cast<unsigned char>(value)), {}};
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
        return {Kind::text, 0, std::string_view{value}};
    } else if constexpr (HasName<T>) {
        return {Kind::text, 0, to_string(value)};
    } else if constexpr (std::is_same_v<T, RightsText>) {
        return {Kind::text, 0, value.view()};
    } else if constexpr (std::is_enum_v<T>) {
        return to_argument(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_pointer_v<T>) {
        return {Kind::unsigned_number, reinterpret_cast<std::uint64_t>(value), {}};
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        return {Kind::signed_number, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)), {}};
    } else if constexpr (std::is_integral_v<T>) {
        return {Kind::unsigned_number, static_cast<std::uint64_t>(value), {}};
    } else {
        static_assert(IsStrong<T>, "no way to write a value of this type");
        return to_argument(value.value);
    }
}

/// How many values a format wants; "{{" is a brace. -1: malformed.
constexpr int count_placeholders(std::string_view format) {
    int count = 0;
    for (std::size_t i = 0; i < format.size(); ++i) {
        if (format[i] == '{' && i + 1 < format.size() && format[i + 1] == '{') {
            ++i;
        } else if (format[i] == '{') {
            std::size_t end = i + 1;
            while (end < format.size() && format[end] != '}') {
                ++end;
            }
            if (end == format.size() || (end != i + 1 && format[i + 1] != ':')) {
                return -1;
            }
            ++count;
            i = end;
        }
    }
    return count;
}
void a_format_needs_as_many_values_as_placeholders(); // never defined: named in the compiler's message
} // namespace detail

/// A format string for exactly these values.
template <typename... T> class FormatString {
public:
    template <typename S>
    requires std::convertible_to<const S&, std::string_view>
    consteval FormatString(const S& format) : text_{format} { // NOLINT(google-explicit-constructor): a literal
        if (detail::count_placeholders(text_) != static_cast<int>(sizeof...(T))) {
            detail::a_format_needs_as_many_values_as_placeholders();
        }
    }
    constexpr std::string_view text() const { return text_; }

private:
    std::string_view text_;
};

/// Text that is cut off where its buffer ends.
class FormatBuffer {
public:
    explicit constexpr FormatBuffer(std::span<char> storage) : storage_{storage} {}

    void put(char c) {
        if (used_ < storage_.size()) {
            storage_[used_++] = c;
        } else {
            cut_ = true;
        }
    }
    void put(std::string_view text) {
        for (const char c : text) {
            put(c);
        }
    }
    void vappend(std::string_view format, std::span<const FormatArgument> arguments);
    template <typename... T> void append(FormatString<std::type_identity_t<T>...> format, const T&... values) {
        const FormatArgument arguments[sizeof...(T) + 1] = {detail::to_argument(values)...};
        vappend(format.text(), std::span<const FormatArgument>{arguments, sizeof...(T)});
    }

    std::string_view view() const { return {storage_.data(), used_}; }
    bool cut() const { return cut_; }
    void clear() {
        used_ = 0;
        cut_ = false;
    }

private:
    std::span<char> storage_;
    std::size_t used_{0};
    bool cut_{false};
};

/// Writes the text and returns the part of `storage` that it fills.
template <typename... T>
std::string_view format_to(std::span<char> storage, FormatString<std::type_identity_t<T>...> format,
                           const T&... values) {
    FormatBuffer buffer{storage};
    buffer.append(format, values...);
    return buffer.view();
}

} // namespace bulkhead
