// SPDX-License-Identifier: Apache-2.0
// Lines of the system's log.
#include "log_lines.hpp"

#include <bulkhead/format.hpp>

namespace bulkhead::console {

namespace {

constexpr std::string_view component_names[LogSource::components] = {"?",     "root",   "memory", "grant",
                                                                     "event", "domain", "console"};
static_assert(static_cast<int>(ClientId::domain) == 5 && static_cast<int>(ClientId::console) == 6);

constexpr bool printing(char c) {
    return (c >= ' ' && c <= '~') || c == '\t';
}

void put_escaped(FormatBuffer& line, std::string_view text) {
    for (const char c : text) {
        if (printing(c)) {
            line.put(c);
        } else {
            line.append("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
}

} // namespace

void LogLines::set_name(DomId domain, std::string_view name) {
    auto& kept = names_[domain.value];
    kept = {};
    for (std::size_t i = 0; i < name.size() && i + 1 < kept.size(); ++i) {
        // Nor may a name end its own brackets.
        kept[i] = printing(name[i]) && name[i] != ']' && name[i] != '[' ? name[i] : '?';
    }
}

std::size_t LogLines::prefix(LogSource source, std::span<char> into) const {
    FormatBuffer text{into};
    const std::string_view name = source.is_component() ? component_names[source.index()]
                                                        : std::string_view{names_[source.domain().value].data()};
    if (name.empty()) {
        text.append("[domain {}{}] ", source.domain(), source.is_guest() ? " log" : "");
    } else {
        text.append("[{}{}] ", name, source.is_guest() ? " log" : "");
    }
    return text.view().size();
}

void LogLines::emit(LogSource source, std::string_view text) {
    if (!text.empty() && text.back() == '\r') {
        text.remove_suffix(1);
    }
    char storage[max_line];
    FormatBuffer line{storage};
    char name[96];
    const std::string_view own{name, prefix(source, name)};
    // Components that write their name themselves need not see it twice. A guest's own text is never taken for it.
    if (source.is_guest() || !text.starts_with(own)) {
        line.put(own);
    }
    put_escaped(line, text);
    line.put('\n');
    sink_.write_line(line.view());
}

void LogLines::append(LogSource source, std::string_view text) {
    Partial& partial = partial_[source.index()];
    for (const char c : text) {
        if (c != '\n' && partial.used == partial.text.size()) {
            finish(source);
        }
        if (c == '\n') {
            emit(source, {partial.text.data(), partial.used});
            partial.used = 0;
        } else {
            partial.text[partial.used++] = c;
        }
    }
}

void LogLines::finish(LogSource source) {
    Partial& partial = partial_[source.index()];
    if (partial.used != 0) {
        emit(source, {partial.text.data(), partial.used});
        partial.used = 0;
    }
}

} // namespace bulkhead::console
