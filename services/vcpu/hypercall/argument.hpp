// SPDX-License-Identifier: Apache-2.0
// A hypercall's structures in the guest's memory, as size-invariant messages: which layout they have is the caller's
// width. All that is read is read once; results are range-checked, and only the members that the public headers call
// OUT are ever written. It must not know: what any operation does.
#pragma once

#include <span>

#include <bulkhead/guest_layout.hpp>

#include "call.hpp"

namespace bulkhead::vcpu {

static_assert(static_cast<std::int32_t>(guest::Fit::invalid) == XEN_EINVAL &&
              static_cast<std::int32_t>(guest::Fit::range) == XEN_ERANGE &&
              static_cast<std::int32_t>(guest::Fit::overflow) == XEN_EOVERFLOW);

/// 0, or what a value that does not fit the caller's layout is to it.
constexpr xen::Result misfit(guest::Fit fit) {
    return -static_cast<xen::Result>(fit);
}

/// Whether a caller of that width can address all of it: 32-bit code sees 4 GiB, and nothing wraps.
constexpr bool addressable(bool wide, std::uint64_t address, std::uint64_t bytes) {
    std::uint64_t end = 0;
    return !__builtin_add_overflow(address, bytes, &end) && (wide || end <= (std::uint64_t{1} << 32));
}

/// Calls `f` with the caller's layout of a message, as an object to fill.
template <typename Message, typename F> auto with_layout(bool wide, F&& f) {
    if (wide) {
        typename guest::LayoutsOf<Message>::Wide layout;
        return f(layout);
    }
    typename guest::LayoutsOf<Message>::Narrow layout;
    return f(layout);
}

/// Bytes of the structure for a caller of that width, which is also the distance between an array's elements.
template <typename Message> constexpr std::uint64_t layout_bytes(bool wide) {
    return wide ? sizeof(typename guest::LayoutsOf<Message>::Wide) : sizeof(typename guest::LayoutsOf<Message>::Narrow);
}

template <typename Message> [[nodiscard]] bool read_argument(Call& call, std::uint64_t handle, Message& message) {
    return with_layout<Message>(call.wide, [&](auto& layout) {
        if (!addressable(call.wide, handle, sizeof layout) || !call.access.get(handle, layout)) {
            return false;
        }
        widen(layout, message);
        return true;
    });
}

/// Whether `write_results` could write, apart from values that do not fit.
template <typename Message> [[nodiscard]] bool results_writable(Call& call, std::uint64_t handle) {
    return with_layout<Message>(call.wide, [&](const auto& layout) {
        if (!addressable(call.wide, handle, sizeof layout)) {
            return false;
        }
        for (const guest::ByteRange& range : layout.outputs) {
            if (!call.access.writable(handle + range.offset, range.size)) {
                return false;
            }
        }
        return true;
    });
}

/// Writes the message's OUT members. Not 0: a value does not fit, and nothing was written, or -EFAULT.
template <typename Message>
[[nodiscard]] xen::Result write_results(Call& call, std::uint64_t handle, const Message& message) {
    return with_layout<Message>(call.wide, [&](auto& layout) -> xen::Result {
        layout = {};
        if (const guest::Fit fit = narrow_outputs(message, layout); fit != guest::Fit::fits) {
            return misfit(fit);
        }
        if (!addressable(call.wide, handle, sizeof layout)) {
            return -XEN_EFAULT;
        }
        const void* start = &layout;
        const auto* bytes = static_cast<const std::uint8_t*>(start);
        for (const guest::ByteRange& range : layout.outputs) {
            if (!call.access.write(handle + range.offset, bytes + range.offset, range.size)) {
                return -XEN_EFAULT;
            }
        }
        return 0;
    });
}

/// Reads the argument structure at handle, runs `operation(message)`.
template <typename Message, typename F> xen::Result with_input(Call& call, std::uint64_t handle, F&& operation) {
    Message message;
    if (!read_argument(call, handle, message)) {
        return -XEN_EFAULT;
    }
    return operation(static_cast<const Message&>(message));
}

/// The same, and writes the results back if the operation succeeded. That they can be written is known before the
/// operation does anything.
template <typename Message, typename F> xen::Result with_in_out(Call& call, std::uint64_t handle, F&& operation) {
    Message message;
    if (!read_argument(call, handle, message) || !results_writable<Message>(call, handle)) {
        return -XEN_EFAULT;
    }
    const xen::Result result = operation(message);
    if (result < 0) {
        return result;
    }
    const xen::Result written = write_results(call, handle, message);
    return written != 0 ? written : result;
}

// --- arrays of xen_ulong_t and xen_pfn_t, which are as wide as the caller's registers

constexpr std::uint64_t word_bytes(bool wide) {
    return wide ? sizeof(std::uint64_t) : sizeof(std::uint32_t);
}

/// Elements first to first + out.size() of the array at handle.
[[nodiscard]] bool read_words(Call& call, std::uint64_t handle, std::uint64_t first, std::span<std::uint64_t> out);
/// -EOVERFLOW if a value does not fit the caller's words (then nothing was written), -EFAULT, or 0.
[[nodiscard]] xen::Result write_words(Call& call, std::uint64_t handle, std::uint64_t first,
                                      std::span<const std::uint64_t> values);
/// Whether `count` elements could be written there.
[[nodiscard]] bool words_writable(Call& call, std::uint64_t handle, std::uint64_t first, std::uint64_t count);

} // namespace bulkhead::vcpu
