// SPDX-License-Identifier: Apache-2.0
// Where guests of each width have what they share with the monitor: shared_info and vcpu_info (public/xen.h).
// Everything that looks into them goes by this table. It must not know: which width a domain has, and why.
#pragma once

#include <cstdint>

#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu {

enum class Width : std::uint8_t { x86_32, x86_64 };

/// Byte offsets. What is not here lies at the same place for both widths, which shared_layout.cpp asserts.
struct SharedLayout {
    std::uint32_t word_bits; ///< of a xen_ulong_t; a selector has one bit for each word
    // in shared_info
    std::uint32_t pending, mask;
    std::uint32_t wc_version, wc_sec, wc_nsec, wc_sec_hi;
    std::uint32_t size;
    // in vcpu_info
    std::uint32_t selector;

    /// Ports of the 2-level ABI.
    constexpr std::uint32_t ports() const { return word_bits * word_bits; }
};

const SharedLayout& shared_layout(Width width);

/// A bitmap which the guest changes at the same time. Bit n is in the same byte whether the guest's words have 32 or 64
/// bits: x86 is little-endian.
class GuestBits {
public:
    explicit GuestBits(void* start) : words_{static_cast<std::uint32_t*>(start)} {}

    bool test(std::uint32_t n) const { return (__atomic_load_n(&words_[n / 32], __ATOMIC_SEQ_CST) & bit(n)) != 0; }
    bool test_and_set(std::uint32_t n) const {
        return (__atomic_fetch_or(&words_[n / 32], bit(n), __ATOMIC_SEQ_CST) & bit(n)) != 0;
    }
    bool test_and_clear(std::uint32_t n) const {
        return (__atomic_fetch_and(&words_[n / 32], ~bit(n), __ATOMIC_SEQ_CST) & bit(n)) != 0;
    }
    /// Bits 0 to count - 1, a multiple of 32.
    void set_all(std::uint32_t count) const {
        for (std::uint32_t i = 0; i < count / 32; ++i) {
            __atomic_store_n(&words_[i], ~std::uint32_t{0}, __ATOMIC_SEQ_CST);
        }
    }

private:
    static std::uint32_t bit(std::uint32_t n) { return std::uint32_t{1} << (n % 32); }

    std::uint32_t* words_;
};

/// `page` + offset, for what a layout says.
inline void* at_offset(void* page, std::uint32_t offset) {
    return static_cast<std::uint8_t*>(page) + offset;
}

} // namespace bulkhead::vcpu
