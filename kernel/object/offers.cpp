// SPDX-License-Identifier: Apache-2.0
#include "object/offers.hpp"

#include "object/kernel_objects.hpp"
#include "object/mapping.hpp"

namespace bulkhead::kernel {

namespace {

/// In the badge of a mapped page's capability, above the entry's number.
constexpr std::uint64_t writable_pin = std::uint64_t{1} << 31;

bool offered(const Offers& offers, std::uint64_t entry, std::uint64_t peer, bool write) {
    const std::uint64_t kind = offer::kind | (offers.format == OfferFormat::version_2 ? offer::part : 0);
    return (entry & kind) == offer::access && offer::peer(entry) == peer && (!write || (entry & offer::read_only) == 0);
}

/// The RAM capability that owns the frame.
Slot* owner_of(Offers& offers, HostPhys frame) {
    for (std::uint32_t i = 0; i < Offers::max_ranges; ++i) {
        const Capability& ram = offers.ram(i).capability;
        if (frame.value >= ram.word && frame.value - ram.word < ram.size) {
            return &offers.ram(i);
        }
    }
    return nullptr;
}

void take_back(Offers& offers, std::uint64_t entry, bool write) {
    Offers::Pins& pins = offers.pins(entry);
    --offers.mapped;
    --pins.all;
    pins.writable = static_cast<std::uint16_t>(pins.writable - (write ? 1 : 0));
    const std::uint64_t over =
        (pins.all == 0 ? offer::reading : 0) | (write && pins.writable == 0 ? offer::writing : 0);
    if (over != 0 && !offers.table().empty()) {
        __atomic_fetch_and(offers.marks(entry), static_cast<std::uint16_t>(~over), __ATOMIC_RELEASE);
    }
}

} // namespace

Status map_offered(Offers& offers, std::uint64_t entry, bool write, Space& to, std::uint64_t peer,
                   std::uint64_t address, Slot& slot) {
    if (entry >= offers.entries()) {
        return Status::out_of_range;
    }
    Stage2* const owner = offers.stage2.get();
    if (owner == nullptr || offers.table().empty() || offers.format == OfferFormat::closed) {
        return Status::aborted;
    }
    const std::uint64_t* const words = offers.entry(entry);
    const bool two_words = offers.format == OfferFormat::version_2;
    const std::uint64_t seen = __atomic_load_n(words, __ATOMIC_ACQUIRE); // counts if it is still the same when marked
    if (!offered(offers, seen, peer, write)) {
        return Status::no_right;
    }
    const std::uint64_t gfn = two_words ? __atomic_load_n(words + 1, __ATOMIC_ACQUIRE) : seen >> 32;
    const std::uint64_t page = gfn <= ~std::uint64_t{0} >> page_shift ? gfn << page_shift : ~std::uint64_t{0};
    const NestedTree::Leaf leaf = NestedTree{owner->root()}.lookup(page);
    const HostPhys frame{leaf.frame.value + page % (leaf.present ? leaf.bytes : page_size)};
    Slot* const ram = leaf.present && (leaf.flags.write || !write) ? owner_of(offers, frame) : nullptr;
    if (ram == nullptr) {
        return Status::not_mapped;
    }
    Offers::Pins& pins = offers.pins(entry);
    if (pins.all == 0xffff) {
        return Status::busy;
    }
    ++offers.mapped;
    ++pins.all;
    pins.writable = static_cast<std::uint16_t>(pins.writable + (write ? 1 : 0));
    // An owner withdraws an entry first and then looks for marks: one of the two sees the other.
    const std::uint16_t marks = offer::reading | (write ? offer::writing : 0);
    __atomic_fetch_or(offers.marks(entry), marks, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(words, __ATOMIC_SEQ_CST) != (two_words ? seen : seen | marks)) {
        take_back(offers, entry, write);
        return Status::busy;
    }
    if (const Status status = map_page(slot, to, address, frame, write); status != Status::ok) {
        take_back(offers, entry, write);
        return status;
    }
    Capability mapped;
    mapped.type = ObjectType::region;
    mapped.badged = true;
    mapped.word = frame.value;
    mapped.size = page_size;
    mapped.badge = entry | (write ? writable_pin : 0);
    capabilities.fill(slot, mapped, ram);
    return Status::ok;
}

void unpin(const Slot& slot) {
    // A RAM capability of an Offers is nowhere but in one, and says in which.
    auto& offers = *reinterpret_cast<Offers*>(slot.parent->capability.badge);
    const std::uint64_t badge = slot.capability.badge;
    take_back(offers, badge & ~writable_pin, (badge & writable_pin) != 0);
}

} // namespace bulkhead::kernel
