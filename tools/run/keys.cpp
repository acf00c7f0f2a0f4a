// SPDX-License-Identifier: Apache-2.0
#include "run/keys.hpp"

namespace bulkhead::tools {

namespace {

constexpr char prefix = 0x01; // Ctrl-A

KeyEvent after_prefix(char c) {
    if (c >= '1' && c <= '9') {
        return {KeyCommand::select, {}, static_cast<std::uint32_t>(c - '0')};
    }
    switch (c) {
    case 'n':
        return {KeyCommand::next, {}, 0};
    case 'p':
        return {KeyCommand::previous, {}, 0};
    case 'x':
        return {KeyCommand::quit, {}, 0};
    case 'a':
    case prefix:
        return {KeyCommand::data, std::string{prefix}, 0};
    default:
        return {KeyCommand::help, {}, 0};
    }
}

} // namespace

std::vector<KeyEvent> KeyDecoder::feed(std::string_view bytes) {
    std::vector<KeyEvent> events;
    for (const char c : bytes) {
        if (prefix_) {
            prefix_ = false;
            events.push_back(after_prefix(c));
        } else if (c == prefix) {
            prefix_ = true;
        } else if (!events.empty() && events.back().command == KeyCommand::data) {
            events.back().data += c;
        } else {
            events.push_back({KeyCommand::data, std::string{c}, 0});
        }
    }
    return events;
}

std::string_view KeyDecoder::help() {
    return "Ctrl-A 1 to 9: type to that domain   Ctrl-A n, p: next, previous   Ctrl-A a: send Ctrl-A   Ctrl-A x: quit";
}

} // namespace bulkhead::tools
