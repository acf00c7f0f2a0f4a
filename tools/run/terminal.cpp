// SPDX-License-Identifier: Apache-2.0
#include "run/terminal.hpp"

#include <unistd.h>

namespace bulkhead::tools {

RawTerminal::RawTerminal(bool transparent) {
    // A background job must not touch the terminal: it would be stopped.
    if (isatty(STDIN_FILENO) == 0 || tcgetpgrp(STDIN_FILENO) != getpgrp() || tcgetattr(STDIN_FILENO, &saved_) != 0) {
        return;
    }
    termios raw = saved_;
    cfmakeraw(&raw);
    if (!transparent) {
        raw.c_oflag |= OPOST | ONLCR;
    }
    active_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
    if (active_) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_);
    }
}

} // namespace bulkhead::tools
