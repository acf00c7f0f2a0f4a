// SPDX-License-Identifier: Apache-2.0
// Port I/O. String instructions run a bounded number of elements per exit and are then executed again from where they
// are: the registers say how far they got, as the architecture has it for interrupts between elements. It must not
// know: paging modes, how the exit was taken.
#include "io.hpp"

#include <bulkhead/sys.hpp>

#include "exceptions.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint16_t pit_channel_2 = 0x42;
constexpr std::uint32_t elements_per_exit = 1024;
constexpr std::uint64_t rflags_df = 1u << 10;
constexpr std::uint16_t segment_default_32 = 1u << 10;

std::uint64_t& gpr(Vcpu& v, Gpr which) {
    return v.state->gpr[static_cast<std::uint32_t>(which)];
}

std::uint64_t width_mask(std::uint32_t bytes) {
    return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * bytes)) - 1;
}

/// Writes the low `bytes` of a register as an instruction of that size does: 32 bits clear the upper half.
void write_part(std::uint64_t& reg, std::uint64_t value, std::uint32_t bytes) {
    if (bytes == 4) {
        reg = value & width_mask(4);
    } else {
        reg = (reg & ~width_mask(bytes)) | (value & width_mask(bytes));
    }
}

/// A string instruction, as its prefixes and the mode make it.
struct StringIo {
    IoExit io;
    std::uint32_t address_bytes; ///< 2, 4 or 8
    std::uint64_t base;
    std::uint64_t step; ///< of the index register, two's complement
};

/// The effects of prefixes: address size, and for OUTS the segment. False: the bytes could not be fetched.
bool read_prefixes(Domain& d, Vcpu& v, bool& address_size, const Segment*& segment) {
    const VcpuState& s = *v.state;
    constexpr std::uint32_t longest = 15;
    std::uint8_t code[longest]{};
    const std::uint32_t n = s.instruction_length < longest ? s.instruction_length : longest;
    const std::uint64_t base = in_64bit_code(s) ? 0 : s.cs.base;
    GuestAccess access = d.access(v);
    if (!access.fetch(base + s.rip, code, n)) {
        return false;
    }
    const bool long_code = in_64bit_code(s);
    for (std::uint32_t i = 0; i < n; ++i) {
        switch (code[i]) {
        case 0x67:
            address_size = true;
            break;
        case 0x26:
            segment = long_code ? segment : &s.es;
            break;
        case 0x2e:
            segment = long_code ? segment : &s.cs;
            break;
        case 0x36:
            segment = long_code ? segment : &s.ss;
            break;
        case 0x3e:
            segment = long_code ? segment : &s.ds;
            break;
        case 0x64:
            segment = &s.fs;
            break;
        case 0x65:
            segment = &s.gs;
            break;
        default:
            break;
        }
    }
    return true;
}

bool describe(Domain& d, Vcpu& v, StringIo& string) {
    if (sys::vcpu_expose(Selector{slot::vcpu.value + v.id}, VcpuGroups::segments) != Status::ok) {
        return false;
    }
    const VcpuState& s = *v.state;
    const bool long_code = in_64bit_code(s);
    bool other_size = false;
    const Segment* segment = string.io.in ? &s.es : &s.ds;
    if (!read_prefixes(d, v, other_size, segment)) {
        return false;
    }
    if (string.io.in) {
        segment = &s.es; // has no override
    }
    if (long_code) {
        string.address_bytes = other_size ? 4 : 8;
        string.base = segment == &s.fs || segment == &s.gs ? segment->base : 0;
    } else {
        const bool default_32 = (s.cs.access & segment_default_32) != 0;
        string.address_bytes = default_32 != other_size ? 4 : 2;
        string.base = segment->base;
    }
    string.step = (s.rflags & rflags_df) != 0 ? std::uint64_t{0} - string.io.width : string.io.width;
    return true;
}

/// One element at the index register's address. False: faulted.
bool move_element(Domain& d, GuestAccess& access, const StringIo& string, std::uint64_t index) {
    const std::uint64_t address = string.base + (index & width_mask(string.address_bytes));
    if (string.io.in) {
        const std::uint32_t value = read_port(string.io.port, string.io.width);
        return access.write(address, &value, string.io.width);
    }
    std::uint32_t value = 0;
    if (!access.read(address, &value, string.io.width)) {
        return false;
    }
    write_port(d, string.io.port, value);
    return true;
}

void handle_string(Domain& d, Vcpu& v, const IoExit& io) {
    StringIo string{io, 0, 0, 0};
    if (!describe(d, v, string)) {
        inject_general_protection(v);
        return;
    }
    std::uint64_t& count_register = gpr(v, Gpr::rcx);
    std::uint64_t& index = gpr(v, io.in ? Gpr::rdi : Gpr::rsi);
    std::uint64_t count = io.rep ? count_register & width_mask(string.address_bytes) : 1;
    GuestAccess access = d.access(v);
    for (std::uint32_t done = 0; count != 0 && done < elements_per_exit; ++done) {
        if (!move_element(d, access, string, index)) {
            inject_access_fault(v, access.fault());
            return;
        }
        write_part(index, index + string.step, string.address_bytes);
        --count;
        if (io.rep) {
            write_part(count_register, count, string.address_bytes);
        }
    }
    if (count == 0) {
        finish_instruction(v, v.state->instruction_length);
    }
}

} // namespace

std::uint32_t read_port(std::uint16_t port, std::uint8_t width) {
    // Linux calibrates its clock against a counter here: one that never moves ends that at once.
    return port == pit_channel_2 ? 0 : static_cast<std::uint32_t>(width_mask(width));
}

void write_port(Domain& d, std::uint16_t port, std::uint32_t value) {
    if (port == XEN_HVM_DEBUGCONS_IOPORT) {
        d.log.put(static_cast<char>(value));
    }
}

void handle_io(Domain& d, Vcpu& v) {
    const IoExit io = IoExit::unpack(v.state->qualification);
    if (io.string) {
        handle_string(d, v, io);
        return;
    }
    std::uint64_t& rax = gpr(v, Gpr::rax);
    if (io.in) {
        write_part(rax, read_port(io.port, io.width), io.width);
    } else {
        write_port(d, io.port, static_cast<std::uint32_t>(rax & width_mask(io.width)));
    }
    finish_instruction(v, v.state->instruction_length);
}

} // namespace bulkhead::vcpu
