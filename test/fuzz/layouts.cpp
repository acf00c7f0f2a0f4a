// SPDX-License-Identifier: Apache-2.0
// The generated converters: any bytes as any guest structure of either width become a message and the structure again,
// through the codec as well; any bytes as any message are refused or fit a structure, and nothing is read or written
// beside it. REQ-ABI-001
#include <cstring>
#include <span>

#include <bulkhead/message.hpp>

#include <every_message.hpp>

#include "demand.hpp"

using namespace bulkhead;

namespace {

template <typename Layout> bool same(const Layout& a, const Layout& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
}

template <typename Layout> Layout filled(std::span<const std::uint8_t> data) {
    Layout layout;
    std::memset(&layout, 0, sizeof layout);
    std::memcpy(&layout, data.data(), data.size() < sizeof layout ? data.size() : sizeof layout);
    return layout;
}

template <typename Message, typename Layout> void guest_to_message(std::span<const std::uint8_t> data) {
    Message message, decoded;
    std::memset(&message, 0, sizeof message);
    widen(filled<Layout>(data), message);
    Layout back;
    demand(narrow(message, back) == guest::Fit::fits);
    std::uint8_t encoded[1024];
    const auto length = encode(message, encoded);
    demand(length.ok());
    demand(decode(std::span<const std::uint8_t>{encoded, *length}, decoded));
    Layout again;
    demand(narrow(decoded, again) == guest::Fit::fits);
    demand(same(back, again));
}

template <typename Message, typename Layout> void message_to_guest(const Message& message) {
    Layout layout;
    if (narrow(message, layout) != guest::Fit::fits) {
        return;
    }
    Message again;
    widen(layout, again);
    Layout second;
    demand(narrow(again, second) == guest::Fit::fits);
    demand(same(layout, second));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::uint32_t chosen = bytes[0];
    const std::span<const std::uint8_t> data{bytes + 1, size - 1};
    std::uint32_t index = 0;
    test::for_each_message([&]<typename Message>() {
        if (index++ != chosen) {
            return;
        }
        guest_to_message<Message, typename guest::LayoutsOf<Message>::Wide>(data);
        guest_to_message<Message, typename guest::LayoutsOf<Message>::Narrow>(data);
        Message message{};
        if (decode(data, message)) {
            message_to_guest<Message, typename guest::LayoutsOf<Message>::Wide>(message);
            message_to_guest<Message, typename guest::LayoutsOf<Message>::Narrow>(message);
        }
    });
    return 0;
}
