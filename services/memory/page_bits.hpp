// SPDX-License-Identifier: Apache-2.0
// One bit per RAM page of every domain, in one piece of memory: the domains' parts stand back to back, and close up
// when one goes. So the bits of all RAM that a machine has always fit, whatever comes and goes.
// It must not know: what the bits mean.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include <bulkhead/slots.hpp>

namespace bulkhead::memory {

class PageBits {
public:
    /// Words that one domain's bits take.
    static constexpr std::uint64_t words_for(std::uint64_t pages) { return (pages + 63) / 64; }

    constexpr explicit PageBits(std::span<std::uint64_t> storage) : storage_{storage} {}

    /// Bits 0 to pages - 1 of the domain, all clear. False: no room, or the domain has some already.
    [[nodiscard]] bool add(DomId domain, std::uint64_t pages) {
        const std::uint64_t words = words_for(pages);
        Part& part = parts_[domain.value];
        if (part.words != 0 || words == 0 || words > storage_.size() - used_) {
            return false;
        }
        part = {used_, words};
        for (std::uint64_t i = 0; i < words; ++i) {
            storage_[used_ + i] = 0;
        }
        used_ += words;
        return true;
    }
    void remove(DomId domain) {
        const Part gone = parts_[domain.value];
        for (std::uint64_t i = gone.first + gone.words; i < used_; ++i) {
            storage_[i - gone.words] = storage_[i];
        }
        for (Part& part : parts_) {
            part.first -= part.first > gone.first ? gone.words : 0;
        }
        used_ -= gone.words;
        parts_[domain.value] = {};
    }

    bool test(DomId domain, std::uint64_t bit) const {
        return ((storage_[parts_[domain.value].first + bit / 64] >> (bit % 64)) & 1) != 0;
    }
    void set(DomId domain, std::uint64_t bit) {
        storage_[parts_[domain.value].first + bit / 64] |= std::uint64_t{1} << (bit % 64);
    }

    void clear(DomId domain, std::uint64_t bit) {
        storage_[parts_[domain.value].first + bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
    }
    /// The first bit from `from` on that is set; `end` if none is before that.
    std::uint64_t next_set(DomId domain, std::uint64_t from, std::uint64_t end) const {
        const std::uint64_t first = parts_[domain.value].first;
        while (from < end) {
            const std::uint64_t word = storage_[first + from / 64] >> (from % 64);
            if (word != 0) {
                const std::uint64_t found = from + static_cast<std::uint64_t>(std::countr_zero(word));
                return found < end ? found : end;
            }
            from = (from / 64 + 1) * 64;
        }
        return end;
    }

    std::uint64_t free_words() const { return storage_.size() - used_; }

private:
    struct Part {
        std::uint64_t first{0};
        std::uint64_t words{0};
    };

    std::span<std::uint64_t> storage_;
    std::uint64_t used_{0};
    std::array<Part, max_domains + 1> parts_{};
};

} // namespace bulkhead::memory
