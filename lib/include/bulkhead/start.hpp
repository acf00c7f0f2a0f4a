// SPDX-License-Identifier: Apache-2.0
// What the spawner wrote for the component to read when it starts.
// It must not know: which component reads it.
#pragma once

#include <bulkhead/message.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead {

/// Decodes the message on the start page. False: there is none of that kind; a component without one cannot go on.
template <Message M> [[nodiscard]] bool read_start_message(M& message) {
    const auto* page = static_cast<const std::uint8_t*>(sys::pointer(layout::start_message_address));
    if (page == nullptr) {
        return false;
    }
    layout::StartHeader header{};
    __builtin_memcpy(&header, page, sizeof header);
    if (header.magic != layout::start_magic || header.length > page_size - sizeof header) {
        return false;
    }
    return decode(std::span<const std::uint8_t>{page + sizeof header, header.length}, message);
}

} // namespace bulkhead
