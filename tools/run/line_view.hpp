// SPDX-License-Identifier: Apache-2.0
// What a terminal of one endless line would show: turns a console's bytes, with their carriage returns, backspaces and
// escape sequences, into finished lines and the line being written. It must not know: where the lines go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::tools {

class LineView {
public:
    /// The lines that these bytes finish.
    std::vector<std::string> feed(std::string_view bytes);
    /// The line being written, and how many characters its cursor is before its end.
    std::string current() const;
    std::size_t cursor_from_end() const { return cells_.size() - cursor_; }
    std::size_t width() const { return cells_.size(); }
    bool empty() const { return cells_.empty(); }
    /// Ends the line being written.
    std::string finish();

private:
    enum class State : std::uint8_t { text, escape, csi, string, string_escape };

    void put(char c);
    void put_control(char c);
    void put_escape(char c);
    void put_csi(char c);

    std::vector<std::string> cells_; ///< one character each, as UTF-8
    std::size_t cursor_{0};
    std::vector<std::string> finished_;
    State state_{State::text};
    std::string parameters_;
};

} // namespace bulkhead::tools
