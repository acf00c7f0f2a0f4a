// SPDX-License-Identifier: Apache-2.0
// Which slots of a capability space are free: a bitmap over storage that the caller supplies.
// It must not know: what is in the slots.
#pragma once

#include <bit>
#include <span>

#include <bulkhead/result.hpp>

namespace bulkhead {

class SlotAllocator {
public:
    /// Slots first to first + count - 1, as far as the storage has bits for them, all free.
    SlotAllocator(Selector first, std::uint32_t count, std::span<std::uint64_t> storage)
        : storage_{storage}, first_{first.value},
          count_{count < storage.size() * 64 ? count : static_cast<std::uint32_t>(storage.size() * 64)}, free_{count_} {
        for (std::uint64_t& word : storage_) {
            word = 0;
        }
    }

    std::uint32_t free_count() const { return free_; }

    /// The lowest free slot.
    Result<Selector> allocate() {
        for (std::uint32_t w = 0; w * 64 < count_; ++w) {
            const auto bit = static_cast<std::uint32_t>(std::countr_one(storage_[w]));
            if (bit < 64 && w * 64 + bit < count_) {
                set(w * 64 + bit);
                return Selector{first_ + w * 64 + bit};
            }
        }
        return Status::out_of_memory;
    }
    /// The lowest `length` free slots in a row.
    Result<Selector> allocate_run(std::uint32_t length) {
        std::uint32_t run = 0;
        for (std::uint32_t i = 0; i < count_ && length != 0; ++i) {
            run = used(i) ? 0 : run + 1;
            if (run == length) {
                const std::uint32_t start = i + 1 - length;
                for (std::uint32_t j = start; j <= i; ++j) {
                    set(j);
                }
                return Selector{first_ + start};
            }
        }
        return length == 0 ? Status::bad_argument : Status::out_of_memory;
    }
    /// Takes a slot that the caller has chosen.
    [[nodiscard]] Status reserve(Selector which) {
        const std::uint32_t i = which.value - first_;
        if (which.value < first_ || i >= count_) {
            return Status::out_of_range;
        }
        if (used(i)) {
            return Status::slot_in_use;
        }
        set(i);
        return Status::ok;
    }
    /// Gives a slot back. One that is not this allocator's, or free already, is left alone.
    void release(Selector which) {
        const std::uint32_t i = which.value - first_;
        if (which.value >= first_ && i < count_ && used(i)) {
            storage_[i / 64] &= ~(std::uint64_t{1} << (i % 64));
            ++free_;
        }
    }

private:
    bool used(std::uint32_t i) const { return ((storage_[i / 64] >> (i % 64)) & 1) != 0; }
    void set(std::uint32_t i) {
        storage_[i / 64] |= std::uint64_t{1} << (i % 64);
        --free_;
    }

    std::span<std::uint64_t> storage_;
    std::uint32_t first_;
    std::uint32_t count_;
    std::uint32_t free_;
};

} // namespace bulkhead
