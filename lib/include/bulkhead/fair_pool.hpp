// SPDX-License-Identifier: Apache-2.0
// Things of one kind (slots, pieces of memory) for all domains: which are free, and how many everybody has. Every
// domain is promised a few from the moment it joins; what is left over goes to whoever asks first. So one domain's
// appetite can never take from another what that one was promised.
// It must not know: what the things are. They are numbered from 0.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include <bulkhead/slots.hpp>

namespace bulkhead {

template <std::uint32_t max_items> class FairPool {
public:
    static_assert(max_items % 64 == 0);

    constexpr FairPool(std::uint32_t items, std::uint32_t promised)
        : promised_{promised}, items_{items < max_items ? items : max_items}, free_{items_} {}

    /// Promises a domain its share. False: too few are left for one more, or it has joined already.
    [[nodiscard]] bool join(DomId domain) {
        Member& member = members_[domain.value];
        if (member.joined || unpromised() < promised_) {
            return false;
        }
        member = {true, 0};
        pledged_ += promised_;
        return true;
    }
    /// The domain must have given everything back.
    void leave(DomId domain) {
        pledged_ -= pledge(members_[domain.value]);
        members_[domain.value] = {};
    }

    /// The lowest free thing, on that domain's account; nothing when it has had its share and the rest is promised to
    /// others.
    [[nodiscard]] std::optional<std::uint32_t> take(DomId domain) {
        Member& member = members_[domain.value];
        if (!member.joined || unpromised() + pledge(member) == 0) {
            return {};
        }
        const std::uint32_t item = find_free();
        taken_[item / 64] |= std::uint64_t{1} << (item % 64);
        free_ -= 1;
        account(member, member.used + 1);
        return item;
    }
    void give_back(DomId domain, std::uint32_t item) {
        taken_[item / 64] &= ~(std::uint64_t{1} << (item % 64));
        free_ += 1;
        account(members_[domain.value], members_[domain.value].used - 1);
    }

    std::uint32_t size() const { return items_; }
    std::uint32_t free() const { return free_; }
    std::uint32_t used_by(DomId domain) const { return members_[domain.value].used; }

private:
    struct Member {
        bool joined{false};
        std::uint32_t used{0};
    };

    /// What is still owed to it.
    constexpr std::uint32_t pledge(const Member& member) const {
        return member.joined && member.used < promised_ ? promised_ - member.used : 0;
    }
    void account(Member& member, std::uint32_t used) {
        pledged_ -= pledge(member);
        member.used = used;
        pledged_ += pledge(member);
    }
    std::uint32_t unpromised() const { return free_ - pledged_; }
    /// There is one: no fewer are free than are pledged.
    std::uint32_t find_free() const {
        std::uint32_t word = 0;
        while (~taken_[word] == 0) {
            ++word;
        }
        return word * 64 + static_cast<std::uint32_t>(std::countr_one(taken_[word]));
    }

    std::uint32_t promised_;
    std::uint32_t items_;
    std::uint32_t free_;
    std::uint32_t pledged_{0};
    std::array<Member, max_domains + 1> members_{};
    std::array<std::uint64_t, max_items / 64> taken_{};
};

} // namespace bulkhead
