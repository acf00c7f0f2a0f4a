// SPDX-License-Identifier: Apache-2.0
#include "run/mux.hpp"

namespace bulkhead::tools {

namespace {

constexpr char switch_byte = 0x1e;
constexpr unsigned first_id = 0x30;

} // namespace

void Demuxer::feed(std::string_view bytes, const Sink& sink) {
    while (!bytes.empty()) {
        if (switching_) {
            const unsigned id = static_cast<unsigned char>(bytes.front());
            // An id that is none belongs to no stream: stay where we were, the switch is lost.
            if (id >= first_id && id - first_id <= max_stream) {
                current_ = id - first_id;
            }
            switching_ = false;
            bytes.remove_prefix(1);
            continue;
        }
        const std::size_t end = bytes.find(switch_byte);
        if (end != 0) {
            sink(current_, bytes.substr(0, end));
        }
        if (end == std::string_view::npos) {
            return;
        }
        switching_ = true;
        bytes.remove_prefix(end + 1);
    }
}

std::string InputMux::encode(StreamId stream, std::string_view text) {
    std::string out;
    if (stream != current_) {
        out += switch_byte;
        out += static_cast<char>(first_id + stream);
        current_ = stream;
    }
    for (const char c : text) {
        if (c != switch_byte) {
            out += c;
        }
    }
    return out;
}

} // namespace bulkhead::tools
