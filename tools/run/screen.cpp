// SPDX-License-Identifier: Apache-2.0
#include "run/screen.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view reset = "\x1b[0m";
constexpr std::string_view erase_below = "\x1b[J";
constexpr std::string_view separator = " | ";
constexpr std::array<std::string_view, 6> colours{"\x1b[36m", "\x1b[33m", "\x1b[32m",
                                                  "\x1b[35m", "\x1b[34m", "\x1b[31m"};

} // namespace

Screen::Screen(std::vector<std::string> names, ScreenStyle style)
    : names_{std::move(names)}, views_(names_.size()), style_{style} {
    for (const std::string& name : names_) {
        width_ = std::max(width_, name.size());
    }
}

std::string Screen::prefix(StreamId stream) const {
    const std::string name = fmt::format("{:<{}}{}", names_[stream], width_, separator);
    if (!style_.colour) {
        return name;
    }
    const std::string_view colour = stream == system_stream ? dim : colours[(stream - 1) % colours.size()];
    return fmt::format("{}{}{}", colour, name, reset);
}

std::string Screen::line(StreamId stream, std::string_view text) const {
    return fmt::format("{}{}\n", prefix(stream), text);
}

std::string Screen::hide_open_line() {
    if (!std::exchange(open_, false)) {
        return {};
    }
    // A long line has wrapped: its cursor is some rows below its beginning.
    const std::size_t before_cursor = cells_ - back_;
    const std::size_t rows = columns_ == 0 || before_cursor == 0 ? 0 : (before_cursor - 1) / columns_;
    return fmt::format("\r{}{}", rows == 0 ? "" : fmt::format("\x1b[{}A", rows), erase_below);
}

std::string Screen::show_open_line() {
    const LineView& view = views_[selected_];
    if (!style_.live || view.empty()) {
        return {};
    }
    open_ = true;
    shown_ = view.current();
    back_ = view.cursor_from_end();
    cells_ = width_ + separator.size() + view.width();
    return prefix(selected_) + shown_ + (back_ == 0 ? std::string{} : fmt::format("\x1b[{}D", back_));
}

/// What has only grown is not painted again: the common case, a character at a time. Takes the line off `lines` if it
/// is finished.
std::string Screen::extend_open_line(std::vector<std::string>& lines) {
    const LineView& view = views_[selected_];
    const std::string now = lines.empty() ? view.current() : lines.front();
    const bool grown =
        open_ && back_ == 0 && now.starts_with(shown_) && (!lines.empty() || view.cursor_from_end() == 0);
    if (!grown) {
        return {};
    }
    std::string out = now.substr(shown_.size());
    if (lines.empty()) {
        shown_ = now;
        cells_ = width_ + separator.size() + view.width();
    } else {
        out += '\n';
        lines.erase(lines.begin());
        open_ = false;
    }
    return out;
}

std::string Screen::show(StreamId stream, std::string_view bytes) {
    if (stream >= views_.size()) {
        return {}; // a domain that the manifest does not have
    }
    std::vector<std::string> lines = views_[stream].feed(bytes);
    if (lines.empty() && stream != selected_) {
        return {};
    }
    std::string out = stream == selected_ ? extend_open_line(lines) : std::string{};
    if (open_ && lines.empty() && !out.empty()) {
        return out;
    }
    out += hide_open_line();
    for (const std::string& text : lines) {
        out += line(stream, text);
    }
    return out + show_open_line();
}

std::string Screen::note(std::string_view text) {
    const std::string shown =
        style_.colour ? fmt::format("{}-- {}{}\n", dim, text, reset) : fmt::format("-- {}\n", text);
    std::string out = hide_open_line() + shown;
    return out + show_open_line();
}

std::string Screen::select(StreamId stream) {
    selected_ = stream;
    std::string out = hide_open_line();
    return out + show_open_line();
}

std::string Screen::finish() {
    std::string out = hide_open_line();
    for (StreamId stream = 0; stream < views_.size(); ++stream) {
        if (!views_[stream].empty()) {
            out += line(stream, views_[stream].finish());
        }
    }
    return out;
}

} // namespace bulkhead::tools
