// SPDX-License-Identifier: Apache-2.0
// From the boot loader to the kernel proper: checks the machine, finds its memory and processors, builds the kernel's
// half of the address space, and leaves with BootFacts. Everything here runs once, on CPU 0, with interrupts off.
#include <arch/x86_64/boot/cpus.hpp>
#include <arch/x86_64/boot/multiboot.hpp>

#include <arch/x86_64/apic.hpp>
#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>
#include <sched/cpu.hpp>

#include <cstring>

extern "C" {
extern const std::uint8_t image_start[], image_end[];
/// In start.S: continues on another stack.
[[noreturn]] void boot_continue(void (*function)(bulkhead::kernel::arch::KernelMap&), std::uint64_t stack_top,
                                bulkhead::kernel::arch::KernelMap& argument);
[[noreturn]] void boot_main(std::uint32_t magic, std::uint32_t information);
/// What GS points to until CPU 0 has its block.
constinit bulkhead::kernel::arch::CpuLocal boot_local{};
}

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint64_t boot_window = std::uint64_t{4} << 30; // what the boot page tables show
constexpr std::uint64_t low_memory_end = 1u << 20;

// Too large for a stack.
constinit BootFacts facts{};
constinit LoaderFacts loader{};
constinit AcpiFacts acpi{};
constinit BootMemory ram{};

[[noreturn]] void refuse(const char* what, const char* detail = "") {
    print("bulkhead: ");
    print(what);
    print(detail);
    print(": halted\n");
    end_machine(FATAL_EXIT_VALUE);
}

/// Takes modules out of free memory; the kernel proper makes Regions of them.
void take_modules() {
    for (std::uint32_t i = 0; i < facts.module_count; ++i) {
        const PhysRange range{facts.modules[i].base, facts.modules[i].bytes};
        if (range.base.value % page_size != 0 || !ram.contains(range)) {
            refuse("a boot module is not page-aligned or not in RAM");
        }
        facts.memory.remove(range);
    }
}

/// GRUB on UEFI likes the lowest addresses, even 0. Low memory is for the trampoline only: such modules move up.
void move_low_modules() {
    for (std::uint32_t i = 0; i < facts.module_count; ++i) {
        BootModule& module = facts.modules[i];
        if (module.base.value < low_memory_end) {
            const HostPhys place = facts.memory.allocate(module.bytes);
            if (place == HostPhys{0}) {
                refuse("no memory for a boot module");
            }
            std::memcpy(to_virtual(place), to_virtual(module.base), module.bytes);
            module.base = place;
        }
    }
}

/// A page for the trampoline: the highest usable one in low memory, far from what firmware keeps at the bottom.
HostPhys find_low_page() {
    for (std::uint64_t page = 0x9f000; page >= 0x1000; page -= page_size) {
        if (ram.contains({HostPhys{page}, page_size})) {
            return HostPhys{page};
        }
    }
    return HostPhys{0};
}

/// Firmware's memory map: `ram` gets all that is usable, facts.memory what of it is free.
void take_memory() {
    for (std::uint32_t i = 0; i < loader.memory_count; ++i) {
        if (loader.memory[i].usable) {
            ram.add(loader.memory[i].range);
        }
    }
    for (std::uint32_t i = 0; i < loader.memory_count; ++i) {
        if (!loader.memory[i].usable) {
            ram.remove(loader.memory[i].range);
        }
    }
    const std::uint64_t start = to_physical(image_start).value;
    const PhysRange image{HostPhys{start}, to_physical(image_end).value - start};
    facts.ram_bytes = ram.total();
    facts.memory = ram;
    facts.memory.remove(image);
    take_modules();
    facts.memory.remove({HostPhys{0}, low_memory_end});
    move_low_modules();
}

void take_interrupt_controllers(KernelMap& map) {
    silence_pics();
    if (const std::uint64_t registers = local_apic_address()) {
        set_local_apic(map.map_device(registers));
    }
    init_local_apic();
    void* io_apics[AcpiFacts::max_io_apics];
    for (std::uint32_t i = 0; i < acpi.io_apic_count; ++i) {
        io_apics[i] = map.map_device(acpi.io_apics[i].address);
    }
    init_io_apics(acpi, io_apics);
}

/// On CPU 0's own stack, with its own block.
[[noreturn]] void finish(KernelMap& map) {
    local().root = kernel_root();
    use_interrupt_stacks();
    take_interrupt_controllers(map);
    if (!calibrate()) {
        refuse("the PIT or the local APIC timer does not count");
    }
    local().apic_id = local_apic_id();
    svm_enable_cpu(local());
    facts.tsc_khz = tsc_khz();
    if (const HostPhys page = find_low_page(); page != HostPhys{0}) {
        start_other_cpus(acpi, map, page, facts);
    }
    if (acpi.cpus_left_out != 0) {
        print("bulkhead: warning: more CPUs than the kernel can use\n");
    }
    print("bulkhead: " BULKHEAD_VERSION "\n");
    kernel_start(facts);
}

/// Reads what the loader left, before any memory is touched that the loader's data may lie in.
void take_loader_facts(std::uint32_t magic, std::uint32_t information) {
    const PhysicalWindow window{static_cast<const std::uint8_t*>(to_virtual(HostPhys{0})), boot_window};
    if (const char* error = parse_multiboot(window, magic, information, loader, facts)) {
        refuse(error);
    }
    std::uint64_t port = 0;
    if (find_number(facts.command_line, "exit", 0xffff, port)) {
        facts.exit_port = static_cast<std::uint32_t>(port);
        set_exit_port(static_cast<std::uint16_t>(port));
    }
    if (const char* missing = missing_feature()) {
        refuse("this CPU has ", missing);
    }
    if (!parse_acpi(window, loader.acpi_root, acpi)) {
        print("bulkhead: warning: no ACPI MADT: one CPU, no device interrupts\n");
    }
}

[[noreturn]] void boot(std::uint32_t magic, std::uint32_t information) {
    build_idt();
    load_idt();
    take_loader_facts(magic, information);
    take_memory();
    write_msr(Msr::efer, read_msr(Msr::efer) | efer::nxe);
    KernelMap map{ram, facts.memory}; // stays where it is: the boot stack belongs to nobody else
    map.load();
    Cpu& cpu = make_cpu(map, facts.memory, CpuId{0});
    facts.cpus[0] = &cpu;
    facts.cpu_count = 1;
    init_local(cpu.local, CpuId{0}, 0);
    add_cpu(cpu.local);
    init_cpu(cpu.local);
    boot_continue(finish, cpu.local.stack_top, map);
}

} // namespace

} // namespace bulkhead::kernel::arch

// Sets the canary that every other function's frame holds, so it has none itself.
[[gnu::no_stack_protector]] void boot_main(std::uint32_t magic, std::uint32_t information) {
    using namespace bulkhead::kernel::arch;
    boot_local.self = &boot_local;
    boot_local.canary = random_canary();
    boot(magic, information);
}
