// SPDX-License-Identifier: Apache-2.0
// What stands where in each domain's guest-physical address space, as far as XENMEM operations change it: which of its
// RAM is still there, which lies elsewhere than where it began, and where the special frames (shared_info, grant-table
// frames) are. Memory that a domain gives back stays its own: it gets it again, and nobody else does. Results as
// public/memory.h and Xen give them.
// It must not know: messages, or how anything gets mapped.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <bulkhead/fair_pool.hpp>
#include <bulkhead/moved_pages.hpp>
#include <bulkhead/xen.hpp>

#include "page_bits.hpp"

namespace bulkhead::memory {

/// A special frame: 0 is shared_info, 1 + n the grant table's frame n.
using Frame = Strong<struct FrameTag, std::uint32_t>;
inline constexpr Frame shared_info_frame{0};
constexpr Frame grant_frame(std::uint32_t index) {
    return Frame{1 + index};
}
constexpr Frame grant_status_frame(std::uint32_t index) {
    return grant_frame(max_grant_frames + index);
}
inline constexpr std::uint32_t special_frames = 1 + max_grant_frames + max_grant_status_frames;

/// What changes a domain's stage 2.
class Stage2Access {
public:
    /// Gets a capability to the special frame into an empty slot. 0 or -errno.
    [[nodiscard]] virtual std::int32_t fetch(DomId domain, Frame frame, Selector slot) = 0;
    /// Maps what is in the slot, replacing what is there. 0 or -errno.
    [[nodiscard]] virtual std::int32_t map(DomId domain, Selector slot, Gfn gfn) = 0;
    /// Empties the slot; where it was mapped and nothing has replaced it, nothing is mapped then.
    virtual void drop(Selector slot) = 0;
    /// Leaves nothing mapped there. 0 or -errno.
    [[nodiscard]] virtual std::int32_t unmap(DomId domain, Gfn first, std::uint64_t pages) = 0;

protected:
    ~Stage2Access() = default;
};

struct RamRange {
    Gfn first{};
    std::uint64_t pages{0};
};

/// RAM for a guest frame number that is not where it began.
struct MovedRun {
    Gfn gfn{}, frame{};
    std::uint32_t pages{0};
};

/// What `populate` tells its caller: which pages come from elsewhere. All others are where they began.
class Moves {
public:
    static constexpr std::uint32_t max_runs = 16;

    std::span<const MovedRun> runs() const { return {run_.data(), count_}; }
    void clear() { count_ = 0; }

private:
    friend class Physmap;
    std::array<MovedRun, max_runs> run_{};
    std::uint32_t count_{0};
};

class Physmap {
public:
    /// Largest extent that an unprivileged domain may name: 2 MiB.
    static constexpr std::uint32_t max_order = 9;
    /// Guest frame numbers have 36 bits: 48-bit guest-physical addresses.
    static constexpr std::uint64_t gfn_limit = std::uint64_t{1} << 36;
    static constexpr std::uint32_t max_ranges = 2;
    static constexpr Gfn nowhere{~std::uint64_t{0}};

    /// Special frames of all domains together, and those that each can count on: shared_info, two grant-table frames,
    /// and a second place for whichever is being moved.
    static constexpr std::uint32_t max_specials = max_domains * special_frames;
    static constexpr std::uint32_t promised_specials = 4;

    /// `slots` slots from `first_slot` on are for capabilities to special frames.
    Physmap(Stage2Access& access, std::span<std::uint64_t> bits, Selector first_slot, std::uint32_t slots)
        : access_{access}, gone_{bits}, first_slot_{first_slot}, slots_{slots, promised_specials} {}

    /// `ram`: at most max_ranges, ascending. `max_gfn`: the highest frame that is mapped.
    [[nodiscard]] std::int32_t add_domain(DomId domain, std::span<const RamRange> ram, Gfn max_gfn);
    /// Drops all of the domain's capabilities. Nothing happens to one that is not there.
    void remove_domain(DomId domain);
    bool has(DomId domain) const { return find(domain) != nullptr; }

    [[nodiscard]] std::int32_t add(DomId domain, Frame frame, Gfn gfn);
    [[nodiscard]] std::int32_t remove(DomId domain, Gfn gfn);
    /// Gives the extents back, in order, until one is not wholly there. Returns how many were.
    [[nodiscard]] std::uint64_t decrease(DomId domain, std::span<const std::uint64_t> extents, std::uint32_t order);

    /// Brings pages to where nothing is, in order, until an extent cannot be done as a whole: the domain has all its
    /// memory, something is there, or too many pages would lie apart from where they began. Returns how many were.
    /// The caller maps the pages.
    [[nodiscard]] std::uint64_t populate(DomId domain, std::span<const std::uint64_t> extents, std::uint32_t order,
                                         Moves& moves);
    /// Pages that are the domain's and nowhere. Returns the extents done.
    [[nodiscard]] std::uint64_t increase(DomId domain, std::uint64_t extents, std::uint32_t order);
    /// The page at `from` belongs at `to`, in place of what was there. `frame`: where it began. The caller maps it,
    /// over RAM that may still be mapped there.
    [[nodiscard]] std::int32_t move(DomId domain, Gfn from, Gfn to, Gfn& frame);

    std::uint32_t free_slots() const { return slots_.free(); }
    std::uint64_t pages(DomId domain) const { return has(domain) ? domains_[domain.value].pages : 0; }
    std::uint64_t max_pages(DomId domain) const { return has(domain) ? domains_[domain.value].max_pages : 0; }
    Gfn max_gfn(DomId domain) const { return has(domain) ? domains_[domain.value].max_gfn : Gfn{}; }
    Gfn place(DomId domain, Frame frame) const {
        return has(domain) ? domains_[domain.value].special[frame.value].gfn : nowhere;
    }

private:
    struct Special {
        Gfn gfn{nowhere};
        Selector slot{};
    };
    struct Domain {
        bool present{false};
        std::array<RamRange, max_ranges> ram{};
        std::uint64_t pages{0}; ///< RAM that the domain has not given back
        std::uint64_t hint{0};  ///< page bits before this one are frames that are not free
        MovedPages moved{};
        std::uint64_t max_pages{0}; ///< what it began with
        Gfn max_gfn{};              ///< only ever grows, as Xen's
        std::array<Special, special_frames> special{};
    };

    const Domain* find(DomId domain) const {
        return domain.value >= 1 && domain.value <= max_domains && domains_[domain.value].present
                   ? &domains_[domain.value]
                   : nullptr;
    }
    Domain* find(DomId domain) {
        return domain.value >= 1 && domain.value <= max_domains && domains_[domain.value].present
                   ? &domains_[domain.value]
                   : nullptr;
    }
    /// The page's bit, or `no_bit` if that was never RAM.
    static constexpr std::uint64_t no_bit = ~std::uint64_t{0};
    static std::uint64_t bit_of(const Domain& domain, Gfn gfn);
    static Gfn frame_of(const Domain& domain, std::uint64_t bit);
    /// The page that began there is there.
    bool is_home(DomId id, const Domain& domain, Gfn gfn) const {
        const std::uint64_t bit = bit_of(domain, gfn);
        return bit != no_bit && !gone_.test(id, bit);
    }
    bool is_ram(DomId id, const Domain& domain, Gfn gfn) const {
        return is_home(id, domain, gfn) || domain.moved.frame_at(gfn).has_value();
    }
    /// It began in RAM and is nowhere.
    bool is_free(DomId id, const Domain& domain, Gfn frame) const {
        const std::uint64_t bit = bit_of(domain, frame);
        return bit != no_bit && gone_.test(id, bit) && !domain.moved.place_of(frame);
    }
    /// The page of RAM there, if there is one, is not there any more; whose it is is not changed.
    bool take_away(DomId id, Domain& domain, Gfn gfn);
    bool populate_extent(DomId id, Domain& domain, Gfn first, std::uint64_t count, Moves& moves);
    bool bring_from_elsewhere(DomId id, Domain& domain, Gfn gfn, Moves& moves);
    static Special* special_at(Domain& domain, Gfn gfn);
    void forget(DomId domain, Special& special);
    Selector take_slot(DomId domain);
    void give_back_slot(DomId domain, Selector slot) { slots_.give_back(domain, slot.value - first_slot_.value); }

    Stage2Access& access_;
    PageBits gone_;
    Selector first_slot_;
    FairPool<max_specials> slots_;
    std::array<Domain, max_domains + 1> domains_{};
};

} // namespace bulkhead::memory
