// SPDX-License-Identifier: Apache-2.0
// Pages that one guest offers to others: its table of entries, its guest-physical space, its RAM, and how often each
// entry is mapped. What is mapped stands in slots that the mapper supplies: Regions without rights, children of the RAM
// capabilities here, so that revocation finds them.
#pragma once

#include <bulkhead/abi/offers.hpp>

#include "arch/arch.hpp"
#include "object/space.hpp"

namespace bulkhead::kernel {

class Offers : public Object {
public:
    static constexpr std::uint64_t max_table_pages = 1024;
    static constexpr std::uint32_t max_ranges = 2;

    /// The pins follow the object's page. The memory is zeroed.
    explicit Offers(std::uint32_t table_pages)
        : Object{ObjectType::offers, slots_, max_ranges + 1}, entries_{table_pages * offer::entries_per_page} {}
    static constexpr std::uint64_t bytes(std::uint64_t table_pages) {
        const std::uint64_t pins = table_pages * offer::entries_per_page * sizeof(Pins);
        return page_size + (pins + page_size - 1) / page_size * page_size;
    }

    /// How many mappings an entry has, and how many of them are writable.
    struct Pins {
        std::uint16_t all, writable;
    };

    std::uint64_t entries() const { return entries_ / offer::words_per_entry(format); }
    std::uint64_t table_bytes() const { return entries_ * offer::entry_bytes; }
    Slot& ram(std::uint32_t range) { return slots_[range]; }
    Slot& table() { return slots_[max_ranges]; }
    Pins& pins(std::uint64_t entry) {
        return reinterpret_cast<Pins*>(reinterpret_cast<std::uint8_t*>(this) + page_size)[entry];
    }
    /// The first word of an entry. The table must be there.
    std::uint64_t* entry(std::uint64_t index) {
        return static_cast<std::uint64_t*>(arch::to_virtual(HostPhys{table().capability.word})) +
               index * offer::words_per_entry(format);
    }
    /// Where it is marked as in use: among its flags, or in its status word. The table must be there.
    std::uint16_t* marks(std::uint64_t index) {
        void* const at = format == OfferFormat::version_2 ? entry(0) + entries_ : entry(index);
        return static_cast<std::uint16_t*>(at) + (format == OfferFormat::version_2 ? index : 0);
    }

    Ref<Stage2> stage2;
    OfferFormat format{OfferFormat::version_1};
    std::uint64_t mapped{0}; ///< pins of all entries

private:
    Slot slots_[max_ranges + 1]; ///< RAM comes before the table, so that pins are taken back while there is a table
    std::uint64_t entries_;      ///< of version 1
};
static_assert(sizeof(Offers) <= page_size);

/// See methods.hpp, offers_map. `to` is an AddressSpace or Stage2, `slot` is empty.
[[nodiscard]] Status map_offered(Offers& offers, std::uint64_t entry, bool write, Space& to, std::uint64_t peer,
                                 std::uint64_t address, Slot& slot);
/// The mapping that the slot stood for is gone.
void unpin(const Slot& slot);

} // namespace bulkhead::kernel
