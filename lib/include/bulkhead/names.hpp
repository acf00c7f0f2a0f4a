// SPDX-License-Identifier: Apache-2.0
// Names for the kernel's enumerations, for logs and for the capability print-out.
// It must not know: where they are printed.
#pragma once

#include <iterator>
#include <string_view>

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

constexpr std::string_view to_string(Status status) {
    constexpr std::string_view names[] = {"ok",          "bad_selector",   "bad_type",     "no_right",
                                          "bad_method",  "bad_argument",   "out_of_range", "out_of_memory",
                                          "slot_in_use", "already_mapped", "not_mapped",   "busy",
                                          "timeout",     "aborted",        "signalled",    "not_supported"};
    static_assert(std::size(names) == static_cast<std::size_t>(Status::count));
    return status < Status::count ? names[static_cast<std::uint32_t>(status)] : "unknown";
}

constexpr std::string_view to_string(ObjectType type) {
    constexpr std::string_view names[] = {"null",      "untyped",  "cap_space", "region",    "address_space",
                                          "stage2",    "thread",   "portal",    "event_set", "vcpu",
                                          "interrupt", "io_ports", "cpu_time",  "offers"};
    static_assert(std::size(names) == static_cast<std::size_t>(ObjectType::count));
    return type < ObjectType::count ? names[static_cast<std::uint32_t>(type)] : "unknown";
}

/// One letter per right, in the order of `Rights`; '-' for a right that is missing.
struct RightsText {
    char letters[6];
    constexpr std::string_view view() const { return {letters, sizeof letters}; }
};
constexpr RightsText to_text(Rights rights) {
    constexpr std::string_view letters = "rwxcmd";
    RightsText text{};
    for (std::size_t i = 0; i < letters.size(); ++i) {
        text.letters[i] = includes(rights, static_cast<Rights>(1u << i)) ? letters[i] : '-';
    }
    return text;
}

} // namespace bulkhead
