// SPDX-License-Identifier: Apache-2.0
// One 2 MiB page at the second entry of the top-level table.
#include "paging.hpp"

#include "cpu.hpp"

extern "C" std::uint64_t page_table_l4[512];

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t large_page = 2u << 20;
constexpr std::uint64_t window_base = std::uint64_t{1} << 39;
constexpr std::uint64_t present_writable = 3;
constexpr std::uint64_t large = 0x80;

alignas(4096) std::uint64_t window_l3[512];
alignas(4096) std::uint64_t window_l2[512];

std::uint64_t entry_for(const void* table) {
    return reinterpret_cast<std::uint64_t>(table) | present_writable;
}

} // namespace

volatile std::uint8_t* window(std::uint64_t physical) {
    page_table_l4[1] = entry_for(window_l3);
    window_l3[0] = entry_for(window_l2);
    window_l2[0] = (physical & ~(large_page - 1)) | present_writable | large;
    invlpg(window_base);
    return reinterpret_cast<volatile std::uint8_t*>(window_base + (physical & (large_page - 1)));
}

} // namespace bulkhead::guest
