// SPDX-License-Identifier: Apache-2.0
// Choosing memory: a returned loan of just the size; else fresh memory, from the source with the least that is enough;
// else, after giving sources on which nothing is lent their loans back, fresh memory again; else the smallest returned
// loan that is large enough.
#include "lender.hpp"

namespace bulkhead::memory {

namespace {
constexpr std::uint32_t none = Lender::max_loans;
}

bool Lender::add_source(Selector source, std::uint64_t bytes) {
    if (source_count_ == sources_.size()) {
        return false;
    }
    sources_[source_count_++] = {source, bytes, bytes};
    return true;
}

std::uint32_t Lender::find_returned(std::uint64_t bytes, bool exact) const {
    std::uint32_t best = none;
    for (std::uint32_t i = 0; i < max_loans; ++i) {
        const Loan& loan = loans_[i];
        const bool fits =
            loan.bytes != 0 && loan.holder == DomId{} && (exact ? loan.bytes == bytes : loan.bytes >= bytes);
        if (fits && (best == none || loan.bytes < loans_[best].bytes)) {
            best = i;
        }
    }
    return best;
}

std::uint32_t Lender::carve(std::uint64_t bytes) {
    std::uint32_t free = 0;
    while (free < max_loans && loans_[free].bytes != 0) {
        ++free;
    }
    if (free == max_loans) {
        return none;
    }
    std::uint32_t tried = 0; // one bit per source
    static_assert(slot::max_lendable <= 32);
    for (std::uint32_t round = 0; round < source_count_; ++round) {
        std::uint32_t best = source_count_;
        for (std::uint32_t i = 0; i < source_count_; ++i) {
            const bool candidate = ((tried >> i) & 1) == 0 && sources_[i].left >= bytes;
            if (candidate && (best == source_count_ || sources_[i].left < sources_[best].left)) {
                best = i;
            }
        }
        if (best == source_count_) {
            return none;
        }
        if (untypeds_.carve(sources_[best].slot, slot_of(free), bytes)) {
            sources_[best].left -= bytes;
            loans_[free] = {bytes, {}, static_cast<std::uint16_t>(best)};
            return free;
        }
        tried |= 1u << best;
    }
    return none;
}

void Lender::dissolve_idle_sources() {
    for (std::uint32_t s = 0; s < source_count_; ++s) {
        bool idle = true;
        for (const Loan& loan : loans_) {
            idle = idle && (loan.bytes == 0 || loan.source != s || loan.holder == DomId{});
        }
        for (std::uint32_t i = 0; idle && i < max_loans; ++i) {
            if (loans_[i].bytes != 0 && loans_[i].source == s) {
                untypeds_.dissolve(slot_of(i));
                sources_[s].left += loans_[i].bytes;
                loans_[i] = {};
            }
        }
    }
}

Lender::Outcome Lender::allocate(DomId domain, std::uint64_t bytes) {
    if (domain.value == 0 || domain.value > max_domains || bytes == 0 || bytes > max_bytes) {
        return {-XEN_EINVAL, {}, 0};
    }
    const std::uint64_t size = round_up(bytes);
    std::uint32_t found = find_returned(size, true);
    if (found == none) {
        found = carve(size);
    }
    if (found == none) {
        dissolve_idle_sources();
        found = carve(size);
    }
    if (found == none) {
        found = find_returned(size, false);
    }
    if (found == none) {
        return {-XEN_ENOMEM, {}, 0};
    }
    loans_[found].holder = domain;
    return {0, slot_of(found), loans_[found].bytes};
}

std::int32_t Lender::release(DomId domain) {
    bool any = false;
    for (std::uint32_t i = 0; i < max_loans; ++i) {
        if (domain != DomId{} && loans_[i].bytes != 0 && loans_[i].holder == domain) {
            take_back(slot_of(i));
            any = true;
        }
    }
    return any ? 0 : -XEN_ESRCH;
}

void Lender::take_back(Selector loan) {
    untypeds_.revoke(loan);
    loans_[loan.value - first_loan_.value].holder = DomId{};
}

std::uint64_t Lender::lent() const {
    std::uint64_t sum = 0;
    for (const Loan& loan : loans_) {
        sum += loan.holder != DomId{} ? loan.bytes : 0;
    }
    return sum;
}

std::uint64_t Lender::total() const {
    std::uint64_t sum = 0;
    for (const Source& source : sources_) {
        sum += source.bytes;
    }
    return sum;
}

} // namespace bulkhead::memory
