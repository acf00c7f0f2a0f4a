// SPDX-License-Identifier: Apache-2.0
// The console ring of Xen's public/io/console.h, from the backend's side. The page is shared with a hostile guest:
// each index of its is read once per operation and checked before use; ours live here, and the page only gets copies.
// It must not know: whose ring it is, nor where its text goes.
#pragma once

#include <cstdint>
#include <span>

#include <bulkhead/xen.hpp>

namespace bulkhead::console {

class GuestRing {
public:
    static constexpr std::uint32_t out_size = sizeof(xencons_interface::out);
    static constexpr std::uint32_t in_size = sizeof(xencons_interface::in);
    static_assert(in_size == 1024 && out_size == 2048 && sizeof(xencons_interface) == 3088);

    GuestRing() = default;
    explicit GuestRing(xencons_interface* page)
        : page_{page}, out_cons_{load(page->out_cons)}, in_prod_{load(page->in_prod)} {}

    /// Bytes that the guest has written and nobody has taken. More than the ring holds: its index is nonsense, and
    /// there is nothing to take until it makes sense again.
    std::uint32_t pending() const {
        const std::uint32_t used = load(page_->out_prod) - out_cons_;
        return used <= out_size ? used : 0;
    }
    bool sane() const { return load(page_->out_prod) - out_cons_ <= out_size && in_used() <= in_size; }

    /// Copies pending text without taking it: what `take` is told to take later.
    std::uint32_t peek(std::span<std::uint8_t> text) const {
        const std::uint32_t available = pending(); // an acquire: the text is read after it
        const auto count = static_cast<std::uint32_t>(text.size() < available ? text.size() : available);
        for (std::uint32_t i = 0; i < count; ++i) {
            const char& from = page_->out[MASK_XENCONS_IDX(out_cons_ + i, page_->out)];
            text[i] = static_cast<std::uint8_t>(__atomic_load_n(&from, __ATOMIC_RELAXED));
        }
        return count;
    }
    /// Gives the space of `count` peeked bytes back to the guest.
    void take(std::uint32_t count) {
        out_cons_ += count;
        __atomic_store_n(&page_->out_cons, out_cons_, __ATOMIC_RELEASE); // after the reads of the text
    }

    std::uint32_t input_room() const {
        const std::uint32_t used = in_used();
        return used <= in_size ? in_size - used : 0;
    }
    /// Only when there is room; the guest sees it after `publish_input`.
    void put(std::uint8_t byte) {
        char& to = page_->in[MASK_XENCONS_IDX(in_prod_, page_->in)];
        __atomic_store_n(&to, static_cast<char>(byte), __ATOMIC_RELAXED);
        ++in_prod_;
    }
    void publish_input() { __atomic_store_n(&page_->in_prod, in_prod_, __ATOMIC_RELEASE); }

private:
    static std::uint32_t load(const XENCONS_RING_IDX& index) { return __atomic_load_n(&index, __ATOMIC_ACQUIRE); }
    std::uint32_t in_used() const { return in_prod_ - load(page_->in_cons); }

    xencons_interface* page_{nullptr};
    std::uint32_t out_cons_{0};
    std::uint32_t in_prod_{0};
};

} // namespace bulkhead::console
