// SPDX-License-Identifier: Apache-2.0
// One table of keys, each with the function that takes its value. Defaults are xl's own (xl.cfg(5)).
#include "config/domain.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "config/nearest.hpp"
#include "config/parser.hpp"
#include "config/uuid.hpp"
#include "config/xl_keys.hpp"

namespace bulkhead::tools {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t max_vcpus = 32;                          // the capability slots of a monitor, and shared_info
constexpr std::uint64_t max_memory_mib = std::uint64_t{1} << 20; // a tebibyte: what follows cannot overflow

/// The values as written, before they are put together.
struct Raw {
    DomainConfig config;
    std::optional<std::string> root, extra, cmdline;
    std::optional<std::uint64_t> maxmem, maxvcpus;
    std::optional<std::size_t> cpus_listed; ///< elements of `cpus`, if it is a list
    bool type_seen{false};
};

class Reader {
public:
    Reader(const std::string& file, Diagnostics& diagnostics, Raw& raw) : diagnostics_{diagnostics}, raw_{raw} {
        raw_.config.file = file;
    }

    void take(const Setting& setting);
    void finish();

private:
    using Taker = void (Reader::*)(const Setting&);
    struct Key {
        std::string_view name;
        Taker taker;
    };
    static const Key keys[];

    void error(Position at, std::string message) { diagnostics_.error(raw_.config.file, at, std::move(message)); }
    std::optional<std::string> string_of(const Setting& s, std::string_view example);
    std::optional<std::uint64_t> number_of(const Setting& s, std::string_view meaning);
    std::string path_of(const Setting& s, std::string_view example);
    std::optional<Action> action_of(const Setting& s);
    std::optional<CpuSet> cpus_of(const Value& value);

    void name(const Setting& s);
    void type(const Setting& s);
    void kernel(const Setting& s) { raw_.config.kernel = path_of(s, "kernel = \"/boot/vmlinuz\""); }
    void ramdisk(const Setting& s) { raw_.config.ramdisk = path_of(s, "ramdisk = \"/boot/initrd.img\""); }
    void root(const Setting& s) { raw_.root = string_of(s, "root = \"/dev/ram0\""); }
    void extra(const Setting& s) { raw_.extra = string_of(s, "extra = \"console=hvc0\""); }
    void cmdline(const Setting& s) { raw_.cmdline = string_of(s, "cmdline = \"console=hvc0\""); }
    void memory(const Setting& s);
    void maxmem(const Setting& s) { raw_.maxmem = number_of(s, "MiB"); }
    void vcpus(const Setting& s);
    void maxvcpus(const Setting& s) { raw_.maxvcpus = number_of(s, "virtual CPUs"); }
    void cpus(const Setting& s);
    void max_event_channels(const Setting& s);
    void max_grant_version(const Setting& s);
    void finish_vcpus();
    void on_poweroff(const Setting& s) { raw_.config.on_poweroff = action_of(s).value_or(Action::destroy); }
    void on_reboot(const Setting& s) { raw_.config.on_reboot = action_of(s).value_or(Action::restart); }
    void on_crash(const Setting& s) { raw_.config.on_crash = action_of(s).value_or(Action::destroy); }
    void uuid(const Setting& s);
    void finish_command_line();

    Diagnostics& diagnostics_;
    Raw& raw_;
};

const Reader::Key Reader::keys[] = {
    {"name", &Reader::name},
    {"type", &Reader::type},
    {"kernel", &Reader::kernel},
    {"ramdisk", &Reader::ramdisk},
    {"root", &Reader::root},
    {"extra", &Reader::extra},
    {"cmdline", &Reader::cmdline},
    {"memory", &Reader::memory},
    {"maxmem", &Reader::maxmem},
    {"vcpus", &Reader::vcpus},
    {"maxvcpus", &Reader::maxvcpus},
    {"cpus", &Reader::cpus},
    {"on_reboot", &Reader::on_reboot},
    {"on_poweroff", &Reader::on_poweroff},
    {"on_crash", &Reader::on_crash},
    {"uuid", &Reader::uuid},
    {"max_event_channels", &Reader::max_event_channels},
    {"max_grant_version", &Reader::max_grant_version},
};

std::optional<std::string> Reader::string_of(const Setting& s, std::string_view example) {
    if (s.value.kind != ValueKind::string) {
        error(s.value.at, fmt::format("'{}' takes a string in quotes: expected for example {}", s.key, example));
        return std::nullopt;
    }
    return s.value.text;
}

std::optional<std::uint64_t> Reader::number_of(const Setting& s, std::string_view meaning) {
    // xl takes numbers in quotes as well, and tools that write such files rely on it.
    std::uint64_t number = s.value.number;
    const std::string& text = s.value.text;
    bool good = s.value.kind == ValueKind::number;
    if (s.value.kind == ValueKind::string) {
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
        good = failed == std::errc{} && end == text.data() + text.size();
    }
    if (!good) {
        error(s.value.at, fmt::format("'{}' takes a number: expected how many {}", s.key, meaning));
        return std::nullopt;
    }
    return number;
}

std::string Reader::path_of(const Setting& s, std::string_view example) {
    const auto text = string_of(s, example);
    if (!text) {
        return {};
    }
    if (text->empty()) {
        error(s.value.at, fmt::format("'{}' is empty: expected a path, for example {}", s.key, example));
        return {};
    }
    return (std::filesystem::path{raw_.config.file}.parent_path() / *text).lexically_normal().string();
}

std::optional<Action> Reader::action_of(const Setting& s) {
    static constexpr std::string_view words[] = {"destroy", "restart", "preserve"};
    const auto text = string_of(s, fmt::format("{} = \"destroy\"", s.key));
    if (!text) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < std::size(words); ++i) {
        if (*text == words[i]) {
            return static_cast<Action>(i);
        }
    }
    const bool xl_knows = *text == "rename-restart" || *text == "coredump-destroy" || *text == "coredump-restart" ||
                          *text == "soft-reset";
    error(s.value.at, fmt::format("'{}' is {}: expected \"destroy\", \"restart\" or \"preserve\"{}", *text,
                                  xl_knows ? "known to xl, but not supported by this version" : "no action",
                                  xl_knows ? "" : did_you_mean(*text, words)));
    return std::nullopt;
}

void Reader::name(const Setting& s) {
    const auto text = string_of(s, "name = \"web\"");
    if (!text) {
        return;
    }
    constexpr std::size_t longest = 63; // manifest.proto
    const bool good_characters = std::all_of(text->begin(), text->end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    if (text->empty() || text->size() > longest || !good_characters) {
        error(s.value.at,
              fmt::format("\"{}\" cannot be a domain's name: expected 1 to {} letters, digits, '-', '_' or '.'", *text,
                          longest));
    } else if (*text == system_stream_name) {
        error(s.value.at, fmt::format("the name \"{}\" is the system's own: expected another", *text));
    }
    raw_.config.name = *text;
}

void Reader::type(const Setting& s) {
    raw_.type_seen = true;
    const auto text = string_of(s, "type = \"pvh\"");
    if (!text || *text == "pvh") {
        return;
    }
    if (*text == "hvm" || *text == "pv") {
        error(s.value.at, fmt::format("this version runs PVH guests only: expected \"pvh\", not \"{}\"", *text));
    } else {
        error(s.value.at, fmt::format("\"{}\" is no type of guest: expected \"pvh\"", *text));
    }
}

void Reader::memory(const Setting& s) {
    const auto mib = number_of(s, "MiB");
    if (!mib) {
        return;
    }
    constexpr std::uint64_t least = 2;
    if (*mib < least || *mib > max_memory_mib) {
        error(s.value.at, fmt::format("{} MiB cannot be a guest's memory: expected {} or more MiB", *mib, least));
        return;
    }
    raw_.config.memory_bytes = *mib * mebibyte;
}

void Reader::vcpus(const Setting& s) {
    const auto count = number_of(s, "virtual CPUs");
    if (!count) {
        return;
    }
    if (*count < 1 || *count > max_vcpus) {
        error(s.value.at, fmt::format("{} virtual CPUs: expected 1 to {}", *count, max_vcpus));
        return;
    }
    raw_.config.vcpus = static_cast<std::uint32_t>(*count);
}

std::optional<CpuSet> Reader::cpus_of(const Value& value) {
    if (value.kind == ValueKind::list) {
        error(value.at, "expected a CPU or a range of CPUs, as in \"0\" or \"2-3\"");
        return std::nullopt;
    }
    const auto set = parse_cpu_set(value.text);
    if (!set) {
        error(value.at, set.message());
        return std::nullopt;
    }
    return *set;
}

void Reader::cpus(const Setting& s) {
    if (s.value.kind != ValueKind::list) {
        if (const auto set = cpus_of(s.value)) {
            raw_.config.cpus = {*set};
        }
        return;
    }
    for (const Value& item : s.value.items) {
        if (const auto set = cpus_of(item)) {
            raw_.config.cpus.push_back(*set);
        }
    }
    raw_.cpus_listed = s.value.items.size();
}

/// All virtual CPUs are there from the start; which of them run is the guest's affair.
void Reader::finish_vcpus() {
    const DomainConfig& c = raw_.config;
    if (raw_.maxvcpus && *raw_.maxvcpus != c.vcpus) {
        error(c.where("maxvcpus"),
              fmt::format("a guest has all its virtual CPUs from the start, and takes them into use itself: expected "
                          "maxvcpus = vcpus = {}, not {}",
                          c.vcpus, *raw_.maxvcpus));
    }
    if (raw_.cpus_listed && *raw_.cpus_listed != c.vcpus) {
        error(c.where("cpus"),
              fmt::format("the list names CPUs for {} virtual CPUs: expected one element for each, that is {}",
                          *raw_.cpus_listed, c.vcpus));
    }
}

void Reader::max_event_channels(const Setting& s) {
    const auto count = number_of(s, "event channels");
    if (!count) {
        return;
    }
    if (*count == 0 || *count > most_event_channels) {
        error(s.value.at,
              fmt::format("a guest cannot have {} event channels: expected 1 to {}", *count, most_event_channels));
        return;
    }
    raw_.config.max_event_channels = static_cast<std::uint32_t>(*count);
}

void Reader::max_grant_version(const Setting& s) {
    const auto version = number_of(s, "versions of grant tables");
    if (!version) {
        return;
    }
    if (*version == 0 || *version > most_grant_version) {
        error(s.value.at, fmt::format("this build has no grant tables of version {}: expected 1{}", *version,
                                      most_grant_version == 1 ? "" : " or 2"));
        return;
    }
    raw_.config.max_grant_version = static_cast<std::uint32_t>(*version);
}

void Reader::uuid(const Setting& s) {
    const auto text = string_of(s, "uuid = \"12345678-1234-1234-1234-123456789abc\"");
    if (!text) {
        return;
    }
    const auto parsed = parse_uuid(*text);
    if (!parsed) {
        error(s.value.at, fmt::format("\"{}\" is no UUID: expected 8-4-4-4-12 hexadecimal digits", *text));
        return;
    }
    raw_.config.uuid = *parsed;
}

void Reader::take(const Setting& setting) {
    raw_.config.places[setting.key] = setting.value.at;
    std::vector<std::string_view> names;
    for (const Key& key : keys) {
        if (key.name == setting.key) {
            (this->*key.taker)(setting);
            return;
        }
        names.push_back(key.name);
    }
    const std::string_view why = why_not_supported(setting.key);
    if (!why.empty()) {
        error(setting.at, fmt::format("'{}' is known to xl, but not supported by this version: {}", setting.key, why));
    } else {
        error(setting.at,
              fmt::format("'{}' is no key of a domain file{}", setting.key, did_you_mean(setting.key, names)));
    }
}

void Reader::finish_command_line() {
    DomainConfig& c = raw_.config;
    if (raw_.cmdline && (raw_.root || raw_.extra)) {
        error(c.where(raw_.root ? "root" : "extra"), "xl ignores 'root' and 'extra' beside 'cmdline': expected either "
                                                     "'cmdline' alone, or the others without it");
    }
    if (raw_.cmdline) {
        c.command_line = *raw_.cmdline;
    } else {
        c.command_line = raw_.root ? "root=" + *raw_.root : "";
        if (raw_.extra && !raw_.extra->empty()) {
            c.command_line += (c.command_line.empty() ? "" : " ") + *raw_.extra;
        }
    }
    const Position at = c.where(raw_.cmdline ? "cmdline" : raw_.extra ? "extra" : "root");
    const bool printable =
        std::all_of(c.command_line.begin(), c.command_line.end(), [](char byte) { return byte >= ' ' && byte <= '~'; });
    if (!printable) {
        error(at, "a kernel's command line takes printable ASCII characters");
    }
    constexpr std::size_t longest = 1023; // manifest.proto
    if (c.command_line.size() > longest) {
        error(at, fmt::format("the guest's command line has {} characters: expected at most {}", c.command_line.size(),
                              longest));
    }
}

void Reader::finish() {
    DomainConfig& c = raw_.config;
    const auto missing = [&](std::string_view key, std::string_view expected) {
        if (!c.places.contains(key)) {
            error({}, fmt::format("'{}' is missing: expected {}", key, expected));
        }
    };
    missing("name", "for example name = \"web\"");
    if (!raw_.type_seen) {
        error({}, "'type' is missing, which means \"pv\" to xl, and this version runs PVH guests only: expected type = "
                  "\"pvh\"");
    }
    missing("kernel", "for example kernel = \"/boot/vmlinuz\"");
    missing("memory", "for example memory = 256 (MiB)");
    finish_command_line();
    if (raw_.maxmem && *raw_.maxmem * mebibyte != c.memory_bytes && c.memory_bytes != 0) {
        error(c.where("maxmem"),
              fmt::format("a guest's memory is fixed in this version: expected maxmem = memory = {}, not {}",
                          c.memory_bytes / mebibyte, *raw_.maxmem));
    }
    finish_vcpus();
    if (c.uuid == Uuid{}) {
        c.uuid = uuid_from_name(c.name);
    }
}

} // namespace

Position DomainConfig::where(std::string_view key) const {
    const auto found = places.find(key);
    return found == places.end() ? Position{} : found->second;
}

DomainConfig parse_domain(const std::string& file, std::string_view text, Diagnostics& diagnostics) {
    diagnostics.remember_text(file, std::string{text});
    Raw raw;
    Reader reader{file, diagnostics, raw};
    for (const Setting& setting : parse_settings(file, text, diagnostics)) {
        reader.take(setting);
    }
    reader.finish();
    return std::move(raw.config);
}

} // namespace bulkhead::tools
