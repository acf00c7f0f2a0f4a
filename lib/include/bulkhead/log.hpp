// SPDX-License-Identifier: Apache-2.0
// A component's words for the person at the console: "[name] text", one line per call, through the console's portal.
// It must not know: how the console shows them. A component without a console (or whose console is gone) is silent.
#pragma once

#include <bulkhead/format.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead {

/// Longest line, prefix included; what is longer is cut.
inline constexpr std::size_t max_log_line = 500;

/// Where `log` sends its lines. Set once, at the start.
struct LogTarget {
    std::string_view name{};        ///< empty: the component's own
    Selector portal{slot::console}; ///< of services/console
    /// Where lines go instead, if set: a component that comes before the console, or a test.
    void (*instead)(std::string_view line){nullptr};
};
LogTarget& log_target();

/// Sends one line as it is, adding the newline.
void log_line(std::string_view line);

/// Prefix and text; control characters in values (which may come from a guest) become '?'. Overwrites this thread's
/// UTCB.
void vlog(std::string_view format, std::span<const FormatArgument> arguments);
template <typename... T> void log(FormatString<std::type_identity_t<T>...> format, const T&... values) {
    const FormatArgument arguments[sizeof...(T) + 1] = {detail::to_argument(values)...};
    vlog(format.text(), std::span<const FormatArgument>{arguments, sizeof...(T)});
}

} // namespace bulkhead
