// SPDX-License-Identifier: Apache-2.0
// See cpu.hpp.
#include <arch/x86_64/cpu.hpp>

#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>

#include <base/panic.hpp>

extern "C" void syscall_entry();

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint64_t kernel_code = 0x00af'9b00'0000'ffff; // APM 2, 4.8: long mode, ring 0
constexpr std::uint64_t kernel_data = 0x00cf'9300'0000'ffff;
constexpr std::uint64_t user_data = 0x00cf'f300'0000'ffff;
constexpr std::uint64_t user_code = 0x00af'fb00'0000'ffff;
constexpr std::uint64_t available_task_state = 0x0000'8900'0000'0000;

/// SYSCALL clears every flag but the one that is always set.
constexpr std::uint64_t all_flags = 0x003f'7fd5;
/// SYSCALL: CS = 0x08, SS = 0x10; SYSRET: CS = 0x10 + 16, SS = 0x10 + 8, both with RPL 3.
constexpr std::uint64_t star =
    (std::uint64_t{SELECTOR_KERNEL_CODE} << 32) | (std::uint64_t{SELECTOR_KERNEL_DATA | 3} << 48);
static_assert(SELECTOR_USER_CODE == (SELECTOR_KERNEL_DATA | 3) + 16 &&
              SELECTOR_USER_DATA == (SELECTOR_KERNEL_DATA | 3) + 8);

constexpr std::uint32_t leaf7_smep = 1u << 7, leaf7_smap = 1u << 20;     // ebx
constexpr std::uint32_t leaf7_umip = 1u << 2;                            // ecx
constexpr std::uint32_t leaf1_xsave = 1u << 26, leaf1_rdrand = 1u << 30; // ecx
constexpr std::uint32_t extended_svm = 1u << 2;                          // 8000_0001 ecx
constexpr std::uint32_t extended_nx = 1u << 20;                          // 8000_0001 edx
constexpr std::uint32_t svm_nested_paging = 1u << 0;                     // 8000_000A edx
constexpr std::uint64_t vm_cr_svm_disabled = 1u << 4;

CpuLocal* locals[max_cpus];
std::uint32_t local_count = 0;

struct [[gnu::packed]] TablePointer {
    std::uint16_t limit;
    std::uint64_t base;
};

void load_segments(CpuLocal& block) {
    const TablePointer gdt{sizeof(block.gdt) - 1, reinterpret_cast<std::uint64_t>(block.gdt)};
    asm volatile("lgdt %0\n\t"
                 "pushq %1\n\t"
                 "lea 1f(%%rip), %%rax\n\t"
                 "push %%rax\n\t"
                 "lretq\n"
                 "1: mov %2, %%ss\n\t"
                 "ltr %w3\n\t"
                 "lldt %w4" // none: RESET leaves one at address 0
                 :
                 : "m"(gdt), "i"(SELECTOR_KERNEL_CODE), "r"(SELECTOR_KERNEL_DATA), "r"(SELECTOR_TSS), "r"(0)
                 : "rax", "memory");
}

/// CR4 outside guests, on every CPU.
std::uint64_t host_cr4() {
    const CpuidResult features = cpuid(7);
    return cr4::pae | cr4::mce | cr4::pge | ((features.ebx & leaf7_smep) != 0 ? cr4::smep : 0) |
           ((features.ebx & leaf7_smap) != 0 ? cr4::smap : 0) | ((features.ecx & leaf7_umip) != 0 ? cr4::umip : 0);
}

} // namespace

const char* missing_feature() {
    if (cpuid(0x8000'0000).eax < 0x8000'000a || (cpuid(0x8000'0001).ecx & extended_svm) == 0) {
        return "no SVM (AMD-V)";
    }
    if ((cpuid(0x8000'0001).edx & extended_nx) == 0) {
        return "no NX";
    }
    if ((cpuid(0x8000'000a).edx & svm_nested_paging) == 0) {
        return "SVM without nested paging";
    }
    if ((read_msr(Msr::vm_cr) & vm_cr_svm_disabled) != 0) {
        return "SVM switched off by the firmware (VM_CR.SVMDIS)";
    }
    if ((cpuid(1).ecx & leaf1_xsave) == 0) {
        return "no XSAVE";
    }
    return nullptr;
}

std::uint64_t random_canary() {
    std::uint64_t value = 0;
    if ((cpuid(1).ecx & leaf1_rdrand) != 0) {
        asm volatile("rdrand %0" : "=r"(value) : : "cc"); // 0 if it fails
    }
    value ^= read_tsc() * 0x9e37'79b9'7f4a'7c15; // spreads the low bits, which are the ones that vary
    value &= ~std::uint64_t{0xff};               // a string copy that runs over it ends there
    return value != 0 ? value : 0x9e37'79b9'7f4a'7c00;
}

void init_local(CpuLocal& block, CpuId id, std::uint32_t apic_id) {
    block.self = &block;
    block.id = id;
    block.apic_id = apic_id;
    block.canary = random_canary();
    block.task_state.rsp[0] = block.stack_top;
    block.task_state.io_map = sizeof(TaskState);
    const auto base = reinterpret_cast<std::uint64_t>(&block.task_state);
    const std::uint64_t base_low = ((base & 0x00ff'ffff) << 16) | ((base & 0xff00'0000) << 32);
    const std::uint64_t descriptors[] = {0,           kernel_code,
                                         kernel_data, user_data,
                                         user_code,   available_task_state | base_low | (sizeof(TaskState) - 1),
                                         base >> 32};
    static_assert(sizeof(descriptors) == sizeof(block.gdt));
    __builtin_memcpy(block.gdt, descriptors, sizeof(descriptors));
}

[[gnu::no_stack_protector]] void init_cpu(CpuLocal& block) {
    load_segments(block);
    write_msr(Msr::gs_base, reinterpret_cast<std::uint64_t>(&block));
    write_msr(Msr::kernel_gs_base, 0);
    write_msr(Msr::fs_base, 0);
    load_idt();
    write_msr(Msr::efer, read_msr(Msr::efer) | efer::sce | efer::nxe);
    write_cr0(cr0::host);
    write_cr4(host_cr4());
    write_msr(Msr::star, star);
    write_msr(Msr::lstar, reinterpret_cast<std::uint64_t>(&syscall_entry));
    write_msr(Msr::cstar, 0);
    write_msr(Msr::sfmask, all_flags);
}

std::uint32_t online_cpus() {
    return local_count;
}

CpuLocal& local_of(CpuId id) {
    invariant(id.value < local_count, "a CPU number names a CPU");
    return *locals[id.value];
}

std::uint32_t apic_id_of(CpuId id) {
    return local_of(id).apic_id;
}

void add_cpu(CpuLocal& block) {
    locals[local_count++] = &block;
}

} // namespace bulkhead::kernel::arch
