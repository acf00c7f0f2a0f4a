// SPDX-License-Identifier: Apache-2.0
// The user's terminal: switches it to raw input and gives it back as it was. It must not know: what is typed or shown.
#pragma once

#include <termios.h>

namespace bulkhead::tools {

class RawTerminal {
public:
    /// Keys arrive one by one, unechoed, none of them a signal. `transparent`: output is not touched either.
    /// Does nothing if standard input is no terminal.
    explicit RawTerminal(bool transparent);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    bool active() const { return active_; }

private:
    termios saved_{};
    bool active_{false};
};

} // namespace bulkhead::tools
