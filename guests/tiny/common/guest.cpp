// SPDX-License-Identifier: Apache-2.0
// Start, command line and end of a tiny guest.
#include "guest.hpp"

#include "cpu.hpp"
#include "events.hpp"
#include "traps.hpp"

extern "C" const std::uint64_t first_instruction_at; // entry.S

namespace bulkhead::guest {
namespace {

constexpr std::size_t command_line_capacity = 1024;
char command_line[command_line_capacity];
std::uint64_t end_of_ram;

void remember_start_info(const hvm_start_info& info) {
    const auto* text = at_physical<const char>(info.cmdline_paddr);
    for (std::size_t i = 0; text != nullptr && i + 1 < command_line_capacity && text[i] != '\0'; ++i) {
        command_line[i] = text[i];
    }
    const auto* entry = at_physical<const hvm_memmap_table_entry>(info.memmap_paddr);
    for (std::uint32_t i = 0; i < info.memmap_entries; ++i) {
        const auto end = entry[i].addr + entry[i].size;
        if (entry[i].type == XEN_HVM_MEMMAP_TYPE_RAM && end > end_of_ram) {
            end_of_ram = end;
        }
    }
}

/// The value of the word `key=value`, or of the bare word; nullptr if there is none.
const char* find_word(const char* key) {
    const char* at = command_line;
    while (*at != '\0') {
        const char* k = key;
        const char* w = at;
        while (*k != '\0' && *w == *k) {
            ++k;
            ++w;
        }
        if (*k == '\0' && (*w == '=' || *w == ' ' || *w == '\0')) {
            return *w == '=' ? w + 1 : w;
        }
        while (*at != '\0' && *at != ' ') {
            ++at;
        }
        while (*at == ' ') {
            ++at;
        }
    }
    return nullptr;
}

} // namespace

bool has_word(const char* word) {
    return find_word(word) != nullptr;
}

bool word_is(const char* key, const char* value) {
    const char* at = find_word(key);
    if (at == nullptr) {
        return false;
    }
    for (; *value != '\0' && *at == *value; ++at, ++value) {
    }
    return *value == '\0' && (*at == ' ' || *at == '\0');
}

std::uint64_t number_of(const char* key, std::uint64_t otherwise) {
    const char* at = find_word(key);
    if (at == nullptr || *at < '0' || *at > '9') {
        return otherwise;
    }
    std::uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; ++at) {
        value = value * 10 + static_cast<std::uint64_t>(*at - '0');
    }
    return value;
}

bool equal(const char* a, const char* b) {
    for (; *a != '\0' && *a == *b; ++a, ++b) {
    }
    return *a == *b;
}

std::uint64_t first_instruction() {
    return first_instruction_at;
}

std::uint64_t ram_end() {
    return end_of_ram;
}

void shut_down(ShutdownReason reason) {
    sched_shutdown argument{static_cast<std::uint32_t>(reason)};
    (void)hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, argument);
    halt_for_ever();
}

extern "C" [[noreturn]] void guest_entry(const hvm_start_info* info);
void guest_entry(const hvm_start_info* info) {
    install_traps();
    if (info->magic != XEN_HVM_START_MAGIC_VALUE) {
        shut_down(ShutdownReason::crash);
    }
    remember_start_info(*info);
    guest_main();
    shut_down(ShutdownReason::poweroff);
}

} // namespace bulkhead::guest
