// SPDX-License-Identifier: Apache-2.0
// See multiboot.hpp. Multiboot 0.6.96, 3.3, and Multiboot2 2.0, 3.6.
#include <arch/x86_64/boot/multiboot.hpp>

#include <algorithm>

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint32_t usable_ram = 1; // memory-map type, both versions

struct Info1 {
    std::uint32_t flags, mem_lower, mem_upper, boot_device, command_line, module_count, modules;
    std::uint32_t symbols[4];
    std::uint32_t map_bytes, map;
};
static_assert(sizeof(Info1) == 52);
constexpr std::uint32_t info1_command_line = 1u << 2, info1_modules = 1u << 3, info1_map = 1u << 6;

struct Module1 {
    std::uint32_t start, end, command_line, reserved;
};

struct [[gnu::packed]] MapEntry1 {
    std::uint32_t size; // of what follows
    std::uint64_t base, bytes;
    std::uint32_t type;
};
static_assert(sizeof(MapEntry1) == 24);

struct Tag {
    std::uint32_t type, size;
};
enum TagType : std::uint32_t {
    tag_end = 0,
    tag_command_line = 1,
    tag_module = 3,
    tag_map = 6,
    tag_rsdp1 = 14,
    tag_rsdp2 = 15
};

struct MapEntry2 {
    std::uint64_t base, bytes;
    std::uint32_t type, reserved;
};

class Parser {
public:
    Parser(const PhysicalWindow& window, LoaderFacts& loader, BootFacts& facts)
        : window_{window}, loader_{loader}, facts_{facts} {}

    bool parse1(std::uint64_t address) {
        Info1 info;
        if (!window_.read(address, info)) {
            return false;
        }
        if ((info.flags & info1_command_line) != 0) {
            copy_string(info.command_line, BootFacts::max_command_line, facts_.command_line);
        }
        const std::uint64_t map_end = (info.flags & info1_map) != 0 ? std::uint64_t{info.map} + info.map_bytes : 0;
        for (std::uint64_t at = info.map; at + sizeof(MapEntry1) <= map_end;) {
            MapEntry1 entry;
            if (!window_.read(at, entry) || entry.size < sizeof(MapEntry1) - sizeof(entry.size)) {
                return false;
            }
            add_memory(entry.base, entry.bytes, entry.type);
            at += std::uint64_t{entry.size} + sizeof(entry.size);
        }
        const std::uint32_t modules = (info.flags & info1_modules) != 0 ? info.module_count : 0;
        for (std::uint32_t i = 0; i < std::min<std::uint32_t>(modules, BootFacts::max_modules); ++i) {
            Module1 module;
            if (!window_.read(info.modules + std::uint64_t{i} * sizeof(module), module) ||
                !add_module(module.start, module.end, module.command_line, sizeof(BootModule::command_line))) {
                return false;
            }
        }
        return true;
    }

    bool parse2(std::uint64_t address) {
        std::uint32_t total = 0;
        Tag tag{tag_command_line, 0};
        if (!window_.read(address, total) || window_.at(address, total) == nullptr) {
            return false;
        }
        for (std::uint64_t done = 8; tag.type != tag_end && done + sizeof(Tag) <= total;) {
            if (!window_.read(address + done, tag) || tag.size < sizeof(tag) || tag.size > total - done ||
                !take_tag(tag.type, address + done + sizeof(tag), tag.size - sizeof(tag))) {
                return false;
            }
            done += (std::uint64_t{tag.size} + 7) & ~std::uint64_t{7};
        }
        return true;
    }

private:
    /// Copies a string of at most `limit` bytes, cut to what the destination takes.
    template <std::size_t size> void copy_string(std::uint64_t address, std::uint64_t limit, char (&to)[size]) {
        std::size_t i = 0;
        for (; i < std::min<std::uint64_t>(size - 1, limit); ++i) {
            const std::uint8_t* c = window_.at(address + i, 1);
            if (c == nullptr || *c == 0) {
                break;
            }
            to[i] = static_cast<char>(*c);
        }
        to[i] = '\0';
    }

    void add_memory(std::uint64_t base, std::uint64_t bytes, std::uint32_t type) {
        if (loader_.memory_count < LoaderFacts::max_memory) {
            loader_.memory[loader_.memory_count++] = {{HostPhys{base}, bytes}, type == usable_ram};
        }
    }

    /// False if the module is no range. More modules than fit are left out.
    bool add_module(std::uint64_t start, std::uint64_t end, std::uint64_t string, std::uint64_t limit) {
        if (start < end && facts_.module_count < BootFacts::max_modules) {
            BootModule& slot = facts_.modules[facts_.module_count++];
            slot.base = HostPhys{start};
            slot.bytes = end - start;
            copy_string(string, limit, slot.command_line);
        }
        return start < end;
    }

    bool take_map(std::uint64_t body, std::uint64_t bytes) {
        std::uint32_t entry_size = 0;
        MapEntry2 entry;
        if (bytes < 8 || !window_.read(body, entry_size) || entry_size < sizeof(entry)) {
            return false;
        }
        for (std::uint64_t done = 8; done + entry_size <= bytes; done += entry_size) {
            if (!window_.read(body + done, entry)) {
                return false;
            }
            add_memory(entry.base, entry.bytes, entry.type);
        }
        return true;
    }

    bool take_tag(std::uint32_t type, std::uint64_t body, std::uint64_t bytes) {
        std::uint32_t range[2];
        switch (type) {
        case tag_command_line:
            copy_string(body, bytes, facts_.command_line);
            return true;
        case tag_module:
            return bytes >= sizeof(range) && window_.read(body, range) &&
                   add_module(range[0], range[1], body + sizeof(range), bytes - sizeof(range));
        case tag_map:
            return take_map(body, bytes);
        case tag_rsdp1:
        case tag_rsdp2:
            loader_.acpi_root = body;
            return true;
        default:
            return true;
        }
    }

    const PhysicalWindow& window_;
    LoaderFacts& loader_;
    BootFacts& facts_;
};

/// What follows `name=` in a command line of words, or null.
const char* option_value(const char* line, const char* name) {
    for (bool word_start = true; *line != '\0'; word_start = *line == ' ', ++line) {
        std::size_t i = 0;
        while (word_start && name[i] != '\0' && line[i] == name[i]) {
            ++i;
        }
        if (word_start && name[i] == '\0' && line[i] == '=') {
            return line + i + 1;
        }
    }
    return nullptr;
}

} // namespace

const char* parse_multiboot(const PhysicalWindow& window, std::uint32_t magic, std::uint32_t address,
                            LoaderFacts& loader, BootFacts& facts) {
    Parser parser{window, loader, facts};
    if (magic != multiboot1_magic && magic != multiboot2_magic) {
        return "not started by a Multiboot loader";
    }
    if (!(magic == multiboot1_magic ? parser.parse1(address) : parser.parse2(address))) {
        return "the Multiboot information is malformed";
    }
    return loader.memory_count == 0 ? "the boot loader gives no memory map" : nullptr;
}

bool find_number(const char* command_line, const char* name, std::uint64_t maximum, std::uint64_t& value) {
    const char* text = option_value(command_line, name);
    if (text == nullptr) {
        return false;
    }
    const bool hexadecimal = text[0] == '0' && text[1] == 'x';
    text += hexadecimal ? 2 : 0;
    const std::uint64_t radix = hexadecimal ? 16 : 10;
    std::uint64_t number = 0;
    const char* digit = text;
    for (; *digit != '\0' && *digit != ' '; ++digit) {
        const auto c = static_cast<std::uint8_t>(*digit);
        const auto letter = static_cast<std::uint8_t>((c | 0x20u) - 'a');
        const std::uint64_t d = c >= '0' && c <= '9' ? c - std::uint64_t{'0'} : letter < 6 ? letter + 10u : radix;
        number = number * radix + d;
        if (d >= radix || number > maximum) {
            return false;
        }
    }
    if (digit == text) {
        return false;
    }
    value = number;
    return true;
}

} // namespace bulkhead::kernel::arch
