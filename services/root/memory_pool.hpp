// SPDX-License-Identifier: Apache-2.0
// The machine's memory as the kernel handed it over: a few Untypeds. Root cuts one piece out of them for the system
// itself, makes everything from that, and passes the rest on. It must not know: who gets what.
#pragma once

#include <bulkhead/sys.hpp>

namespace bulkhead::root {

class MemoryPool {
public:
    /// `count` Untypeds in slots from `first` on, of the given sizes. `system` and `rest`: empty slots for the system's
    /// piece and for what is behind it.
    MemoryPool(Selector first, std::uint32_t count, const std::uint64_t* sizes, Selector system, Selector rest);

    /// Cuts the system's piece, which must hold `bytes`, from the smallest Untyped that has room: the large ones stay
    /// whole for guests. Once, before `make`.
    [[nodiscard]] Status reserve(std::uint64_t bytes);
    /// Makes an object out of the system's piece.
    [[nodiscard]] Status make(ObjectType type, std::uint64_t size, Selector destination);
    /// How much of the system's piece is used at most when an object of that size has been made after `used` bytes: one
    /// of whole large pages starts where a large page can.
    static std::uint64_t end_of(std::uint64_t used, std::uint64_t size);

    /// Moves what is left, Untyped by Untyped, to consecutive slots of another space; says how many they were.
    /// The pool is empty afterwards.
    [[nodiscard]] Status give_rest(Selector space, Selector first_destination, std::uint32_t limit,
                                   std::uint32_t& given);
    /// How many Untypeds have something left, and how many bytes they are; the system's piece does not count.
    std::uint32_t pieces() const;
    std::uint64_t left() const;

private:
    struct Piece {
        Selector slot;
        std::uint64_t left;
    };
    /// Makes one Untyped, of whole large pages, of what is left of a piece of which the system's was cut.
    [[nodiscard]] Status keep_rest(Piece& piece, std::uint64_t left);

    Selector system_;
    Selector rest_;
    Selector touched_{no_selector}; ///< the system's piece came from it
    std::uint32_t count_;
    Piece pieces_[boot_slot::max_untyped]{};
};

} // namespace bulkhead::root
