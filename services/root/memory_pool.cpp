// SPDX-License-Identifier: Apache-2.0
// The system's piece is a multiple of 2 MiB, so that what follows it begins where large things may begin.
// It must not know: who gets what.
#include "memory_pool.hpp"

namespace bulkhead::root {
namespace {
constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) {
    return (bytes + to - 1) & ~(to - 1);
}
} // namespace

MemoryPool::MemoryPool(Selector first, std::uint32_t count, const std::uint64_t* sizes, Selector system)
    : first_{first}, system_{system}, count_{count < boot_slot::max_untyped ? count : boot_slot::max_untyped} {
    for (std::uint32_t i = 0; i < count_; ++i) {
        pieces_[i] = {sizes[i], false};
    }
}

Status MemoryPool::reserve(std::uint64_t bytes) {
    const std::uint64_t size = round_up(bytes, large_page_size);
    for (bool tried[boot_slot::max_untyped]{};;) {
        std::uint32_t best = count_;
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (!tried[i] && pieces_[i].left >= size && (best == count_ || pieces_[i].left < pieces_[best].left)) {
                best = i;
            }
        }
        if (best == count_) {
            return Status::out_of_memory;
        }
        const auto left = sys::invoke(Selector{first_.value + best}, Method::untyped_retype,
                                      static_cast<std::uint64_t>(ObjectType::untyped) | (1u << 8), size, system_.value);
        if (left) {
            // The rest becomes one Untyped, and a large one consists of whole 2 MiB.
            pieces_[best] = {*left >= large_page_size ? *left & ~(large_page_size - 1) : *left, true};
            return Status::ok;
        }
        if (left.status() != Status::out_of_memory) {
            return left.status();
        }
        tried[best] = true; // it would fit but for its start
    }
}

Status MemoryPool::make(ObjectType type, std::uint64_t size, Selector destination) {
    return sys::retype(system_, type, size, destination);
}

std::uint64_t MemoryPool::end_of(std::uint64_t used, std::uint64_t size) {
    return round_up(used, size >= large_page_size ? large_page_size : page_size) + round_up(size, page_size);
}

Status MemoryPool::give_rest(Selector space, Selector first_destination, std::uint32_t limit, Selector scratch,
                             std::uint32_t& given) {
    given = 0;
    for (std::uint32_t i = 0; i < count_ && given < limit; ++i) {
        if (pieces_[i].left == 0) {
            continue;
        }
        Selector from{first_.value + i};
        if (pieces_[i].touched) {
            if (const Status status = sys::retype(from, ObjectType::untyped, pieces_[i].left, scratch);
                status != Status::ok) {
                return status;
            }
            from = scratch;
        }
        const Selector to{first_destination.value + given};
        if (const Status status = sys::move(space, to, from); status != Status::ok) {
            return status;
        }
        pieces_[i].left = 0;
        ++given;
    }
    return Status::ok;
}

std::uint32_t MemoryPool::pieces() const {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
        count += pieces_[i].left != 0 ? 1 : 0;
    }
    return count;
}

std::uint64_t MemoryPool::left() const {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < count_; ++i) {
        total += pieces_[i].left;
    }
    return total;
}

} // namespace bulkhead::root
