// SPDX-License-Identifier: Apache-2.0
// Arrays of guest words, a chunk at a time. It must not know: what the words mean.
#include "argument.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::size_t chunk_words = 64;

/// Where element `first` is. False: a caller of that width cannot address `count` elements from there.
bool place_of(const Call& call, std::uint64_t handle, std::uint64_t first, std::uint64_t count, std::uint64_t& place) {
    const std::uint64_t bytes = word_bytes(call.wide);
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    return !__builtin_mul_overflow(first, bytes, &offset) && !__builtin_mul_overflow(count, bytes, &size) &&
           !__builtin_add_overflow(handle, offset, &place) && addressable(call.wide, place, size);
}

} // namespace

bool read_words(Call& call, std::uint64_t handle, std::uint64_t first, std::span<std::uint64_t> out) {
    std::uint64_t place = 0;
    if (!place_of(call, handle, first, out.size(), place)) {
        return false;
    }
    if (call.wide) {
        return call.access.read(place, out.data(), out.size_bytes());
    }
    for (std::size_t done = 0; done < out.size();) {
        std::uint32_t chunk[chunk_words];
        const std::size_t count = out.size() - done < chunk_words ? out.size() - done : chunk_words;
        if (!call.access.read(place + done * sizeof chunk[0], chunk, count * sizeof chunk[0])) {
            return false;
        }
        for (std::size_t i = 0; i < count; ++i) {
            out[done + i] = chunk[i];
        }
        done += count;
    }
    return true;
}

bool words_writable(Call& call, std::uint64_t handle, std::uint64_t first, std::uint64_t count) {
    std::uint64_t place = 0;
    return place_of(call, handle, first, count, place) && call.access.writable(place, count * word_bytes(call.wide));
}

xen::Result write_words(Call& call, std::uint64_t handle, std::uint64_t first, std::span<const std::uint64_t> values) {
    std::uint64_t place = 0;
    if (!place_of(call, handle, first, values.size(), place)) {
        return -XEN_EFAULT;
    }
    if (call.wide) {
        return call.access.write(place, values.data(), values.size_bytes()) ? 0 : -XEN_EFAULT;
    }
    for (const std::uint64_t value : values) {
        if (static_cast<std::uint32_t>(value) != value) {
            return -XEN_EOVERFLOW;
        }
    }
    for (std::size_t done = 0; done < values.size();) {
        std::uint32_t chunk[chunk_words];
        const std::size_t count = values.size() - done < chunk_words ? values.size() - done : chunk_words;
        for (std::size_t i = 0; i < count; ++i) {
            chunk[i] = static_cast<std::uint32_t>(values[done + i]);
        }
        if (!call.access.write(place + done * sizeof chunk[0], chunk, count * sizeof chunk[0])) {
            return -XEN_EFAULT;
        }
        done += count;
    }
    return 0;
}

} // namespace bulkhead::vcpu
