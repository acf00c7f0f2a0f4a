// SPDX-License-Identifier: Apache-2.0
#include "config/system.hpp"

#include <algorithm>
#include <filesystem>

#include <bulkhead/abi/methods.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include "config/nearest.hpp"
#include "config/size.hpp"

namespace bulkhead::tools {

namespace {

constexpr std::uint64_t default_machine_memory = std::uint64_t{1536} << 20;
constexpr std::uint32_t default_machine_cpus = 2;
constexpr std::uint64_t default_component_memory = 0; // none of them needs any
// thread_schedule (methods.hpp): period 100 us to 1 s.
constexpr std::int64_t shortest_period_us = 100;
constexpr std::int64_t longest_period_us = 1'000'000;

Position position_of(const toml::source_region& region) {
    return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

class Reader {
public:
    Reader(SystemConfig& config, Diagnostics& diagnostics) : config_{config}, diagnostics_{diagnostics} {}

    void read(const toml::table& root);

private:
    void error(Position at, std::string message) { diagnostics_.error(config_.file, at, std::move(message)); }
    void error(const toml::node& node, std::string message) { error(position_of(node.source()), std::move(message)); }

    /// Reports each key of `table` that is not in `known`.
    void only(const toml::table& table, std::string_view where, std::initializer_list<std::string_view> known);
    std::optional<std::int64_t> integer(const toml::table& table, std::string_view key, std::int64_t least,
                                        std::int64_t most, std::string_view meaning);
    std::optional<bool> boolean(const toml::table& table, std::string_view key);
    std::optional<std::string> string(const toml::table& table, std::string_view key, std::string_view example);
    std::optional<std::uint64_t> size(const toml::table& table, std::string_view key);
    const toml::table* section(const toml::table& table, std::string_view key);

    void read_domain_files(const toml::table& root);
    void read_machine(const toml::table& machine);
    void read_component(const std::string& name, const toml::table& table);
    void read_domain(const std::string& name, const toml::table& table);
    void read_share(const toml::table& table, Share& share);
    void read_cpus(const toml::node& node, DomainPlacement& placement);
    std::optional<CpuSet> cpu_list(const toml::array& array);

    SystemConfig& config_;
    Diagnostics& diagnostics_;
};

void Reader::only(const toml::table& table, std::string_view where, std::initializer_list<std::string_view> known) {
    for (const auto& [key, node] : table) {
        if (std::find(known.begin(), known.end(), key.str()) == known.end()) {
            error(position_of(key.source()), fmt::format("'{}' is no key of {}{}", key.str(), where,
                                                         did_you_mean(key.str(), {known.begin(), known.size()})));
        }
    }
}

std::optional<std::int64_t> Reader::integer(const toml::table& table, std::string_view key, std::int64_t least,
                                            std::int64_t most, std::string_view meaning) {
    const toml::node* node = table.get(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    const auto* value = node->as_integer();
    if (value == nullptr || value->get() < least || value->get() > most) {
        error(*node, fmt::format("'{}' is {}: expected a number from {} to {}", key, meaning, least, most));
        return std::nullopt;
    }
    return value->get();
}

std::optional<bool> Reader::boolean(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node != nullptr && !node->is_boolean()) {
        error(*node, fmt::format("'{}' expected true or false", key));
        return std::nullopt;
    }
    return node == nullptr ? std::nullopt : std::optional{node->as_boolean()->get()};
}

std::optional<std::string> Reader::string(const toml::table& table, std::string_view key, std::string_view example) {
    const toml::node* node = table.get(key);
    if (node != nullptr && !node->is_string()) {
        error(*node, fmt::format("'{}' takes a string: expected for example {}", key, example));
        return std::nullopt;
    }
    return node == nullptr ? std::nullopt : std::optional{node->as_string()->get()};
}

std::optional<std::uint64_t> Reader::size(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    std::optional<std::uint64_t> bytes;
    if (node->is_integer()) {
        bytes = parse_size(std::to_string(node->as_integer()->get()));
    } else if (node->is_string()) {
        bytes = parse_size(node->as_string()->get());
    }
    if (!bytes || *bytes == 0) {
        error(
            *node,
            fmt::format("'{}' is an amount of memory: expected for example \"512M\", \"2G\", or a number of MiB", key));
        return std::nullopt;
    }
    return bytes;
}

const toml::table* Reader::section(const toml::table& table, std::string_view key) {
    const toml::node* node = table.get(key);
    if (node != nullptr && !node->is_table()) {
        error(*node, fmt::format("'{}' expected a section: [{}]", key, key));
        return nullptr;
    }
    return node == nullptr ? nullptr : node->as_table();
}

void Reader::read_domain_files(const toml::table& root) {
    const toml::node* node = root.get("domains");
    if (node == nullptr || !node->is_array()) {
        const Position at = node == nullptr ? Position{} : position_of(node->source());
        error(at, "'domains' lists the domain files: expected for example domains = [\"web.cfg\", \"mail.cfg\"]");
        return;
    }
    const auto directory = std::filesystem::path{config_.file}.parent_path();
    for (const toml::node& item : *node->as_array()) {
        if (!item.is_string()) {
            error(item, "expected the path of a domain file, in quotes");
            continue;
        }
        const auto path = (directory / item.as_string()->get()).lexically_normal().string();
        config_.domain_files.emplace_back(path, position_of(item.source()));
    }
    if (node->as_array()->empty()) {
        error(*node, "the list of domains is empty: expected one or more domain files");
    }
}

void Reader::read_machine(const toml::table& machine) {
    only(machine, "[machine]", {"memory", "cpus"});
    if (const auto memory = size(machine, "memory")) {
        config_.machine_memory = *memory;
        config_.memory_at = position_of(machine.get("memory")->source());
    }
    if (const auto cpus = integer(machine, "cpus", 1, max_cpus, "how many CPUs the machine has")) {
        config_.machine_cpus = static_cast<std::uint32_t>(*cpus);
        config_.cpus_at = position_of(machine.get("cpus")->source());
    }
}

void Reader::read_share(const toml::table& table, Share& share) {
    if (const auto priority = integer(table, "priority", 0, max_priority, "a priority, higher going first")) {
        share.priority = static_cast<std::uint32_t>(*priority);
    }
    const auto period = integer(table, "period_us", shortest_period_us, longest_period_us, "a time in microseconds");
    const auto budget = integer(table, "budget_us", 1, longest_period_us, "a time in microseconds");
    if (table.contains("budget_us") != table.contains("period_us")) {
        const toml::node& there = *table.get(table.contains("budget_us") ? "budget_us" : "period_us");
        error(there, "a budget is an amount of time in each period: expected both 'budget_us' and 'period_us'");
        return;
    }
    if (budget && period && *budget > *period) {
        error(*table.get("budget_us"),
              fmt::format("a budget of {} us does not fit into a period of {} us: expected at most {}", *budget,
                          *period, *period));
        return;
    }
    if (budget && period) {
        share.budget_us = static_cast<std::uint64_t>(*budget);
        share.period_us = static_cast<std::uint64_t>(*period);
    }
}

void Reader::read_component(const std::string& name, const toml::table& table) {
    const auto component = std::find_if(config_.components.begin(), config_.components.end(),
                                        [&](const ComponentConfig& c) { return c.name == name; });
    if (component == config_.components.end()) {
        error(table,
              fmt::format("there is no component '{}': expected one of {}", name, fmt::join(component_names, ", ")));
        return;
    }
    only(table, fmt::format("[component.{}]", name), {"cpu", "priority", "budget_us", "period_us", "memory"});
    component->at = position_of(table.source());
    if (const auto cpu = integer(table, "cpu", 0, max_cpus - 1, "a CPU of the machine")) {
        component->cpu = static_cast<std::uint32_t>(*cpu);
    }
    if (const auto memory = size(table, "memory")) {
        component->memory_bytes = *memory;
    }
    read_share(table, component->share);
}

std::optional<CpuSet> Reader::cpu_list(const toml::array& array) {
    CpuSet set;
    for (const toml::node& item : array) {
        const auto* cpu = item.as_integer();
        if (cpu == nullptr || cpu->get() < 0 || cpu->get() >= std::int64_t{max_cpus}) {
            error(item, fmt::format("expected a CPU of the machine, a number from 0 to {}", max_cpus - 1));
            return std::nullopt;
        }
        set.set(static_cast<std::size_t>(cpu->get()));
    }
    if (set.none()) {
        error(array, "the list is empty: expected one or more CPUs");
        return std::nullopt;
    }
    return set;
}

void Reader::read_cpus(const toml::node& node, DomainPlacement& placement) {
    placement.cpus_at = position_of(node.source());
    if (node.is_array()) {
        placement.cpus = cpu_list(*node.as_array());
    } else if (node.is_string()) {
        const auto set = parse_cpu_set(node.as_string()->get());
        if (!set) {
            error(node, set.message());
            return;
        }
        placement.cpus = *set;
    } else {
        error(node, "'cpus' names CPUs: expected for example \"0-1\" or [0, 1]");
    }
}

void Reader::read_domain(const std::string& name, const toml::table& table) {
    DomainPlacement placement;
    placement.at = position_of(table.source());
    placement.share.priority = default_domain_priority;
    only(table, fmt::format("[domain.{}]", name), {"cpus", "exclusive", "priority", "budget_us", "period_us", "extra"});
    if (const toml::node* cpus = table.get("cpus")) {
        read_cpus(*cpus, placement);
    }
    placement.exclusive = boolean(table, "exclusive").value_or(false);
    placement.extra = string(table, "extra", "\"console=hvc0\"").value_or("");
    read_share(table, placement.share);
    if (placement.share.priority >= default_component_priority) {
        error(*table.get("priority"),
              fmt::format("a guest may not run before the components that all guests need: expected less than {}",
                          default_component_priority));
    }
    config_.domains[name] = placement;
}

void Reader::read(const toml::table& root) {
    only(root, "the system file", {"domains", "exit_when_done", "command_line", "machine", "component", "domain"});
    read_domain_files(root);
    config_.exit_when_done = boolean(root, "exit_when_done").value_or(config_.exit_when_done);
    config_.command_line = string(root, "command_line", "\"verbose\"").value_or("");
    if (const toml::table* machine = section(root, "machine")) {
        read_machine(*machine);
    }
    const auto each = [&](std::string_view key, auto reader) {
        const toml::table* sections = section(root, key);
        if (sections == nullptr) {
            return;
        }
        for (const auto& [name, node] : *sections) {
            if (const toml::table* table = node.as_table()) {
                (this->*reader)(std::string{name.str()}, *table);
            } else {
                error(node, fmt::format("expected a section: [{}.{}]", key, name.str()));
            }
        }
    };
    each("component", &Reader::read_component);
    each("domain", &Reader::read_domain);
}

} // namespace

SystemConfig default_system() {
    SystemConfig config;
    config.machine_memory = default_machine_memory;
    config.machine_cpus = default_machine_cpus;
    for (const std::string_view name : component_names) {
        config.components.push_back(
            {std::string{name}, 0, Share{default_component_priority, 0, 0}, default_component_memory, {}});
    }
    return config;
}

SystemConfig parse_system(const std::string& file, std::string_view text, Diagnostics& diagnostics) {
    diagnostics.remember_text(file, std::string{text});
    SystemConfig config = default_system();
    config.file = file;
    try {
        const toml::table root = toml::parse(text, file);
        Reader{config, diagnostics}.read(root);
    } catch (const toml::parse_error& failure) {
        diagnostics.error(file, position_of(failure.source()), std::string{failure.description()});
    }
    return config;
}

} // namespace bulkhead::tools
