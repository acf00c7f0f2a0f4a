// SPDX-License-Identifier: Apache-2.0
// What the guest writes with console_io or to port 0xe9, in lines, to its domain's log.
// It must not know: who prints the log.
#pragma once

#include <cstdint>
#include <span>

namespace bulkhead::vcpu {

class GuestLog {
public:
    static constexpr std::uint32_t line_size = 200;
    using Sink = void (*)(std::span<const char> text); ///< a line with its newline, or a piece of one

    void set_sink(Sink sink) { sink_ = sink; }
    /// Printable characters, tabs and newlines are kept; a newline or a full buffer sends what there is.
    void put(char c);
    void put(std::span<const char> text) {
        for (const char c : text) {
            put(c);
        }
    }
    /// Sends what there is.
    void flush();

private:
    char line_[line_size]{};
    std::uint32_t length_{0};
    Sink sink_{nullptr};
};

} // namespace bulkhead::vcpu
