// SPDX-License-Identifier: Apache-2.0
// A call of a component: encode, portal call, decode.
// It must not know: which components there are.
#pragma once

#include <bulkhead/message.hpp>
#include <bulkhead/sys.hpp>

namespace bulkhead {

/// Sends `request` with the capabilities `send`; the reply's capabilities arrive from slot `receive_at` on, at most
/// `receive_count` of them, `*received` says how many did. Overwrites this thread's UTCB: what a handler still needs
/// of it, it has copied out before. bad_argument: a message that does not fit, or a reply that is not a `Reply`.
template <Message Request, Message Reply>
[[nodiscard]] Status rpc(Selector portal, const Request& request, Reply& reply, std::span<const CapItem> send = {},
                         Selector receive_at = no_selector, std::uint32_t receive_count = 0,
                         std::uint32_t* received = nullptr) {
    if (received != nullptr) {
        *received = 0;
    }
    Utcb& utcb = sys::utcb();
    const auto length = encode(request, utcb.data);
    if (!length || send.size() > Utcb::max_caps) {
        return Status::bad_argument;
    }
    for (std::size_t i = 0; i < send.size(); ++i) {
        utcb.caps[i] = send[i];
    }
    utcb.receive_selector = receive_at.value;
    utcb.receive_count = receive_at == no_selector ? 0 : receive_count;
    const sys::CallResult result = sys::call(portal, {*length, static_cast<std::uint32_t>(send.size())});
    if (result.status != Status::ok) {
        return result.status;
    }
    if (received != nullptr) {
        *received = result.info.caps;
    }
    if (result.info.length > Utcb::data_size ||
        !decode(std::span<const std::uint8_t>{utcb.data, result.info.length}, reply)) {
        return Status::bad_argument;
    }
    return Status::ok;
}

} // namespace bulkhead
