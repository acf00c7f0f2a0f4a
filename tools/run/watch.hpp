// SPDX-License-Identifier: Apache-2.0
// Scripts a run: which texts end it (--until), and what to type when a text appears (--on). It must not know: how bytes
// arrive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.hpp"
#include "run/mux.hpp"

namespace bulkhead::tools {

inline constexpr StreamId any_stream = max_stream + 1;

/// Waits for a text in a stream, however it is cut into pieces.
class Matcher {
public:
    Matcher() = default;
    Matcher(StreamId stream, std::string text) : stream_{stream}, text_{std::move(text)} {}

    StreamId stream() const { return stream_; }
    const std::string& text() const { return text_; }
    /// How many of the bytes were needed to complete the text, or npos.
    std::size_t feed(StreamId stream, std::string_view bytes);

private:
    struct Tail {
        StreamId stream;
        std::string bytes; ///< the last text_.size() - 1 of the stream
    };
    std::string& tail_of(StreamId stream);

    StreamId stream_{any_stream};
    std::string text_;
    std::vector<Tail> tails_;
};

struct Reply {
    Matcher when;
    std::string text;
};

/// The script of a run.
class Watch {
public:
    void add_until(Matcher matcher) { untils_.push_back({std::move(matcher), false}); }
    /// Replies to one stream are given one after the other, each once.
    void add_reply(Reply reply) { replies_.push_back(std::move(reply)); }

    struct Input {
        StreamId stream;
        std::string text;
    };
    /// What to type now.
    std::vector<Input> feed(StreamId stream, std::string_view bytes);

    bool has_until() const { return !untils_.empty(); }
    /// All texts of --until have appeared.
    bool fulfilled() const;
    /// The texts that have not appeared yet.
    std::vector<std::string> missing() const;

private:
    struct Until {
        Matcher matcher;
        bool seen;
    };
    std::vector<Until> untils_;
    std::vector<Reply> replies_; ///< those not given yet
};

/// "TEXT", or "NAME:TEXT" if NAME is one of `names` (index: stream).
Outcome<Matcher> parse_until(std::string_view argument, const std::vector<std::string>& names);
/// "NAME:TEXT=>REPLY"; \n, \r, \t, \\ and \xHH in REPLY.
Outcome<Reply> parse_reply(std::string_view argument, const std::vector<std::string>& names);

} // namespace bulkhead::tools
