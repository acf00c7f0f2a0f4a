// SPDX-License-Identifier: Apache-2.0
// Who has borrowed which memory. A loan is an Untyped that stays here; what the borrower gets is made inside it, so
// that revoking the loan takes back everything, whatever it has become. Loans that came back are lent again.
// It must not know: what borrowers do with memory, nor any physical address.
#pragma once

#include <array>
#include <cstdint>

#include <bulkhead/slots.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::memory {

/// What the lender does with Untypeds.
class Untypeds {
public:
    /// Makes an Untyped of `bytes` out of `source` in the empty slot `loan`. False: no room, whatever was expected.
    [[nodiscard]] virtual bool carve(Selector source, Selector loan, std::uint64_t bytes) = 0;
    /// Destroys everything made of the loan.
    virtual void revoke(Selector loan) = 0;
    /// Gives the (revoked) loan back to its source.
    virtual void dissolve(Selector loan) = 0;

protected:
    ~Untypeds() = default;
};

class Lender {
public:
    static constexpr std::uint32_t max_loans = 256;
    /// No machine has more: sizes stay far from overflow.
    static constexpr std::uint64_t max_bytes = std::uint64_t{1} << 46;

    struct Outcome {
        std::int32_t result{0}; ///< 0 or -errno
        Selector loan{};
        std::uint64_t bytes{0}; ///< of the loan: as asked for, rounded up
    };

    /// Loans live in the slots from `first_loan` on.
    constexpr Lender(Untypeds& untypeds, Selector first_loan) : untypeds_{untypeds}, first_loan_{first_loan} {}

    /// Memory to lend, from the start. False: too many sources.
    bool add_source(Selector source, std::uint64_t bytes);

    /// Finds memory for a domain. Whole pages; from 2 MiB on whole large pages, so that the kernel can align them.
    [[nodiscard]] Outcome allocate(DomId domain, std::uint64_t bytes);
    /// Takes back all that the domain has, or one loan of it that could not be handed over.
    [[nodiscard]] std::int32_t release(DomId domain);
    void take_back(Selector loan);

    std::uint64_t lent() const;
    std::uint64_t total() const;

    static constexpr std::uint64_t round_up(std::uint64_t bytes) {
        const std::uint64_t unit = bytes >= large_page_size ? large_page_size : page_size;
        return (bytes + unit - 1) & ~(unit - 1);
    }

private:
    struct Source {
        Selector slot{};
        std::uint64_t bytes{0};
        std::uint64_t left{0}; ///< at most; what alignment costs is not in it
    };
    struct Loan {
        std::uint64_t bytes{0}; ///< 0: the slot is empty
        DomId holder{};         ///< 0: came back
        std::uint16_t source{0};
    };

    Selector slot_of(std::uint32_t loan) const { return Selector{first_loan_.value + loan}; }
    std::uint32_t find_returned(std::uint64_t bytes, bool exact) const;
    std::uint32_t carve(std::uint64_t bytes);
    void dissolve_idle_sources();

    Untypeds& untypeds_;
    Selector first_loan_;
    std::uint32_t source_count_{0};
    std::array<Source, slot::max_lendable> sources_{};
    std::array<Loan, max_loans> loans_{};
};

} // namespace bulkhead::memory
