// SPDX-License-Identifier: Apache-2.0
// What each domain has mapped of others: its handles, each with what it stands for. A domain has a fixed number of
// them, so that no domain can use up another's.
// It must not know: how anything gets mapped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <bulkhead/slots.hpp>

namespace bulkhead::grant {

inline constexpr std::uint32_t entries_per_frame = 512; ///< of version 1; version 2 has half as many

struct Mapping {
    Gfn gfn{}; ///< where the mapper sees it
    std::uint32_t ref{0};
    DomId owner{};

    constexpr bool operator==(const Mapping&) const = default;
};

class Maptrack {
public:
    static constexpr std::uint32_t max_handles = 1024;
    using Handle = std::uint32_t;

    void add_domain(DomId domain, std::uint32_t handles) {
        books_[domain.value] = {};
        books_[domain.value].limit = handles < max_handles ? handles : max_handles;
    }
    void remove_domain(DomId domain) { books_[domain.value] = {}; }

    /// Nothing when the domain has as many mappings as it may.
    [[nodiscard]] std::optional<Handle> add(DomId domain, const Mapping& mapping) {
        Book& book = books_[domain.value];
        Handle handle = book.fresh;
        if (book.first_free != none) {
            handle = book.first_free;
            book.first_free = static_cast<std::uint32_t>(entry(domain, handle).word);
        } else if (book.fresh < book.limit) {
            ++book.fresh;
        } else {
            return {};
        }
        entry(domain, handle) = Entry::of(mapping);
        return handle;
    }
    std::optional<Mapping> find(DomId domain, Handle handle) const {
        if (handle >= books_[domain.value].fresh) {
            return {};
        }
        const Entry& e = entries_[domain.value][handle];
        return (e.word & Entry::used) != 0 ? std::optional{e.mapping()} : std::nullopt;
    }
    /// Whether something is mapped there. As long a search as the domain has ever had handles.
    bool has_at(DomId domain, Gfn gfn) const {
        for (Handle handle = 0; handle < books_[domain.value].fresh; ++handle) {
            const Entry& e = entries_[domain.value][handle];
            if ((e.word & Entry::used) != 0 && e.mapping().gfn == gfn) {
                return true;
            }
        }
        return false;
    }
    /// Of a handle that stands for something.
    void remove(DomId domain, Handle handle) {
        Book& book = books_[domain.value];
        entry(domain, handle) = {book.first_free};
        book.first_free = handle;
    }

private:
    static constexpr std::uint32_t none = ~0u;

    /// A mapping in one word, as there are many of them; or (not used) the next free handle.
    struct Entry {
        std::uint64_t word{0};

        static constexpr std::uint32_t ref_shift = 36, owner_shift = 52;
        static constexpr std::uint64_t used = std::uint64_t{1} << 63;
        static_assert(max_grant_frames * entries_per_frame <= 1u << (owner_shift - ref_shift) &&
                      max_domains < 1u << 11);

        static constexpr Entry of(const Mapping& m) {
            return {m.gfn.value | std::uint64_t{m.ref} << ref_shift | std::uint64_t{m.owner.value} << owner_shift |
                    used};
        }
        constexpr Mapping mapping() const {
            return {Gfn{word & ((std::uint64_t{1} << ref_shift) - 1)},
                    static_cast<std::uint32_t>(word >> ref_shift) & 0xffff,
                    DomId{static_cast<std::uint16_t>((word & ~used) >> owner_shift)}};
        }
    };
    struct Book {
        std::uint32_t limit{0};
        std::uint32_t fresh{0}; ///< handles from here on have never been used
        std::uint32_t first_free{none};
    };

    Entry& entry(DomId domain, Handle handle) { return entries_[domain.value][handle]; }

    std::array<Book, max_domains + 1> books_{};
    std::array<std::array<Entry, max_handles>, max_domains + 1> entries_{};
};

} // namespace bulkhead::grant
