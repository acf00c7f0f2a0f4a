// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

std::string line_of(const std::string& text, int number) {
    std::istringstream lines{text};
    std::string line;
    for (int i = 0; i < number; ++i) {
        if (!std::getline(lines, line)) {
            return {};
        }
    }
    return line;
}

} // namespace

std::string place(const std::string& file, Position at) {
    return fmt::format("{}:{}:{}", file, std::max(at.line, 1), std::max(at.column, 1));
}

void Diagnostics::error(std::string file, Position at, std::string message) {
    if (std::find(file_order_.begin(), file_order_.end(), file) == file_order_.end()) {
        file_order_.push_back(file);
    }
    all_.push_back({std::move(file), at, std::move(message)});
}

void Diagnostics::remember_text(const std::string& file, std::string text) {
    texts_[file] = std::move(text);
}

std::vector<Diagnostic> Diagnostics::sorted() const {
    const auto rank = [this](const Diagnostic& d) {
        return std::find(file_order_.begin(), file_order_.end(), d.file) - file_order_.begin();
    };
    std::vector<Diagnostic> result = all_;
    std::stable_sort(result.begin(), result.end(), [&](const Diagnostic& a, const Diagnostic& b) {
        return std::pair{rank(a), a.at} < std::pair{rank(b), b.at};
    });
    return result;
}

std::string Diagnostics::render() const {
    std::string out;
    for (const Diagnostic& d : sorted()) {
        out += fmt::format("{}: error: {}\n", place(d.file, d.at), d.message);
        const auto text = texts_.find(d.file);
        if (text == texts_.end() || d.at.line == 0) {
            continue;
        }
        std::string line = line_of(text->second, d.at.line);
        if (line.empty()) {
            continue;
        }
        std::string mark(static_cast<std::size_t>(std::max(d.at.column - 1, 0)), ' ');
        for (std::size_t i = 0; i < std::min(mark.size(), line.size()); ++i) {
            mark[i] = line[i] == '\t' ? '\t' : ' ';
        }
        out += fmt::format("    {}\n    {}^\n", line, mark);
    }
    return out;
}

} // namespace bulkhead::tools
