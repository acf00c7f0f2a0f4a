// SPDX-License-Identifier: Apache-2.0
// Every domain's grant table as the hypercalls see it: how many frames it has and may have, which version it speaks.
// Results as public/grant_table.h and Xen give them. Version 1 only.
// It must not know: messages, memory, or what is in a table.
#pragma once

#include <array>
#include <cstdint>

#include <bulkhead/slots.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::grant {

class GrantTables {
public:
    /// Xen's own default for a domain, and our limit.
    static constexpr std::uint32_t frame_limit = 64;
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

    /// max_version 0: no wish.
    [[nodiscard]] std::int32_t add_domain(DomId domain, std::uint32_t max_frames, std::uint32_t max_version);
    [[nodiscard]] std::int32_t remove_domain(DomId domain);
    bool has(DomId domain) const { return find(domain.value) != nullptr; }

    [[nodiscard]] Size query_size(DomId caller, std::uint32_t domain) const;
    /// The version in the answer is the one in use afterwards, whatever the result.
    [[nodiscard]] Version set_version(DomId caller, std::uint32_t version) const;
    [[nodiscard]] Version get_version(DomId caller, std::uint32_t domain) const;

    /// Makes sure that the table has frame `index`, as mapping it does. 0 or -errno.
    [[nodiscard]] std::int32_t grow_to(DomId domain, std::uint32_t index);

private:
    struct Table {
        bool present{false};
        std::uint32_t frames{0};
        std::uint32_t max_frames{0};
    };
    static constexpr std::uint32_t only_version = 1;

    const Table* find(std::uint32_t id) const {
        return id >= 1 && id <= max_domains && tables_[id].present ? &tables_[id] : nullptr;
    }

    std::array<Table, max_domains + 1> tables_{};
};

} // namespace bulkhead::grant
