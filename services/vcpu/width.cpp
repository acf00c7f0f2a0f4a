// SPDX-License-Identifier: Apache-2.0
// Changes of width. Xen changes nothing but the place of the wall clock; here a guest that maps shared_info in one mode
// and goes on in another (a boot loader's, say) finds its ports as it left them.
// It must not know: the operations that set up sharing.
#include "width.hpp"

#include "exceptions.hpp"

namespace bulkhead::vcpu {

namespace {

/// Ports that guests of both widths have.
constexpr std::uint32_t common_ports = 1024;

struct Ports {
    std::uint32_t pending[common_ports / 32], mask[common_ports / 32];
};

/// What a guest of the old width has in its words of the new selector: anything means everything.
void convert_selector(Vcpu& v, const SharedLayout& from, const SharedLayout& to) {
    std::uint32_t old[2] = {0, 0};
    copy_once(old, at_offset(v.info, from.selector), from.word_bits / 8);
    constexpr std::uint32_t first = sizeof(std::uint32_t); // both selectors, and what is nothing for one of them
    __builtin_memset(at_offset(v.info, first), 0, offsetof(vcpu_info, time) - first);
    if ((old[0] | old[1]) != 0) {
        GuestBits{at_offset(v.info, to.selector)}.set_all(to.word_bits);
    }
}

void convert(Domain& d, const SharedLayout& from, const SharedLayout& to) {
    Ports ports;
    copy_once(ports.pending, at_offset(d.shared, from.pending), sizeof ports.pending);
    copy_once(ports.mask, at_offset(d.shared, from.mask), sizeof ports.mask);
    const std::uint32_t end = from.size > to.size ? from.size : to.size;
    __builtin_memset(at_offset(d.shared, to.pending), 0, end - to.pending);
    __builtin_memcpy(at_offset(d.shared, to.pending), ports.pending, sizeof ports.pending);
    __builtin_memcpy(at_offset(d.shared, to.mask), ports.mask, sizeof ports.mask);
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        convert_selector(d.vcpus[i], from, to);
    }
}

void store_version(void* where, std::uint32_t value) {
    __atomic_store_n(static_cast<std::uint32_t*>(where), value, __ATOMIC_RELEASE);
    asm volatile("" ::: "memory");
}

} // namespace

void latch_width(Domain& d, const Vcpu& caller) {
    const Width width = in_64bit_code(*caller.state) ? Width::x86_64 : Width::x86_32;
    if (width == d.width) {
        return;
    }
    const SharedLayout& from = shared_layout(d.width);
    d.width = width;
    convert(d, from, shared_layout(width));
    publish_wall_clock(d);
}

void publish_wall_clock(Domain& d) {
    const SharedLayout& layout = shared_layout(d.width);
    const std::uint64_t seconds = d.clock.wall_clock_ns() / ns_per_second;
    const auto put = [&](std::uint32_t offset, std::uint64_t value) {
        const auto word = static_cast<std::uint32_t>(value);
        __builtin_memcpy(at_offset(d.shared, offset), &word, sizeof word);
    };
    void* where = at_offset(d.shared, layout.wc_version);
    const std::uint32_t version = __atomic_load_n(static_cast<std::uint32_t*>(where), __ATOMIC_RELAXED) & ~1u;
    store_version(where, version + 1);
    put(layout.wc_sec, seconds);
    put(layout.wc_sec_hi, seconds >> 32);
    put(layout.wc_nsec, d.clock.wall_clock_ns() % ns_per_second);
    store_version(where, version + 2);
}

} // namespace bulkhead::vcpu
