// SPDX-License-Identifier: Apache-2.0
// The system's piece has the size it needs; what follows it begins where a large page can.
// It must not know: who gets what.
#include "memory_pool.hpp"

#include <span>

namespace bulkhead::root {
namespace {
constexpr std::uint64_t round_up(std::uint64_t bytes, std::uint64_t to) {
    return (bytes + to - 1) & ~(to - 1);
}
} // namespace

MemoryPool::MemoryPool(Selector first, std::uint32_t count, const std::uint64_t* sizes, Selector system, Selector rest)
    : system_{system}, rest_{rest}, count_{count < boot_slot::max_untyped ? count : boot_slot::max_untyped} {
    for (std::uint32_t i = 0; i < count_; ++i) {
        pieces_[i] = {Selector{first.value + i}, sizes[i]};
    }
}

Status MemoryPool::reserve(std::uint64_t bytes) {
    const std::uint64_t size = round_up(bytes, page_size);
    Piece* best = nullptr;
    for (Piece& piece : std::span{pieces_, count_}) {
        if (piece.left >= size && (best == nullptr || piece.left < best->left)) {
            best = &piece;
        }
    }
    if (best == nullptr) {
        return Status::out_of_memory;
    }
    const auto left = sys::invoke(best->slot, Method::untyped_retype,
                                  static_cast<std::uint64_t>(ObjectType::untyped) | (1u << 8), size, system_.value);
    return left ? keep_rest(*best, *left) : left.status();
}

Status MemoryPool::keep_rest(Piece& piece, std::uint64_t left) {
    touched_ = piece.slot;
    Status status = Status::out_of_memory;
    std::uint64_t bytes = left - left % large_page_size;
    // Where the rest begins decides whether the last large page is whole.
    for (std::uint32_t tries = 0; tries < 2 && bytes != 0 && status == Status::out_of_memory; ++tries) {
        status = sys::retype(piece.slot, ObjectType::untyped, bytes, rest_);
        piece = status == Status::ok ? Piece{rest_, bytes} : piece;
        bytes -= large_page_size;
    }
    if (status == Status::out_of_memory) {
        piece.left = 0; // less than a large page
        return Status::ok;
    }
    return status;
}

Status MemoryPool::make(ObjectType type, std::uint64_t size, Selector destination) {
    return sys::retype(system_, type, size, destination);
}

std::uint64_t MemoryPool::end_of(std::uint64_t used, std::uint64_t size) {
    const std::uint64_t bytes = round_up(size, page_size);
    const std::uint64_t alignment = bytes % large_page_size == 0 && bytes != 0 ? large_page_size - page_size : 0;
    return round_up(used, page_size) + alignment + bytes;
}

Status MemoryPool::give_rest(Selector space, Selector first_destination, std::uint32_t limit, std::uint32_t& given) {
    given = 0;
    for (Piece& piece : std::span{pieces_, count_}) {
        if (piece.left == 0 || given == limit) {
            continue;
        }
        if (const Status status = sys::move(space, Selector{first_destination.value + given}, piece.slot);
            status != Status::ok) {
            return status;
        }
        piece.left = 0;
        ++given;
    }
    if (touched_ != no_selector) {
        (void)sys::remove(touched_); // what was made of it stays
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
