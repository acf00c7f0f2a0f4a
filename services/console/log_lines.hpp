// SPDX-License-Identifier: Apache-2.0
// Makes whole lines out of what the sources of the system's log write in pieces, so that lines never mix, and writes
// every byte that is not printing as \xNN, so that nobody can forge another's line, a switch of streams, or a command
// to the reader's terminal.
// It must not know: where the lines go.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <bulkhead/slots.hpp>

namespace bulkhead::console {

/// Who writes: a component, a domain's monitor for itself, or a guest through its monitor.
class LogSource {
public:
    static constexpr std::uint32_t components = static_cast<std::uint32_t>(ClientId::console) + 1;
    static constexpr std::uint32_t count = components + 2 * max_domains;

    static constexpr LogSource component(ClientId who) { return LogSource{static_cast<std::uint32_t>(who)}; }
    static constexpr LogSource monitor(DomId domain) { return LogSource{components + 2u * (domain.value - 1u)}; }
    static constexpr LogSource guest(DomId domain) { return LogSource{components + 2u * (domain.value - 1u) + 1}; }

    constexpr std::uint32_t index() const { return index_; }
    constexpr bool is_component() const { return index_ < components; }
    constexpr bool is_guest() const { return !is_component() && (index_ - components) % 2 == 1; }
    constexpr DomId domain() const {
        return is_component() ? DomId{} : DomId{static_cast<std::uint16_t>(1 + (index_ - components) / 2)};
    }

private:
    explicit constexpr LogSource(std::uint32_t index) : index_{index} {}
    std::uint32_t index_;
};

class LogLines {
public:
    /// A longer line is broken into several.
    static constexpr std::size_t max_text = 500;
    /// A line as it is sent, newline included, when every byte of it must be escaped.
    static constexpr std::size_t max_line = 96 + 4 * max_text + 1;

    /// What takes lines. `line` ends with the newline.
    class Sink {
    public:
        virtual void write_line(std::string_view line) = 0;

    protected:
        ~Sink() = default;
    };

    explicit LogLines(Sink& sink) : sink_{sink} {}

    /// The name that a domain's lines carry.
    void set_name(DomId domain, std::string_view name);
    void append(LogSource source, std::string_view text);
    /// Ends the source's line if it has begun one.
    void finish(LogSource source);

private:
    struct Partial {
        std::uint16_t used{0};
        std::array<char, max_text> text{};
    };

    std::size_t prefix(LogSource source, std::span<char> into) const;
    void emit(LogSource source, std::string_view text);

    Sink& sink_;
    std::array<Partial, LogSource::count> partial_{};
    std::array<std::array<char, 64>, max_domains + 1> names_{};
};

} // namespace bulkhead::console
