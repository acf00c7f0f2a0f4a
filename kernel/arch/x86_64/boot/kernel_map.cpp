// SPDX-License-Identifier: Apache-2.0
// See kernel_map.hpp. Runs on the boot page tables, which show the first 4 GiB at the direct map's address.
#include <arch/x86_64/boot/kernel_map.hpp>

#include <arch/x86_64/cpu.hpp>
#include <arch/x86_64/registers.hpp>
#include <arch/x86_64/trap.hpp>
#include <base/panic.hpp>

#include <algorithm>
#include <cstring>

extern "C" {
extern const std::uint8_t image_start[], image_text_end[], image_rodata_end[], image_end[];
/// For boot/trampoline.S as well.
std::uint64_t kernel_root_address = 0;
}

namespace bulkhead::kernel::arch {

namespace {

constexpr std::uint64_t pte_present = 1u << 0, pte_write = 1u << 1, pte_write_through = 1u << 3, pte_no_cache = 1u << 4,
                        pte_large = 1u << 7, pte_global = 1u << 8, pte_no_execute = std::uint64_t{1} << 63;
constexpr std::uint64_t pte_frame = 0x000f'ffff'ffff'f000;
constexpr std::uint32_t extended_huge_pages = 1u << 26; // CPUID 8000_0001 edx

constexpr std::uint64_t stacks_base = 0xffff'ff00'0000'0000;
constexpr std::uint64_t devices_base = 0xffff'ff40'0000'0000;
constexpr std::uint64_t stack_slot = 32 * 1024; // what is not mapped of a slot is the guard
constexpr std::uint64_t kernel_stack_bytes = 16 * 1024;
constexpr std::uint64_t interrupt_stack_bytes = 8 * 1024;
constexpr std::uint32_t max_devices = 16;
constexpr unsigned interrupt_stacks = 3;
constexpr unsigned first_kernel_entry = 256;

std::uint64_t image_physical(const std::uint8_t* symbol) {
    return to_physical(symbol).value;
}

} // namespace

HostPhys kernel_root() {
    return HostPhys{kernel_root_address};
}

void init_root(HostPhys root) {
    const auto* from = static_cast<const std::uint64_t*>(to_virtual(kernel_root())) + first_kernel_entry;
    std::copy_n(from, 512 - first_kernel_entry, static_cast<std::uint64_t*>(to_virtual(root)) + first_kernel_entry);
}

KernelMap::KernelMap(const BootMemory& ram, BootMemory& free)
    : free_{free}, root_{}, huge_pages_{(cpuid(0x8000'0001).edx & extended_huge_pages) != 0} {
    root_ = allocate(page_size);
    kernel_root_address = root_.value;

    const std::uint64_t start = image_physical(image_start);
    const std::uint64_t text_end = image_physical(image_text_end);
    const std::uint64_t constants_end = image_physical(image_rodata_end);
    const std::uint64_t end = image_physical(image_end);
    map(KERNEL_BASE + start, HostPhys{start}, text_end - start, Kind::text);
    map(KERNEL_BASE + text_end, HostPhys{text_end}, constants_end - text_end, Kind::constant);
    map(KERNEL_BASE + constants_end, HostPhys{constants_end}, end - constants_end, Kind::data);

    for (const PhysRange& range : ram.ranges()) {
        // Three pieces: before the image's read-only part, that part, behind it.
        const std::uint64_t cut1 = std::clamp(start, range.base.value, range.end());
        const std::uint64_t cut2 = std::clamp(constants_end, range.base.value, range.end());
        map(DIRECT_MAP_BASE + range.base.value, range.base, cut1 - range.base.value, Kind::data);
        map(DIRECT_MAP_BASE + cut1, HostPhys{cut1}, cut2 - cut1, Kind::constant);
        map(DIRECT_MAP_BASE + cut2, HostPhys{cut2}, range.end() - cut2, Kind::data);
    }
}

void KernelMap::load() const {
    write_cr3(root_.value);
    local().root = root_;
}

HostPhys KernelMap::allocate(std::uint64_t bytes) {
    const HostPhys pages = free_.allocate(bytes);
    invariant(pages != HostPhys{0}, "boot has memory for what it needs");
    std::memset(to_virtual(pages), 0, (bytes + page_size - 1) / page_size * page_size);
    return pages;
}

std::uint64_t* KernelMap::table_below(std::uint64_t& entry) {
    if (entry == 0) {
        entry = allocate(page_size).value | pte_present | pte_write;
    }
    return static_cast<std::uint64_t*>(to_virtual(HostPhys{entry & pte_frame}));
}

void KernelMap::map(std::uint64_t address, HostPhys frame, std::uint64_t bytes, Kind kind) {
    const std::uint64_t flags =
        pte_present | pte_global | (kind == Kind::data || kind == Kind::device ? pte_write : 0) |
        (kind == Kind::text ? 0 : pte_no_execute) | (kind == Kind::device ? pte_no_cache | pte_write_through : 0);
    const unsigned top_level = huge_pages_ ? 2 : 1; // a leaf of level 2 is 1 GiB, 1 is 2 MiB, 0 is 4 KiB
    std::uint64_t done = 0;
    while (done < bytes) {
        unsigned level = top_level;
        auto size = [&] { return page_size << (9 * level); };
        while (level > 0 && (((address + done) | (frame.value + done)) % size() != 0 || bytes - done < size())) {
            --level;
        }
        auto* table = static_cast<std::uint64_t*>(to_virtual(root_));
        for (unsigned i = 3; i > level; --i) {
            table = table_below(table[(address + done) >> (12 + 9 * i) & 511]);
        }
        table[(address + done) >> (12 + 9 * level) & 511] = (frame.value + done) | flags | (level > 0 ? pte_large : 0);
        done += size();
    }
}

void* KernelMap::map_device(std::uint64_t address) {
    if (devices_ == max_devices || address >= BootMemory::limit) {
        return nullptr;
    }
    const std::uint64_t at = devices_base + devices_++ * page_size;
    map(at, HostPhys{address & ~(page_size - 1)}, page_size, Kind::device);
    return reinterpret_cast<void*>(at + (address & (page_size - 1)));
}

HostPhys KernelMap::make_stack(std::uint64_t top, std::uint64_t bytes) {
    const HostPhys frames = allocate(bytes);
    map(top - bytes, frames, bytes, Kind::data);
    return frames;
}

void KernelMap::make_stacks(CpuLocal& block, CpuId id) {
    std::uint64_t top = stacks_base + id.value * (1 + interrupt_stacks) * stack_slot + stack_slot;
    (void)make_stack(top, kernel_stack_bytes);
    block.stack_top = top;
    for (unsigned i = 0; i < interrupt_stacks; ++i) {
        top += stack_slot;
        const HostPhys frames = make_stack(top, interrupt_stack_bytes);
        const std::uint64_t words = frames.value + interrupt_stack_bytes - sizeof(IstStackTop);
        static_cast<IstStackTop*>(to_virtual(HostPhys{words}))->local = &block;
        block.task_state.ist[i] = top - sizeof(IstStackTop);
    }
}

bool on_kernel_stack(std::uint64_t address) {
    const std::uint64_t slot = (address - stacks_base) / stack_slot;
    const std::uint64_t mapped = slot % (1 + interrupt_stacks) == 0 ? kernel_stack_bytes : interrupt_stack_bytes;
    return address >= stacks_base && slot < online_cpus() * (1 + interrupt_stacks) &&
           address % sizeof(std::uint64_t) == 0 && address % stack_slot >= stack_slot - mapped;
}

} // namespace bulkhead::kernel::arch
