// SPDX-License-Identifier: Apache-2.0
// The writer of a domain's first memory contents; see the header.
#include "guest_loader.hpp"

#include <string.h>

#include <bulkhead/xen.hpp>

#include "acpi.hpp"

namespace bulkhead::domain {
namespace {

static_assert(sizeof(hvm_start_info) == 56 && sizeof(hvm_modlist_entry) == 32 && sizeof(hvm_memmap_table_entry) == 24);

class Writer {
public:
    explicit Writer(std::span<std::uint8_t> ram) : ram_{ram} {}

    void copy(std::uint64_t at, const void* source, std::size_t bytes) {
        if (bytes != 0) {
            memcpy(ram_.data() + at, source, bytes);
        }
    }
    template <typename T> void put(std::uint64_t at, const T& value) { copy(at, &value, sizeof(T)); }

private:
    std::span<std::uint8_t> ram_;
};

constexpr bool fits(std::uint64_t begin, std::uint64_t end, std::uint64_t limit) {
    return begin <= end && end <= limit;
}

bool consistent(std::span<std::uint8_t> ram, const PvhImage& image, const MemoryPlan& plan,
                const GuestContents& contents) {
    for (const LoadSegment& segment : image.segments()) {
        if (segment.file_offset > contents.kernel.size() ||
            segment.file_size > contents.kernel.size() - segment.file_offset ||
            segment.file_size > segment.memory_size || !fits(segment.address.value, segment.end(), ram.size())) {
            return false;
        }
    }
    return plan.low_bytes == ram.size() && fits(plan.ramdisk.begin, plan.ramdisk.end, ram.size()) &&
           fits(plan.start.range.begin, plan.start.range.end, ram.size()) &&
           plan.start.command_line.value + contents.command_line.size() < plan.start.range.end &&
           guest_layout::acpi.end <= ram.size();
}

hvm_start_info make_start_info(const MemoryPlan& plan) {
    hvm_start_info info{};
    info.magic = XEN_HVM_START_MAGIC_VALUE;
    info.version = 1;
    info.flags = 0; // neither SIF_PRIVILEGED nor SIF_INITDOMAIN
    info.nr_modules = plan.ramdisk.size() != 0 ? 1 : 0;
    info.modlist_paddr = info.nr_modules != 0 ? plan.start.modules.value : 0;
    info.cmdline_paddr = plan.start.command_line.value;
    info.rsdp_paddr = guest_layout::acpi.begin;
    info.memmap_paddr = plan.start.memory_map.value;
    info.memmap_entries = plan.map.count;
    return info;
}

void write_start_block(Writer& writer, const MemoryPlan& plan, const GuestContents& contents) {
    writer.put(plan.start.start_info.value, make_start_info(plan));
    std::uint64_t at = plan.start.memory_map.value;
    for (const MemoryMapEntry& entry : plan.map.entries()) {
        writer.put(at, hvm_memmap_table_entry{entry.range.begin, entry.range.size(),
                                              static_cast<std::uint32_t>(entry.type), 0});
        at += sizeof(hvm_memmap_table_entry);
    }
    if (plan.ramdisk.size() != 0) {
        writer.put(plan.start.modules.value, hvm_modlist_entry{plan.ramdisk.begin, plan.ramdisk.size(), 0, 0});
    }
    writer.copy(plan.start.command_line.value, contents.command_line.data(), contents.command_line.size());
    writer.put(plan.start.command_line.value + contents.command_line.size(), '\0');
}

} // namespace

bool load_guest(std::span<std::uint8_t> ram, const PvhImage& image, const MemoryPlan& plan,
                const GuestContents& contents) {
    if (!consistent(ram, image, plan, contents)) {
        return false;
    }
    Writer writer{ram};
    for (const LoadSegment& segment : image.segments()) {
        writer.copy(segment.address.value, contents.kernel.data() + segment.file_offset, segment.file_size);
        // Retyped memory is zero, but segments may overlap: the later one's tail counts.
        memset(ram.data() + segment.address.value + segment.file_size, 0, segment.memory_size - segment.file_size);
    }
    writer.put(guest_layout::acpi.begin, acpi::make_tables(GuestPhys{guest_layout::acpi.begin}, contents.vcpus));
    write_start_block(writer, plan, contents);
    return true;
}

} // namespace bulkhead::domain
