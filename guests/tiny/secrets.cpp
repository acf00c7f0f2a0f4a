// SPDX-License-Identifier: Apache-2.0
// Two guests on one CPU: `role=writer` fills every register that a guest has with a pattern and spins; `role=reader`
// keeps values of its own there and checks, again and again, that they stay and that the writer's never appear. Command
// line: ms=N.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"
#include "traps.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::size_t vector_bytes = 4096;

/// Offsets are known to secrets_registers.S.
struct alignas(64) RegisterImage {
    std::uint64_t gpr[16]; // rax rdx rbx rbp rsi rdi r8-r15; two unused
    std::uint8_t vector[vector_bytes];
    std::uint64_t gpr_after[16];
    std::uint8_t vector_after[vector_bytes];
    std::uint64_t use_xsave;
};
static_assert(__builtin_offsetof(RegisterImage, vector) == 128);
static_assert(__builtin_offsetof(RegisterImage, gpr_after) == 128 + 4096);
static_assert(__builtin_offsetof(RegisterImage, vector_after) == 256 + 4096);
static_assert(__builtin_offsetof(RegisterImage, use_xsave) == 256 + 8192);

extern "C" void run_with_registers(RegisterImage* image, std::uint64_t loops, std::uint64_t with_hypercall);
extern "C" void breakpoint_target();

constexpr std::uint64_t writers_pattern = 0x0000'5ec7'e75e'c7e4; // canonical, and key 0 stays open in PKRU
constexpr std::uint64_t readers_pattern = 0x0000'1234'5678'9abc;
constexpr std::size_t gpr_count = 14;
constexpr std::size_t gpr_rax = 0;
constexpr std::size_t gpr_rdi = 5;
constexpr std::size_t gpr_rsi = 4;
// FXSAVE image (APM 2, 11.4.4) and the standard XSAVE form.
constexpr std::size_t fx_control = 0;
constexpr std::size_t fx_tags = 4;
constexpr std::size_t fx_mxcsr = 24;
constexpr std::size_t fx_st = 32;
constexpr std::size_t fx_xmm = 160;
constexpr std::size_t fx_end = 416;
constexpr std::size_t xsave_header = 512;
constexpr std::uint64_t cr4_osxsave = 1u << 18;
constexpr std::uint64_t cr4_pke = 1u << 22;

struct Features {
    bool xsave, avx, pku, rdtscp;
    std::size_t ymm_offset;
};

RegisterImage image;
Features features;
std::uint64_t leaks;
std::uint64_t losses;

struct MsrUse {
    const char* name;
    std::uint32_t number;
    std::uint64_t mask;
};
constexpr MsrUse msrs[] = {
    {"STAR", 0xc000'0081, ~0ULL},         {"LSTAR", 0xc000'0082, ~0ULL},        {"CSTAR", 0xc000'0083, ~0ULL},
    {"SFMASK", 0xc000'0084, 0xffff'ffff}, {"FS base", 0xc000'0100, ~0ULL},      {"GS base", 0xc000'0101, ~0ULL},
    {"KERNEL_GS", 0xc000'0102, ~0ULL},    {"SYSENTER_CS", 0x174, 0xffff},       {"SYSENTER_ESP", 0x175, ~0ULL},
    {"SYSENTER_EIP", 0x176, ~0ULL},       {"TSC_AUX", 0xc000'0103, 0xffff'ffff}};
constexpr std::uint32_t msr_pat = 0x277;
constexpr std::uint64_t writers_pat = 0x0405'0607'0004'0506; // types that exist, in an order that nobody else has
constexpr std::uint64_t readers_pat = 0x0007'0406'0007'0406;

constexpr std::uint64_t writers_dr7 = 0x440; // break on executing DR3's address
constexpr std::uint64_t readers_dr7 = 0x400;

void set_xcr0(std::uint64_t value) {
    asm volatile("xsetbv" : : "c"(0), "a"(static_cast<std::uint32_t>(value)), "d"(value >> 32));
}
std::uint64_t get_xcr0() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | (std::uint64_t{high} << 32);
}
void set_pkru(std::uint32_t value) {
    asm volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}
std::uint32_t get_pkru() {
    std::uint32_t value;
    std::uint32_t edx;
    asm volatile("rdpkru" : "=a"(value), "=d"(edx) : "c"(0));
    return value;
}
std::uint32_t tsc_aux_by_rdtscp() {
    std::uint32_t low;
    std::uint32_t high;
    std::uint32_t aux;
    asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    return aux;
}

void find_features() {
    const auto one = cpuid(1);
    const bool leaf7 = cpuid(0).eax >= 7;
    features.xsave = (one.ecx & (1u << 26)) != 0;
    features.pku = leaf7 && (cpuid(7).ecx & (1u << 3)) != 0;
    features.rdtscp = (cpuid(0x8000'0001).edx & (1u << 27)) != 0;
    if (features.xsave) {
        write_cr4(read_cr4() | cr4_osxsave);
        features.avx = (cpuid(0xd).eax & 4) != 0;
        features.ymm_offset = features.avx ? cpuid(0xd, 2).ebx : 0;
    }
    if (features.pku) {
        write_cr4(read_cr4() | cr4_pke);
    }
    image.use_xsave = features.xsave ? 1 : 0;
}

std::uint64_t own_xcr0(bool writer) {
    return features.avx && writer ? 7 : 3;
}

/// Repeats the low 6 bytes of the pattern over a piece of the vector image.
void fill(std::uint8_t* to, std::size_t bytes, std::uint64_t pattern) {
    for (std::size_t i = 0; i < bytes; ++i) {
        to[i] = static_cast<std::uint8_t>(pattern >> (i % 6 * 8));
    }
}

void fill_image(std::uint64_t pattern, bool writer) {
    for (std::size_t i = 0; i < gpr_count; ++i) {
        image.gpr[i] = pattern;
    }
    auto* v = image.vector;
    fill(v, vector_bytes, 0);
    v[fx_control] = 0x7f;
    v[fx_control + 1] = writer ? 3 : 2;
    v[fx_tags] = 0xff;
    v[fx_mxcsr] = 0x80;
    v[fx_mxcsr + 1] = writer ? 0x3f : 0x5f;
    for (std::size_t i = 0; i < 8; ++i) {
        fill(v + fx_st + i * 16, 10, pattern);
    }
    fill(v + fx_xmm, fx_end - fx_xmm, pattern);
    if (features.xsave) {
        v[xsave_header] = static_cast<std::uint8_t>(own_xcr0(writer));
        if ((own_xcr0(writer) & 4) != 0) {
            fill(v + features.ymm_offset, 256, pattern);
        }
    }
}

void set_system_registers(std::uint64_t pattern, bool writer) {
    for (const auto& msr : msrs) {
        if (msr.number != 0xc000'0103 || features.rdtscp) {
            write_msr(msr.number, pattern & msr.mask);
        }
    }
    write_msr(msr_pat, writer ? writers_pat : readers_pat);
    if (features.pku) {
        set_pkru(static_cast<std::uint32_t>(pattern));
    }
    if (features.xsave) {
        set_xcr0(own_xcr0(writer));
    }
    const auto breakpoint = writer ? reinterpret_cast<std::uint64_t>(breakpoint_target) : pattern;
    asm volatile("movq %0, %%dr0; movq %0, %%dr1; movq %0, %%dr2; movq %1, %%dr3" : : "r"(pattern), "r"(breakpoint));
    const std::uint64_t dr7 = writer ? writers_dr7 : readers_dr7;
    asm volatile("movq %0, %%dr7" : : "r"(dr7));
    asm volatile("movq %0, %%cr2" : : "r"(pattern));
}

void complain(const char* what, std::uint64_t is, std::uint64_t should_be, std::uint64_t others) {
    const bool leak = is == others;
    (leak ? leaks : losses) += 1;
    if (leaks + losses <= 20) {
        console_write(Line{} << "secrets reader: " << (leak ? "LEAK " : "LOST ") << what << " is " << Hex{is}
                             << ", should be " << Hex{should_be} << '\n');
    }
}
void expect(const char* what, std::uint64_t is, std::uint64_t should_be, std::uint64_t others) {
    if (is != should_be) {
        complain(what, is, should_be, others);
    }
}

std::uint64_t word_at(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 6; ++i) {
        value |= std::uint64_t{bytes[i]} << (i * 8);
    }
    return value;
}

void check_vector_state() {
    const auto* after = image.vector_after;
    const auto check = [&](const char* what, std::size_t offset, std::size_t bytes) {
        for (std::size_t i = offset; i + 6 <= offset + bytes; i += 6) {
            expect(what, word_at(after + i), word_at(image.vector + i), writers_pattern);
        }
    };
    for (std::size_t i = 0; i < 8; ++i) {
        check("x87", fx_st + i * 16, 10);
    }
    check("xmm", fx_xmm, fx_end - fx_xmm);
    expect("mxcsr", after[fx_mxcsr + 1], image.vector[fx_mxcsr + 1], 0x3f);
    expect("fcw", after[fx_control + 1], image.vector[fx_control + 1], 3);
}

void check_system_registers() {
    for (const auto& msr : msrs) {
        if (msr.number != 0xc000'0103 || features.rdtscp) {
            expect(msr.name, read_msr(msr.number), readers_pattern & msr.mask, writers_pattern & msr.mask);
        }
    }
    expect("PAT", read_msr(msr_pat), readers_pat, writers_pat);
    if (features.rdtscp) {
        expect("TSC_AUX (rdtscp)", tsc_aux_by_rdtscp(), readers_pattern & 0xffff'ffff, writers_pattern & 0xffff'ffff);
    }
    if (features.pku) {
        expect("PKRU", get_pkru(), readers_pattern & 0xffff'ffff, writers_pattern & 0xffff'ffff);
    }
    if (features.xsave) {
        expect("XCR0", get_xcr0(), own_xcr0(false), own_xcr0(true));
    }
    std::uint64_t r[5];
    asm volatile("movq %%dr0, %0; movq %%dr1, %1; movq %%dr2, %2; movq %%dr3, %3; movq %%cr2, %4"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]), "=r"(r[4]));
    constexpr const char* names[] = {"DR0", "DR1", "DR2", "DR3", "CR2"};
    for (unsigned i = 0; i < 5; ++i) {
        const auto others = i == 3 ? reinterpret_cast<std::uint64_t>(breakpoint_target) : writers_pattern;
        expect(names[i], r[i], readers_pattern, others);
    }
    std::uint64_t dr7;
    asm volatile("movq %%dr7, %0" : "=r"(dr7));
    expect("DR7", dr7, readers_dr7, writers_dr7);
    constexpr unsigned debug = 1 + 1;
    expect("breakpoint's outcome", attempt([] { breakpoint_target(); }), 0, debug);
}

/// What a new guest finds before it has put anything there.
void check_fresh_state() {
    alignas(16) static std::uint8_t fresh[512];
    asm volatile("fxsave64 %0" : "=m"(fresh));
    std::uint64_t nonzero = 0;
    for (std::size_t i = fx_st; i < fx_end; ++i) {
        nonzero += fresh[i] != 0 ? 1 : 0;
    }
    if (nonzero != 0) {
        ++leaks;
    }
    console_write(Line{} << "secrets reader: vector state at start " << (nonzero == 0 ? "clean\n" : "NOT CLEAN\n"));
}

void read(std::uint64_t end) {
    check_fresh_state();
    std::uint64_t rounds = 0;
    while (system_time() < end) {
        const bool with_hypercall = rounds % 2 != 0;
        fill_image(readers_pattern, false);
        if (with_hypercall) {
            image.gpr[gpr_rax] = __HYPERVISOR_xen_version;
            image.gpr[gpr_rdi] = XENVER_version;
            image.gpr[gpr_rsi] = 0;
        }
        set_system_registers(readers_pattern, false);
        run_with_registers(&image, 1'000'000, with_hypercall ? 1 : 0);
        for (std::size_t i = with_hypercall ? 1 : 0; i < gpr_count; ++i) {
            expect("a general register", image.gpr_after[i], image.gpr[i], writers_pattern);
        }
        check_vector_state();
        check_system_registers();
        ++rounds;
    }
    console_write(Line{} << "secrets reader: " << rounds << " rounds, " << leaks << " leaks, " << losses << " losses\n"
                         << "secrets reader: " << (leaks + losses == 0 && rounds >= 4 ? "PASS" : "FAIL") << '\n');
}

void write(std::uint64_t end) {
    console_write(Line{} << "secrets writer: writing\n");
    fill_image(writers_pattern, true);
    while (system_time() < end) {
        set_system_registers(writers_pattern, true);
        run_with_registers(&image, 1'000'000, 0);
    }
    console_write(Line{} << "secrets writer: done\n");
}

} // namespace

void guest_main() {
    find_features();
    console_write(Line{} << "secrets: xsave " << std::uint64_t{features.xsave} << " avx " << std::uint64_t{features.avx}
                         << " pku " << std::uint64_t{features.pku} << " rdtscp " << std::uint64_t{features.rdtscp}
                         << '\n');
    const auto end = system_time() + number_of("ms", 200) * 1'000'000;
    if (word_is("role", "writer")) {
        write(end);
    } else {
        read(end);
    }
}

} // namespace bulkhead::guest
