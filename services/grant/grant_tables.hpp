// SPDX-License-Identifier: Apache-2.0
// Every domain's grant table as the hypercalls see it: how many frames it has and may have, which version it speaks.
// Results as public/grant_table.h and Xen give them.
// It must not know: messages, memory, or what is in a table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <bulkhead/abi/offers.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::grant {

inline constexpr std::uint32_t entries_per_frame = offer::entries_per_page; ///< of version 1; of version 2 half as many

class GrantTables {
public:
    /// What a table has before anybody asks for more.
    static constexpr std::uint32_t initial_frames = 1;

    struct Size {
        std::int32_t status{GNTST_okay}; ///< GNTST_*
        std::uint32_t frames{0};
        std::uint32_t max_frames{0};
    };
    struct Version {
        std::int32_t result{0}; ///< 0 or -errno
        std::uint32_t version{0};
    };

    /// max_version 0: no wish, which is version 1.
    [[nodiscard]] std::int32_t add_domain(DomId domain, std::uint32_t max_frames, std::uint32_t max_version);
    [[nodiscard]] std::int32_t remove_domain(DomId domain);
    bool has(DomId domain) const { return find(domain.value) != nullptr; }
    /// The domain of that number, if there is one.
    std::optional<DomId> named(std::uint32_t number) const {
        return find(number) == nullptr ? std::nullopt : std::optional{DomId{static_cast<std::uint16_t>(number)}};
    }
    /// Whether the domain's table is as large as that now.
    bool has_entry(DomId domain, std::uint32_t ref) const {
        const Table* table = find(domain.value);
        return table != nullptr && ref / (entries_per_frame / table->version) < table->frames;
    }

    [[nodiscard]] Size query_size(DomId caller, std::uint32_t domain) const;
    /// The version in the answer is the one in use afterwards, whatever the result. `check`: nothing is changed.
    [[nodiscard]] Version set_version(DomId caller, std::uint32_t version, bool check);
    [[nodiscard]] Version get_version(DomId caller, std::uint32_t domain) const;

    /// Makes sure that the table has frame `index`, as mapping it does. 0 or -errno.
    [[nodiscard]] std::int32_t grow_to(DomId domain, std::uint32_t index);
    /// The same for status frame `index`, which only version 2 has.
    [[nodiscard]] std::int32_t grow_to_status(DomId domain, std::uint32_t index);
    /// GNTTABOP_setup_table: GNTST_okay, and the table has that many frames at least; or what is wrong.
    [[nodiscard]] std::int32_t set_up(DomId caller, std::uint32_t frames);

private:
    struct Table {
        bool present{false};
        std::uint32_t frames{0};
        std::uint32_t max_frames{0};
        std::uint32_t max_version{1};
        std::uint32_t version{1};
    };

    const Table* find(std::uint32_t id) const {
        return id >= 1 && id <= max_domains && tables_[id].present ? &tables_[id] : nullptr;
    }

    std::array<Table, max_domains + 1> tables_{};
};

} // namespace bulkhead::grant
