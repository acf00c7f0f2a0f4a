// SPDX-License-Identifier: Apache-2.0
// The guest page walk. One loop serves 2-level, PAE, 4-level and 5-level tables; a Format says how they differ. It is
// compiled once for each, since nearly every hypercall walks.
// It must not know: what is done with the address.
#include "guest_walk.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t cr0_wp = 1u << 16;
constexpr std::uint64_t cr0_pg = 1u << 31;
constexpr std::uint64_t cr4_pse = 1u << 4;
constexpr std::uint64_t cr4_pae = 1u << 5;
constexpr std::uint64_t cr4_la57 = 1u << 12;
constexpr std::uint64_t cr4_smep = 1u << 20;
constexpr std::uint64_t cr4_smap = 1u << 21;
constexpr std::uint64_t efer_nxe = 1u << 11;

constexpr std::uint64_t pte_present = 1u << 0;
constexpr std::uint64_t pte_writable = 1u << 1;
constexpr std::uint64_t pte_user = 1u << 2;
constexpr std::uint64_t pte_accessed = 1u << 5;
constexpr std::uint64_t pte_dirty = 1u << 6;
constexpr std::uint64_t pte_large = 1u << 7;
constexpr std::uint64_t pte_no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;

constexpr std::uint32_t error_present = 1u << 0;
constexpr std::uint32_t error_write = 1u << 1;
constexpr std::uint32_t error_user = 1u << 2;
constexpr std::uint32_t error_reserved = 1u << 3;
constexpr std::uint32_t error_fetch = 1u << 4;

struct Format {
    std::uint32_t levels;
    std::uint32_t index_bits;
    std::uint32_t entry_bytes;
    std::uint32_t large_levels; ///< bit n: an entry of level n may map a large page
    std::uint32_t ps_reserved;  ///< bit n: at level n the bit that would say so is reserved
    bool plain_top;             ///< PAE's page-directory pointers carry no rights (and no accessed bit)
};
constexpr Format four_level{4, 9, 8, (1u << 2) | (1u << 3), (1u << 4) | (1u << 5), false};
constexpr Format five_level{5, 9, 8, (1u << 2) | (1u << 3), (1u << 4) | (1u << 5), false};
constexpr Format pae{3, 9, 8, 1u << 2, 0, true};
constexpr Format two_level{2, 10, 4, 0, 0, false};
constexpr Format two_level_large{2, 10, 4, 1u << 2, 0, false};

bool canonical(std::uint64_t address, std::uint32_t levels) {
    const std::uint32_t bits = 12 + 9 * levels;
    const auto high = static_cast<std::int64_t>(address) >> (bits - 1);
    return high == 0 || high == -1;
}

template <const Format& f> std::uint64_t first_table(const PagingState& p) {
    if (f.levels >= 4) {
        return p.cr3 & address_bits;
    }
    return f.plain_top ? p.cr3 & 0xffff'ffe0 : p.cr3 & 0xffff'f000;
}

/// An entry where it lies in guest memory, and the value it had when it was looked at.
struct Entry {
    std::uint8_t* where;
    std::uint64_t value;
};

std::uint64_t load(const std::uint8_t* where, std::uint32_t bytes) {
    const void* p = where;
    return bytes == 8 ? __atomic_load_n(static_cast<const std::uint64_t*>(p), __ATOMIC_RELAXED)
                      : __atomic_load_n(static_cast<const std::uint32_t*>(p), __ATOMIC_RELAXED);
}

/// Only if the entry is still what was looked at: the guest may have changed it, and then owns what it says.
void set_bits(const Entry& e, std::uint64_t bits, std::uint32_t bytes) {
    if ((e.value & bits) == bits) {
        return;
    }
    void* p = e.where;
    if (bytes == 8) {
        std::uint64_t old = e.value;
        (void)__atomic_compare_exchange_n(static_cast<std::uint64_t*>(p), &old, old | bits, false, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED);
    } else {
        auto old = static_cast<std::uint32_t>(e.value);
        (void)__atomic_compare_exchange_n(static_cast<std::uint32_t*>(p), &old, old | static_cast<std::uint32_t>(bits),
                                          false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

/// Base of the page that a leaf maps.
template <const Format& f> std::uint64_t leaf_base(std::uint64_t entry, std::uint32_t shift) {
    if (f.entry_bytes == 4 && shift == 22) { // PSE-36: address bits 39:32 in bits 20:13
        return (entry & 0xffc0'0000) | ((entry & 0x1f'e000) << 19);
    }
    const std::uint64_t base = f.entry_bytes == 4 ? entry & 0xffff'f000 : entry & address_bits;
    return base & ~((std::uint64_t{1} << shift) - 1);
}

/// Bits that the CPU wants to be zero (APM 2, 5.3 and 5.4). Addresses beyond what the CPU has are not looked for: there
/// is no memory behind them. The low bits of PAE's page-directory pointers count for nothing: emulators set the
/// accessed bit there, and what a guest runs with its hypercalls must not fault on.
template <const Format& f>
bool has_reserved_bits(std::uint64_t entry, std::uint32_t level, bool large, bool no_execute) {
    if (f.entry_bytes == 4) {
        return large && (entry & (1u << 21)) != 0;
    }
    if (f.plain_top && level == f.levels) {
        return entry >> 52 != 0;
    }
    constexpr std::uint64_t for_software = std::uint64_t{0x7ff} << 52; // in long mode only
    const std::uint64_t reserved = (no_execute ? 0 : pte_no_execute) | (f.plain_top ? for_software : 0) |
                                   ((f.ps_reserved & (1u << level)) != 0 ? pte_large : 0);
    if ((entry & reserved) != 0) {
        return true;
    }
    constexpr std::uint64_t large_pat = 1u << 12;
    const std::uint64_t below = (std::uint64_t{1} << (page_shift + (level - 1) * f.index_bits)) - page_size;
    return large && (entry & below & ~large_pat) != 0;
}

/// What the levels together allow.
struct Allowed {
    std::uint64_t granted{~std::uint64_t{0}}; ///< bits that every entry has
    std::uint64_t denied{0};                  ///< bits that one has: pte_no_execute

    void narrow(std::uint64_t entry) {
        granted &= entry;
        denied |= entry;
    }
    bool writable() const { return (granted & pte_writable) != 0; }
    /// Nearly always they are: then no entry needs a bit set.
    bool all_accessed() const { return (granted & pte_accessed) != 0; }
    bool permits(const Access& a, const PagingState& p, bool no_execute) const {
        const bool user = (granted & pte_user) != 0;
        const bool execute = !no_execute || (denied & pte_no_execute) == 0;
        if (a.user && !user) {
            return false;
        }
        if (a.write && !writable() && (a.user || (p.cr0 & cr0_wp) != 0)) {
            return false;
        }
        if (!a.user && user && a.execute && (p.cr4 & cr4_smep) != 0) {
            return false;
        }
        if (!a.user && user && !a.execute && (p.cr4 & cr4_smap) != 0 && !p.alignment_check) {
            return false;
        }
        return !a.execute || execute;
    }
};

Walk fault(const Access& a, bool no_execute, std::uint32_t present) {
    return {WalkStatus::page_fault,
            present | (a.write ? error_write : 0) | (a.user ? error_user : 0) |
                (a.execute && no_execute ? error_fetch : 0),
            {}};
}

/// Accessed bits of the entries that a walk has used, from the top to the leaf at that level, and the leaf's dirty bit.
template <const Format& f>
[[gnu::noinline]] void mark_used(const Entry (&seen)[f.levels], std::uint32_t leaf_level, bool written) {
    for (std::uint32_t i = leaf_level - 1; i < f.levels; ++i) {
        if (seen[i].where != nullptr) {
            set_bits(seen[i], pte_accessed | (i == leaf_level - 1 && written ? pte_dirty : 0), f.entry_bytes);
        }
    }
}

template <const Format& f>
Walk walk_as(const GuestMemory& memory, const PagingState& paging, std::uint64_t address, Access access) {
    const bool no_execute = f.entry_bytes == 8 && (paging.efer & efer_nxe) != 0;
    if (f.levels >= 4 && !canonical(address, f.levels)) {
        return {WalkStatus::not_canonical, 0, {}};
    }
    Entry seen[f.levels];
    Allowed allowed;
    std::uint64_t table = first_table<f>(paging);
#pragma GCC unroll 5
    for (std::uint32_t level = f.levels; level != 0; --level) {
        const std::uint32_t shift = static_cast<std::uint32_t>(page_shift) + (level - 1) * f.index_bits;
        const std::uint64_t index = (address >> shift) & ((1u << f.index_bits) - 1);
        Entry& e = seen[level - 1];
        const std::uint64_t at = table + index * f.entry_bytes; // never across pages
        e.where = memory.page(gfn_of(GuestPhys{at}));
        if (e.where == nullptr) {
            return {WalkStatus::no_table, 0, {}};
        }
        e.where += at & (page_size - 1);
        e.value = load(e.where, f.entry_bytes);
        if ((e.value & pte_present) == 0) {
            return fault(access, no_execute, 0);
        }
        if (f.plain_top && level == f.levels) {
            e.where = nullptr;
        } else {
            allowed.narrow(e.value);
        }
        const bool large = (f.large_levels & (1u << level)) != 0 && (e.value & pte_large) != 0;
        if (has_reserved_bits<f>(e.value, level, large, no_execute)) {
            return fault(access, no_execute, error_present | error_reserved);
        }
        if (level > 1 && !large) {
            table = f.entry_bytes == 4 ? e.value & 0xffff'f000 : e.value & address_bits;
            continue;
        }
        if (!allowed.permits(access, paging, no_execute)) {
            return fault(access, no_execute, error_present);
        }
        const bool was_dirty = (e.value & pte_dirty) != 0;
        if (!allowed.all_accessed() || (access.write && !was_dirty)) [[unlikely]] {
            mark_used<f>(seen, level, access.write);
        }
        const bool dirty = access.write || was_dirty;
        // Reading is permitted: what a write needs besides.
        const bool writable = !access.execute && (allowed.writable() || (!access.user && (paging.cr0 & cr0_wp) == 0));
        return {WalkStatus::ok, 0,
                GuestPhys{leaf_base<f>(e.value, shift) | (address & ((std::uint64_t{1} << shift) - 1))},
                dirty && writable};
    }
    return {WalkStatus::no_table, 0, {}}; // not reached: the lowest entry maps a page
}

} // namespace

Walk walk(const GuestMemory& memory, const PagingState& paging, std::uint64_t address, Access access) {
    const bool is_long = paging.long_mode();
    if (!is_long) {
        address &= 0xffff'ffff;
    }
    if ((paging.cr0 & cr0_pg) == 0) {
        return {WalkStatus::ok, 0, GuestPhys{address}, true};
    }
    if (is_long) {
        return (paging.cr4 & cr4_la57) != 0 ? walk_as<five_level>(memory, paging, address, access)
                                            : walk_as<four_level>(memory, paging, address, access);
    }
    if ((paging.cr4 & cr4_pae) != 0) {
        return walk_as<pae>(memory, paging, address, access);
    }
    return (paging.cr4 & cr4_pse) != 0 ? walk_as<two_level_large>(memory, paging, address, access)
                                       : walk_as<two_level>(memory, paging, address, access);
}

} // namespace bulkhead::vcpu
