// SPDX-License-Identifier: Apache-2.0
// The machine that the rows run on: the image's width, its memory, its shared_info.
// It must not know: any row.
#include "machine.hpp"

#include "cpu.hpp"
#include "guest.hpp"

#if defined(__x86_64__)
extern "C" std::uint64_t page_table_l4[512];
#elif TINY_PAGING == 2
extern "C" std::uint32_t page_directory[1024];
#elif TINY_PAGING == 3
extern "C" std::uint64_t page_directory[4 * 512];
#endif

#ifdef CONFORMANCE_REAL
extern "C" void visit_real_mode();
#endif

// QEMU sets the accessed bit in the top-level entries of PAE tables, which have none (APM 2, 5.2.3), and Xen 4.17 walks
// no tables with a reserved bit set: an instruction that it has to fetch would be tried for ever. So the bits are
// cleared between the last walk and each such instruction. Everybody else does not mind.
#if defined(TINY_PAGING) && TINY_PAGING == 3
#define BEFORE_AN_EXIT                                                                                                 \
    "andl $~0x20, page_directory_pointers; andl $~0x20, page_directory_pointers + 8;"                                  \
    "andl $~0x20, page_directory_pointers + 16; andl $~0x20, page_directory_pointers + 24;"
#else
#define BEFORE_AN_EXIT ""
#endif
asm(".text\n"
    ".balign 64\n" // within one page
    ".globl conformance_hypercall\n"
    "conformance_hypercall: " BEFORE_AN_EXIT "vmmcall\n"
    "ret");

extern "C" {
extern const char conformance_hypercall[];
std::int32_t real_mode_result;
std::int32_t protected16_result;
}

namespace bulkhead::conformance {
namespace {

constexpr std::size_t word_bits = 8 * sizeof(xen_ulong_t);

alignas(page_bytes) unsigned char shared_info_page[page_bytes];
alignas(page_bytes) unsigned char hypercall_page[page_bytes];
vcpu_info* registered_info;
domid_t own_number;

constexpr Word no_ram_address = 0x8000'0000;
[[maybe_unused]] constexpr Word present = 1;
[[maybe_unused]] constexpr Word writable = 2;
[[maybe_unused]] constexpr Word large = 0x80;

[[maybe_unused]] void flush_translations() {
    Word cr3;
    asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

#if defined(__x86_64__)
constexpr Width image_width = wide;
constexpr Word unmapped_address = 0x4000'0000'0000;
constexpr Word not_canonical_address = 0x8000'0000'0000;
constexpr Word large_page = 2u << 20;
alignas(page_bytes) std::uint64_t window_l3[512];
alignas(page_bytes) std::uint64_t window_l2[512];

/// A second, read-only view of the scratch pages.
Word read_only_view(Word physical) {
    page_table_l4[2] = address_of(window_l3) | present | writable;
    window_l3[0] = address_of(window_l2) | present | writable;
    window_l2[0] = (physical & ~(large_page - 1)) | present | large;
    flush_translations();
    return (Word{2} << 39) + (physical & (large_page - 1));
}
void prepare_tables() {
    Word cr0;
    asm volatile("movq %%cr0, %0" : "=r"(cr0));
    asm volatile("movq %0, %%cr0"
                 :
                 : "r"(cr0 | (1u << 16))
                 : "memory"); // WP: read-only is read-only for the kernel too
}
#else
constexpr Word unmapped_address = 0xe000'0000;
constexpr Word not_canonical_address = 0; // no row asks for it
#if TINY_PAGING != 0
constexpr Width image_width = TINY_PAGING == 2 ? two_level : pae;
constexpr Word large_page = TINY_PAGING == 2 ? 4u << 20 : 2u << 20;
constexpr Word view_address = 0xc000'0000;

Word read_only_view(Word physical) {
    page_directory[view_address / large_page] = (physical & ~(large_page - 1)) | present | large;
    flush_translations();
    return view_address + (physical & (large_page - 1));
}
void prepare_tables() {
    page_directory[unmapped_address / large_page] = 0;
    flush_translations();
}
#else
#ifdef CONFORMANCE_REAL
constexpr Width image_width = real_started;
void prepare_tables() {
    visit_real_mode();
}
#else
constexpr Width image_width = flat;
void prepare_tables() {}
#endif

Word read_only_view(Word) {
    return 0; // no row asks for it
}
#endif
#endif

/// As Linux does it: CPUID says which MSR takes the page (public/arch-x86/cpuid.h), and a write to it tells Xen this
/// domain's width.
void set_up_hypercall_page() {
    guest::CpuidResult leaf;
    asm volatile(BEFORE_AN_EXIT "cpuid"
                 : "=a"(leaf.eax), "=b"(leaf.ebx), "=c"(leaf.ecx), "=d"(leaf.edx)
                 : "a"(XEN_CPUID_LEAF(2)), "c"(0)
                 : "memory");
    asm volatile(BEFORE_AN_EXIT "wrmsr" : : "c"(leaf.ebx), "a"(address_of(hypercall_page)), "d"(0) : "memory");
}

void map_shared_info() {
    xen_add_to_physmap argument{};
    argument.domid = DOMID_SELF;
    argument.space = XENMAPSPACE_shared_info;
    argument.gpfn = frame_of(shared_info_page);
    const auto result = operate(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, argument);
    if (result != 0) {
        guest::debug_port_write(guest::Line{} << "shared_info cannot be mapped: -" << guest::number(-result) << '\n');
    }
}

} // namespace

alignas(page_bytes) unsigned char scratch[scratch_pages][page_bytes];
alignas(page_bytes) unsigned char ballast[page_bytes];
const Width own_width = image_width;
std::int32_t answer_in_real_mode() {
    return real_mode_result;
}
std::int32_t answer_in_protected16() {
    return protected16_result;
}

std::int64_t issue(Word number, Word a, Word b, Word c, Word d, Word e) {
    return guest::hypercall_at(conformance_hypercall, number, a, b, c, d, e);
}

std::int64_t issue_by_page(Word number, Word a, Word b) {
    constexpr Word entry_bytes = 32;
    const volatile unsigned char* entry = hypercall_page + number * entry_bytes;
    (void)*entry; // its translation is at hand afterwards
#ifdef __x86_64__
    Word result;
    asm volatile("call *%[entry]"
                 : "=a"(result), "+D"(a), "+S"(b)
                 : [entry] "r"(entry)
                 : "memory", "rcx", "rdx", "r8", "r9", "r10", "r11");
    return static_cast<std::int64_t>(result);
#else
    Word result;
    asm volatile(BEFORE_AN_EXIT "call *%[entry]"
                 : "=a"(result), "+b"(a), "+c"(b)
                 : [entry] "D"(entry)
                 : "memory", "edx", "esi");
    return static_cast<std::int32_t>(result);
#endif
}

Word place(Place kind, std::size_t size) {
    const Word first = reinterpret_cast<Word>(scratch[1]);
    switch (kind) {
    case Place::aligned:
        return first;
    case Place::unaligned:
        return first + 1;
    case Place::across_pages:
        return first + page_bytes - size / 2;
    case Place::read_only:
        return read_only_view(first);
    case Place::unmapped:
        return unmapped_address;
    case Place::no_ram:
        return no_ram_address;
    case Place::past_ram:
        return static_cast<Word>(guest::ram_end()) - size / 2;
    case Place::wrapping:
        return ~Word{0} - size / 2 + 1;
    case Place::not_canonical:
        return not_canonical_address;
    case Place::count:
        break;
    }
    return 0;
}

Word frame_without_ram() {
    return no_ram_address / page_bytes;
}

shared_info& shared() {
    return *reinterpret_cast<shared_info*>(shared_info_page);
}
vcpu_info& own_vcpu_info() {
    return registered_info != nullptr ? *registered_info : shared().vcpu_info[0];
}
void move_vcpu_info(vcpu_info* to) {
    registered_info = to;
}

std::uint64_t system_time() {
    const auto& time = own_vcpu_info().time;
    for (;;) {
        const auto version = __atomic_load_n(&time.version, __ATOMIC_ACQUIRE);
        auto delta = guest::rdtsc() - time.tsc_timestamp;
        delta = time.tsc_shift >= 0 ? delta << time.tsc_shift : delta >> -time.tsc_shift;
        const auto mul = std::uint64_t{time.tsc_to_system_mul};
        const auto now = time.system_time + (delta >> 32) * mul + (((delta & 0xffff'ffff) * mul) >> 32);
        if ((version & 1) == 0 && version == __atomic_load_n(&time.version, __ATOMIC_ACQUIRE)) {
            return now;
        }
    }
}

bool pending(std::uint32_t port) {
    return ((__atomic_load_n(&shared().evtchn_pending[port / word_bits], __ATOMIC_SEQ_CST) >> (port % word_bits)) &
            1) != 0;
}
void clear_pending(std::uint32_t port) {
    const auto bit = static_cast<xen_ulong_t>(xen_ulong_t{1} << (port % word_bits));
    __atomic_fetch_and(&shared().evtchn_pending[port / word_bits], static_cast<xen_ulong_t>(~bit), __ATOMIC_SEQ_CST);
    own_vcpu_info().evtchn_pending_sel = 0; // otherwise the next event raises no upcall
    own_vcpu_info().evtchn_upcall_pending = 0;
}

domid_t own_domain() {
    return own_number;
}

void set_up_machine() {
    prepare_tables();
    set_up_hypercall_page();
    map_shared_info();
    // A port that waits for this very domain says which that is.
    evtchn_alloc_unbound unbound{};
    unbound.dom = DOMID_SELF;
    unbound.remote_dom = DOMID_SELF;
    if (operate(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, unbound) == 0) {
        evtchn_status status{};
        status.dom = DOMID_SELF;
        status.port = unbound.port;
        (void)operate(__HYPERVISOR_event_channel_op, EVTCHNOP_status, status);
        own_number = status.u.unbound.dom;
        evtchn_close close{unbound.port};
        (void)operate(__HYPERVISOR_event_channel_op, EVTCHNOP_close, close);
    }
}

} // namespace bulkhead::conformance
