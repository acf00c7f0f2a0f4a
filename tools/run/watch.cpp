// SPDX-License-Identifier: Apache-2.0
#include "run/watch.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

std::optional<StreamId> stream_of(std::string_view name, const std::vector<std::string>& names) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt : std::optional{static_cast<StreamId>(found - names.begin())};
}

Outcome<std::string> unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const char c = ++i < text.size() ? text[i] : '\0';
        unsigned code = 0;
        if (c == 'n' || c == 'r' || c == 't' || c == '\\') {
            out += c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : '\\';
        } else if (c == 'x' && i + 2 < text.size() &&
                   std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3) {
            out += static_cast<char>(code);
            i += 2;
        } else {
            return Failure{
                fmt::format("\"{}\" has an escape that is none: expected \\n, \\r, \\t, \\\\ or \\xHH", text)};
        }
    }
    return out;
}

} // namespace

std::string& Matcher::tail_of(StreamId stream) {
    const auto found =
        std::find_if(tails_.begin(), tails_.end(), [&](const Tail& tail) { return tail.stream == stream; });
    return found != tails_.end() ? found->bytes : tails_.emplace_back(Tail{stream, {}}).bytes;
}

std::size_t Matcher::feed(StreamId stream, std::string_view bytes) {
    if (stream_ != any_stream && stream_ != stream) {
        return std::string::npos;
    }
    std::string& tail = tail_of(stream);
    const std::size_t before = tail.size();
    tail += bytes;
    const std::size_t at = tail.find(text_);
    if (at != std::string::npos) {
        tail.clear();
        return at + text_.size() - before;
    }
    const std::size_t keep = std::min(tail.size(), text_.size() - 1);
    tail.erase(0, tail.size() - keep);
    return std::string::npos;
}

std::vector<Watch::Input> Watch::feed(StreamId stream, std::string_view bytes) {
    for (Until& until : untils_) {
        until.seen = until.seen || until.matcher.feed(stream, bytes) != std::string::npos;
    }
    std::vector<Input> inputs;
    // The first outstanding reply of a stream is the one that waits; the next one begins behind what it matched.
    for (auto reply = replies_.begin(); reply != replies_.end() && !bytes.empty();) {
        if (reply->when.stream() != stream) {
            ++reply;
            continue;
        }
        const std::size_t used = reply->when.feed(stream, bytes);
        if (used == std::string::npos) {
            break;
        }
        inputs.push_back({stream, reply->text});
        bytes.remove_prefix(used);
        reply = replies_.erase(reply);
    }
    return inputs;
}

bool Watch::fulfilled() const {
    return has_until() && std::all_of(untils_.begin(), untils_.end(), [](const Until& until) { return until.seen; });
}

std::vector<std::string> Watch::missing() const {
    std::vector<std::string> texts;
    for (const Until& until : untils_) {
        if (!until.seen) {
            texts.push_back(until.matcher.text());
        }
    }
    return texts;
}

Outcome<Matcher> parse_until(std::string_view argument, const std::vector<std::string>& names) {
    const std::size_t colon = argument.find(':');
    const auto stream = colon == std::string_view::npos ? std::nullopt : stream_of(argument.substr(0, colon), names);
    const std::string_view text = stream ? argument.substr(colon + 1) : argument;
    if (text.empty()) {
        return Failure{fmt::format("--until \"{}\" waits for nothing: expected TEXT or NAME:TEXT", argument)};
    }
    return Matcher{stream.value_or(any_stream), std::string{text}};
}

Outcome<Reply> parse_reply(std::string_view argument, const std::vector<std::string>& names) {
    const std::size_t arrow = argument.find("=>");
    const std::size_t colon = argument.find(':');
    if (arrow == std::string_view::npos || colon == std::string_view::npos || colon > arrow || colon + 1 == arrow) {
        return Failure{fmt::format("--on \"{}\": expected NAME:TEXT=>REPLY", argument)};
    }
    const auto stream = stream_of(argument.substr(0, colon), names);
    if (!stream || *stream == system_stream) {
        return Failure{fmt::format("--on \"{}\": there is no domain \"{}\"", argument, argument.substr(0, colon))};
    }
    const auto reply = unescape(argument.substr(arrow + 2));
    if (!reply) {
        return Failure{"--on " + reply.message()};
    }
    return Reply{Matcher{*stream, std::string{argument.substr(colon + 1, arrow - colon - 1)}}, *reply};
}

} // namespace bulkhead::tools
