// SPDX-License-Identifier: Apache-2.0
#include "run/capability_list.hpp"

#include <algorithm>

namespace bulkhead::tools {

std::vector<std::string> capability_lines(std::string_view log) {
    std::vector<std::string> lines;
    bool inside = false;
    while (!log.empty()) {
        const std::size_t end = log.find('\n');
        std::string_view line = log.substr(0, end);
        log = end == std::string_view::npos ? std::string_view{} : log.substr(end + 1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (line.ends_with(capabilities_end)) {
            inside = false;
        } else if (line.ends_with(capabilities_begin)) {
            inside = true;
        } else if (inside) {
            const std::size_t prefix = line.starts_with('[') ? line.find("] ") : std::string_view::npos;
            const std::string_view text = prefix == std::string_view::npos ? line : line.substr(prefix + 2);
            // Others may log in between.
            if (text.starts_with(capability_word)) {
                lines.emplace_back(text);
            }
        }
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

} // namespace bulkhead::tools
