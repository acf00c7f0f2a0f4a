// SPDX-License-Identifier: Apache-2.0
// Collects what is wrong with the user's files, so that all of it is reported and not the first only.
// It must not know: the syntax or the meaning of any file.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace bulkhead::tools {

/// A place in a text, counted from 1. Line 0: the file as a whole.
struct Position {
    int line{0};
    int column{0};
    auto operator<=>(const Position&) const = default;
};

struct Diagnostic {
    std::string file;
    Position at;
    std::string message;
};

class Diagnostics {
public:
    void error(std::string file, Position at, std::string message);
    /// Keeps a file's text to show the lines that errors are in.
    void remember_text(const std::string& file, std::string text);

    bool empty() const { return all_.empty(); }
    std::size_t count() const { return all_.size(); }
    /// By file in the order of first mention, then by place.
    std::vector<Diagnostic> sorted() const;
    /// "file:line:column: error: message", each followed by its line and a mark under the column.
    std::string render() const;

private:
    std::vector<Diagnostic> all_;
    std::vector<std::string> file_order_;
    std::map<std::string, std::string> texts_;
};

/// "file:line:column"; the file as a whole begins at 1:1.
std::string place(const std::string& file, Position at);

} // namespace bulkhead::tools
