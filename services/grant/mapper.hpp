// SPDX-License-Identifier: Apache-2.0
// Mapping, unmapping and laying open: each element's checks in Xen's order, then one invocation of the owner's Offers.
// Whether the owner has offered the page is not decided here: the kernel looks, so that a mistake here maps nothing.
// It must not know: messages, or what the entries say.
#pragma once

#include <bulkhead/sys.hpp>
#include <bulkhead/xen.hpp>

#include "grant_tables.hpp"
#include "maptrack.hpp"

namespace bulkhead::grant {

// The component's slots. Per domain: what offers its pages; the capability space that keeps what it has mapped; and
// where its mappings may go.
constexpr Selector offers_slot(DomId domain) {
    return Selector{128u + domain.value};
}
constexpr Selector track_slot(DomId domain) {
    return Selector{256u + domain.value};
}
constexpr Selector stage2_slot(DomId domain) {
    return Selector{384u + domain.value};
}
constexpr Selector monitor_slot(DomId domain) {
    return Selector{512u + domain.value};
}

/// GNTST_*, and what goes with it.
struct Outcome {
    std::int32_t status{GNTST_okay};
    std::uint32_t handle{0};
    bool occupied{false}; ///< something else is mapped there
    bool own{false};      ///< the page is the caller's own
};

class Mapper {
public:
    /// Slots of a domain's capability space: those of its monitor's window, then one per handle.
    static constexpr std::uint32_t first_window_slot = 1;
    static constexpr std::uint32_t first_handle_slot = first_window_slot + layout::grant_window_pages;

    explicit Mapper(const GrantTables& tables) : tables_{tables} {}

    /// The domain's capabilities are in their slots. False: the space for its mappings is too small.
    [[nodiscard]] bool add_domain(DomId domain);
    /// True if a monitor other than the domain's own has one of its pages open.
    bool is_open_elsewhere(DomId owner) const;
    /// Deletes the domain's capabilities: all its mappings go, and all of its pages.
    void remove_domain(DomId domain);

    struct MapRequest {
        std::uint32_t owner, ref, flags; ///< GNTMAP_*
        std::uint64_t address;           ///< guest-physical
    };
    Outcome map(DomId caller, const MapRequest& request);

    struct UnmapRequest {
        std::uint32_t handle;
        std::uint64_t address, bus_address; ///< 0: none
    };
    Outcome unmap(DomId caller, const UnmapRequest& request);
    /// What `unmap` would say.
    Outcome check_unmap(DomId caller, const UnmapRequest& request) const;
    /// Whether one of the caller's mappings is there.
    bool is_mapped(DomId caller, std::uint64_t address) const;

    /// Lays the page into the window of the caller's monitor.
    Outcome open(DomId caller, std::uint32_t place, std::uint32_t owner, std::uint32_t ref, bool write);
    /// Empties the window.
    void close(DomId caller);

private:
    /// The window of one monitor: whose page is where, 0: nobody's.
    struct Window {
        std::array<std::uint8_t, layout::grant_window_pages> owner{};
        std::uint32_t used{0}; ///< no place from here on
    };

    [[nodiscard]] Status invoke(DomId owner, std::uint32_t ref, bool write, Selector space, Selector track,
                                std::uint64_t address, Selector slot) const;

    const GrantTables& tables_;
    Maptrack track_;
    std::array<Window, max_domains + 1> windows_{};
};

} // namespace bulkhead::grant
