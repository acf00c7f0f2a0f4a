// SPDX-License-Identifier: Apache-2.0
// What the guest has mapped of other domains: its handles, each with what it stands for.
// It must not know: how anything gets mapped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <bulkhead/slots.hpp>

namespace bulkhead::vcpu {

struct Mapping {
    Gfn gfn{}; ///< where the guest sees it
    DomId owner{};

    constexpr bool operator==(const Mapping&) const = default;
};

class Maptrack {
public:
    using Handle = std::uint32_t;

    explicit Maptrack(std::uint32_t limit = slot::max_foreign_pages)
        : limit_{limit < slot::max_foreign_pages ? limit : slot::max_foreign_pages} {}

    /// Nothing when the guest has as many mappings as it may.
    [[nodiscard]] std::optional<Handle> add(const Mapping& mapping) {
        Handle handle = fresh_;
        if (first_free_ != none) {
            handle = first_free_;
            first_free_ = entries_[handle].next_free;
        } else if (fresh_ < limit_) {
            ++fresh_;
        } else {
            return {};
        }
        entries_[handle] = {mapping, none, true};
        return handle;
    }
    std::optional<Mapping> find(Handle handle) const {
        return handle < fresh_ && entries_[handle].used ? std::optional{entries_[handle].mapping} : std::nullopt;
    }
    /// Whether something is mapped there. As long a search as the guest has ever had handles.
    bool has_at(Gfn gfn) const {
        for (Handle handle = 0; handle < fresh_; ++handle) {
            if (entries_[handle].used && entries_[handle].mapping.gfn == gfn) {
                return true;
            }
        }
        return false;
    }
    /// Of a handle that stands for something.
    void remove(Handle handle) {
        entries_[handle] = {{}, first_free_, false};
        first_free_ = handle;
    }

private:
    static constexpr Handle none = ~0u;

    struct Entry {
        Mapping mapping{};
        Handle next_free{none};
        bool used{false};
    };

    std::uint32_t limit_;
    std::uint32_t fresh_{0}; ///< handles from here on have never been used
    Handle first_free_{none};
    std::array<Entry, slot::max_foreign_pages> entries_{};
};

} // namespace bulkhead::vcpu
