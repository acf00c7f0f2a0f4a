// SPDX-License-Identifier: Apache-2.0
// The serial line carries all consoles: byte 0x1e followed by a stream's id switches the stream that the bytes after it
// belong to, in both directions. Stream '0' is the system's log, '0' + d is domain d. It must not know: what is done
// with the bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace bulkhead::tools {

/// 0: the system's log; 1 to 64: domains in the order of the manifest.
using StreamId = std::uint32_t;
inline constexpr StreamId system_stream = 0;
inline constexpr StreamId max_stream = 64;

class Demuxer {
public:
    using Sink = std::function<void(StreamId, std::string_view)>;

    /// Splits what arrived; a switch may be cut between two calls.
    void feed(std::string_view bytes, const Sink& sink);

private:
    StreamId current_{system_stream};
    bool switching_{false};
};

class InputMux {
public:
    /// What to send so that `text` reaches `stream`. The switch byte itself cannot be sent and is left out.
    std::string encode(StreamId stream, std::string_view text);

private:
    StreamId current_{system_stream};
};

} // namespace bulkhead::tools
