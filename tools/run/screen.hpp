// SPDX-License-Identifier: Apache-2.0
// Shows all streams in one place: each line behind the name and in the colour of its stream. On a terminal the line
// that the user is typing to stays at the bottom while others go by. It must not know: where bytes come from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "run/line_view.hpp"
#include "run/mux.hpp"

namespace bulkhead::tools {

struct ScreenStyle {
    bool colour{false};
    bool live{false}; ///< a terminal: show the selected stream's unfinished line
};

class Screen {
public:
    /// names: of the streams, by id.
    Screen(std::vector<std::string> names, ScreenStyle style);

    /// The terminal's width; 0: not known.
    void set_columns(std::size_t columns) { columns_ = columns; }
    /// What to write to the terminal for these bytes of a stream.
    std::string show(StreamId stream, std::string_view bytes);
    /// A message of the front end's own.
    std::string note(std::string_view text);
    /// From now on this stream's unfinished line is shown.
    std::string select(StreamId stream);
    /// All unfinished lines.
    std::string finish();

private:
    std::string prefix(StreamId stream) const;
    std::string line(StreamId stream, std::string_view text) const;
    std::string hide_open_line();
    std::string show_open_line();
    std::string extend_open_line(std::vector<std::string>& lines);

    std::vector<std::string> names_;
    std::vector<LineView> views_;
    ScreenStyle style_;
    std::size_t width_{0};
    StreamId selected_{system_stream};
    std::size_t columns_{0};
    bool open_{false};     ///< an unfinished line is on the screen ...
    std::string shown_;    ///< ... with this text behind its prefix
    std::size_t back_{0};  ///< ... the cursor being so far before its end
    std::size_t cells_{0}; ///< ... and of that width, prefix included
};

} // namespace bulkhead::tools
