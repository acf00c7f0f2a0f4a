// SPDX-License-Identifier: Apache-2.0
// The sequences that shells' line editors use (ECMA-48): CUF, CUB, ED, EL. All others are swallowed.
#include "run/line_view.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace bulkhead::tools {

namespace {

constexpr std::size_t longest_line = 4096;
constexpr std::size_t longest_parameters = 32;
constexpr std::size_t tab = 8;

} // namespace

std::vector<std::string> LineView::feed(std::string_view bytes) {
    for (const char c : bytes) {
        put(c);
    }
    return std::exchange(finished_, {});
}

std::string LineView::current() const {
    std::string line;
    for (const std::string& cell : cells_) {
        line += cell;
    }
    return line;
}

std::string LineView::finish() {
    std::string line = current();
    cells_.clear();
    cursor_ = 0;
    return line;
}

void LineView::put(char c) {
    switch (state_) {
    case State::escape:
        put_escape(c);
        return;
    case State::csi:
        put_csi(c);
        return;
    case State::string: // of an operating system command: up to BEL or ESC backslash
        state_ = c == '\a' ? State::text : c == '\x1b' ? State::string_escape : State::string;
        return;
    case State::string_escape:
        state_ = State::text;
        return;
    case State::text:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
        put_control(c);
        return;
    }
    const bool continues = (byte & 0xc0) == 0x80;
    if (continues && cursor_ > 0 && cells_[cursor_ - 1].size() < 4) {
        cells_[cursor_ - 1] += c;
        return;
    }
    if (cells_.size() >= longest_line) {
        finished_.push_back(finish());
    }
    if (cursor_ < cells_.size()) {
        cells_[cursor_] = c;
    } else {
        cells_.emplace_back(1, c);
    }
    ++cursor_;
}

void LineView::put_control(char c) {
    switch (c) {
    case '\n':
        finished_.push_back(finish());
        break;
    case '\r':
        cursor_ = 0;
        break;
    case '\b':
        cursor_ -= cursor_ > 0 ? 1 : 0;
        break;
    case '\t':
        do {
            put(' ');
        } while (cursor_ % tab != 0);
        break;
    case '\x1b':
        state_ = State::escape;
        break;
    default:
        break;
    }
}

void LineView::put_escape(char c) {
    parameters_.clear();
    state_ = c == '[' ? State::csi : c == ']' ? State::string : State::text;
}

void LineView::put_csi(char c) {
    if (c < '@' || c > '~') {
        if (parameters_.size() < longest_parameters) {
            parameters_ += c;
        }
        return;
    }
    state_ = State::text;
    const auto number = static_cast<std::size_t>(std::strtoul(parameters_.c_str(), nullptr, 10));
    const std::size_t count = std::max<std::size_t>(number, 1);
    if (c == 'C') {
        cursor_ = std::min(cursor_ + count, cells_.size());
    } else if (c == 'D') {
        cursor_ -= std::min(cursor_, count);
    } else if ((c == 'J' || c == 'K') && number == 0) {
        cells_.resize(cursor_);
    } else if (c == 'K' && number == 2) {
        cells_.assign(cursor_, " ");
    }
}

} // namespace bulkhead::tools
