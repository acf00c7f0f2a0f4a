// SPDX-License-Identifier: Apache-2.0
// Makes guest images for the loader's tests, good ones and (with `poke`) bad ones. It must not know: how the loader
// parses them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::test {

class ElfMaker {
public:
    struct Segment {
        std::uint64_t address;
        std::vector<std::uint8_t> bytes;
        std::uint64_t memory_size;
    };
    enum class Notes { segment, section, none };

    explicit ElfMaker(bool is_64) : is_64_{is_64} {}

    bool is_64() const { return is_64_; }
    ElfMaker& machine(std::uint16_t value) { return machine_ = value, *this; }
    ElfMaker& load(std::uint64_t address, std::vector<std::uint8_t> bytes, std::uint64_t memory_size) {
        loads_.push_back({address, std::move(bytes), memory_size});
        return *this;
    }
    /// A component's program instead of a guest: virtual addresses, not writable, entered at its first byte.
    ElfMaker& program() { return program_ = true, *this; }
    ElfMaker& notes(Notes where) { return where_ = where, *this; }
    /// A note with any name (terminator included by the caller) and value.
    ElfMaker& note(const std::string& name, std::uint32_t type, const std::vector<std::uint8_t>& value) {
        put(note_bytes_, name.size(), 4);
        put(note_bytes_, value.size(), 4);
        put(note_bytes_, type, 4);
        note_bytes_.insert(note_bytes_.end(), name.begin(), name.end());
        pad(note_bytes_);
        note_bytes_.insert(note_bytes_.end(), value.begin(), value.end());
        pad(note_bytes_);
        return *this;
    }
    ElfMaker& entry_note(std::uint64_t entry, unsigned width) {
        std::vector<std::uint8_t> value;
        put(value, entry, width);
        return note(std::string("Xen\0", 4), 18, value);
    }

    // Where things are in the file, for tests that break them.
    std::size_t program_header(std::size_t index) const { return header_size() + index * ph_size(); }
    std::size_t field_offset() const { return is_64_ ? 8 : 4; }
    std::size_t field_file_size() const { return is_64_ ? 32 : 16; }
    std::size_t field_address() const { return is_64_ ? 24 : 12; }
    std::size_t field_memory_size() const { return is_64_ ? 40 : 20; }
    unsigned word() const { return is_64_ ? 8 : 4; }

    std::vector<std::uint8_t> make() const {
        const bool note_segment = where_ == Notes::segment;
        const bool note_section = where_ == Notes::section;
        const std::size_t ph_count = loads_.size() + (note_segment ? 1 : 0);
        const std::size_t headers = header_size() + ph_count * ph_size();
        std::vector<std::uint8_t> body;
        std::vector<std::uint8_t> table;
        for (const Segment& segment : loads_) {
            put_program_header(table, 1, headers + body.size(), segment.address, segment.bytes.size(),
                               segment.memory_size);
            body.insert(body.end(), segment.bytes.begin(), segment.bytes.end());
            pad(body);
        }
        const std::size_t note_offset = headers + body.size();
        body.insert(body.end(), note_bytes_.begin(), note_bytes_.end());
        if (note_segment) {
            put_program_header(table, 4, note_offset, 0, note_bytes_.size(), note_bytes_.size());
        }
        const std::size_t sh_offset = headers + body.size();
        if (note_section) {
            put_section_header(body, 0, 0, 0);
            put_section_header(body, 7, note_offset, note_bytes_.size());
        }
        std::vector<std::uint8_t> out = file_header(ph_count, note_section ? sh_offset : 0, note_section ? 2 : 0);
        out.insert(out.end(), table.begin(), table.end());
        out.insert(out.end(), body.begin(), body.end());
        return out;
    }

    static void poke(std::vector<std::uint8_t>& file, std::size_t offset, std::uint64_t value, unsigned width) {
        for (unsigned i = 0; i < width; ++i) {
            file.at(offset + i) = static_cast<std::uint8_t>(value >> (8 * i));
        }
    }

private:
    static void put(std::vector<std::uint8_t>& to, std::uint64_t value, unsigned width) {
        for (unsigned i = 0; i < width; ++i) {
            to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
    }
    static void pad(std::vector<std::uint8_t>& to) {
        while (to.size() % 4 != 0) {
            to.push_back(0);
        }
    }
    std::size_t header_size() const { return is_64_ ? 64 : 52; }
    std::size_t ph_size() const { return is_64_ ? 56 : 32; }

    std::vector<std::uint8_t> file_header(std::size_t ph_count, std::size_t sh_offset, std::size_t sh_count) const {
        std::vector<std::uint8_t> out{0x7f, 'E', 'L', 'F', static_cast<std::uint8_t>(is_64_ ? 2 : 1), 1, 1};
        out.resize(16);
        put(out, 2, 2);
        put(out, machine_, 2);
        put(out, 1, 4);
        put(out, program_ ? loads_.front().address : 0, word());
        put(out, header_size(), word());
        put(out, sh_offset, word());
        put(out, 0, 4);
        put(out, header_size(), 2);
        put(out, ph_size(), 2);
        put(out, ph_count, 2);
        put(out, is_64_ ? 64 : 40, 2);
        put(out, sh_count, 2);
        put(out, 0, 2);
        return out;
    }
    void put_program_header(std::vector<std::uint8_t>& to, std::uint32_t type, std::uint64_t offset,
                            std::uint64_t address, std::uint64_t file_size, std::uint64_t memory_size) const {
        put(to, type, 4);
        if (is_64_) {
            put(to, flags(), 4);
        }
        put(to, offset, word());
        put(to, program_ ? address : 0, word()); // means nothing to the guest loader: Linux has a segment with 0
        put(to, address, word());
        put(to, file_size, word());
        put(to, memory_size, word());
        if (!is_64_) {
            put(to, flags(), 4);
        }
        put(to, 4, word());
    }
    void put_section_header(std::vector<std::uint8_t>& to, std::uint32_t type, std::uint64_t offset,
                            std::uint64_t size) const {
        put(to, 0, 4);
        put(to, type, 4);
        put(to, 0, word());
        put(to, 0, word());
        put(to, offset, word());
        put(to, size, word());
        put(to, 0, 4);
        put(to, 0, 4);
        put(to, 4, word());
        put(to, 0, word());
    }

    std::uint32_t flags() const { return program_ ? 5u : 7u; } // read, execute; a guest's: and write

    bool is_64_;
    bool program_{false};
    std::uint16_t machine_{62};
    Notes where_{Notes::segment};
    std::vector<Segment> loads_;
    std::vector<std::uint8_t> note_bytes_;
};

} // namespace bulkhead::test
