// SPDX-License-Identifier: Apache-2.0
// The guest's log, line by line.
// It must not know: who prints the log.
#include "guest_log.hpp"

namespace bulkhead::vcpu {

void GuestLog::put(char c) {
    const bool printable = (c >= ' ' && c <= '~') || c == '\t' || c == '\n';
    if (!printable) {
        return;
    }
    line_[length_++] = c;
    if (c == '\n' || length_ == line_size) {
        flush();
    }
}

void GuestLog::flush() {
    if (length_ != 0 && sink_ != nullptr) {
        sink_({line_, length_});
    }
    length_ = 0;
}

} // namespace bulkhead::vcpu
