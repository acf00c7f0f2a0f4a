// SPDX-License-Identifier: Apache-2.0
#include "config/cpu_set.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

std::optional<std::uint32_t> parse_cpu(std::string_view text) {
    text = trim(text);
    std::uint32_t cpu = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpu);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || cpu >= max_cpus) {
        return std::nullopt;
    }
    return cpu;
}

/// One element: "3", "2-5", "^1", "all".
Outcome<Done> apply(std::string_view element, CpuSet& set) {
    const std::string_view whole = element;
    const bool remove = element.starts_with('^');
    if (remove) {
        element.remove_prefix(1);
    }
    if (element == "all") {
        remove ? set.reset() : set.set();
        return Done{};
    }
    if (element.starts_with("node")) {
        return Failure{fmt::format("'{}' names a NUMA node, which this version does not know: name its CPUs", whole)};
    }
    const auto dash = element.find('-');
    const auto first = parse_cpu(element.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_cpu(element.substr(dash + 1));
    if (!first || !last || *last < *first) {
        return Failure{
            fmt::format("'{}' is no set of CPUs: expected a CPU (0 to {}), a range as in 2-3, ^ and either to "
                        "leave them out, or \"all\"",
                        whole, max_cpus - 1)};
    }
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) {
        set.set(cpu, !remove);
    }
    return Done{};
}

} // namespace

Outcome<CpuSet> parse_cpu_set(std::string_view text) {
    CpuSet set;
    std::string_view rest = text;
    while (true) {
        const auto comma = rest.find(',');
        const auto applied = apply(trim(rest.substr(0, comma)), set);
        if (!applied) {
            return Failure{applied.message()};
        }
        if (comma == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(comma + 1);
    }
    if (set.none()) {
        return Failure{fmt::format("\"{}\" leaves no CPU", text)};
    }
    return set;
}

std::string to_string(const CpuSet& set) {
    std::string out;
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (!set.test(cpu)) {
            continue;
        }
        std::uint32_t last = cpu;
        while (last + 1 < max_cpus && set.test(last + 1)) {
            ++last;
        }
        out += out.empty() ? "" : ",";
        out += last == cpu ? fmt::format("{}", cpu) : fmt::format("{}-{}", cpu, last);
        cpu = last;
    }
    return out;
}

} // namespace bulkhead::tools
