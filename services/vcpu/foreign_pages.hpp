// SPDX-License-Identifier: Apache-2.0
// Pages that other domains offer to this one: those that the guest has mapped, and those that the monitor sees for as
// long as it copies. Each is one invocation of the owner's Offers, which services/grant hands out. Whether the owner
// offers the page is not decided here: the kernel looks, so that a mistake here maps nothing.
// It must not know: hypercalls, or what the entries say.
#pragma once

#include <bulkhead/sys.hpp>
#include <bulkhead/xen.hpp>

#include "maptrack.hpp"

namespace bulkhead::vcpu {

class ForeignPages {
public:
    /// Slots of slot::foreign_pages: those of the window, then one for each handle.
    static constexpr std::uint32_t first_window_slot = 1;
    static constexpr std::uint32_t first_handle_slot = first_window_slot + layout::grant_window_pages;

    /// GNTST_*, and what goes with it.
    struct Outcome {
        std::int32_t status{GNTST_okay};
        std::uint32_t handle{0};
        bool occupied{false}; ///< something else is mapped there
        bool own{false};      ///< the page is the domain's own, which it offers itself
    };

    ForeignPages() = default;
    /// `window`: where the monitor sees layout::grant_window.
    ForeignPages(DomId self, std::uint8_t* window, std::uint32_t handles = slot::max_foreign_pages)
        : self_{self}, window_{window}, track_{handles} {}

    struct MapRequest {
        std::uint32_t owner, ref, flags; ///< GNTMAP_*
        std::uint64_t address;           ///< guest-physical
    };
    Outcome map(const MapRequest& request);

    struct UnmapRequest {
        std::uint32_t handle;
        std::uint64_t address, bus_address; ///< 0: none
    };
    Outcome unmap(const UnmapRequest& request);
    /// What `unmap` would say.
    Outcome check_unmap(const UnmapRequest& request) const;
    /// Whether one of the mappings is there.
    bool is_mapped(std::uint64_t address) const;

    enum class Side : std::uint32_t { source, dest };
    /// The page is in the window from now on, a destination for writing. Its owner may take it away at any moment: see
    /// copy_if_there. GNTST_*.
    [[nodiscard]] std::int32_t open(Side side, std::uint32_t owner, std::uint32_t ref);
    std::uint8_t* page(Side side) const { return window_ + static_cast<std::uint32_t>(side) * page_size; }
    /// Empties the window.
    void close();

private:
    struct Place {
        Selector space;
        std::uint64_t address;
        std::uint32_t slot;
    };
    struct Window {
        bool open{false};
        std::uint32_t owner{0}, ref{0};
    };

    [[nodiscard]] static Outcome lay(DomId owner, std::uint32_t ref, bool write, const Place& place);
    void close(Side side);

    DomId self_{};
    std::uint8_t* window_{nullptr};
    Maptrack track_;
    Window windows_[layout::grant_window_pages];
};

} // namespace bulkhead::vcpu
