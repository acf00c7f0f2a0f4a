// SPDX-License-Identifier: Apache-2.0
#include "image/guest_kernel.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/size.hpp"
#include "image/bzimage.hpp"
#include "memory_plan.hpp" // services/domain
#include "pvh_image.hpp"   // services/domain

namespace bulkhead::tools {

namespace {

namespace layout = domain::guest_layout;
using domain::ImageError;
using domain::PlanError;

std::span<const std::uint8_t> as_octets(ByteView bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

bool in_ram(std::uint64_t start, std::uint64_t end, std::uint64_t memory_bytes) {
    const std::uint64_t ram_end = std::min(memory_bytes, layout::low_limit);
    return end <= ram_end && (end <= layout::hole.begin || start >= layout::hole.end);
}

std::uint64_t end_of(const std::vector<ElfSegment>& segments) {
    std::uint64_t end = 0;
    for (const ElfSegment& s : segments) {
        end = std::max(end, s.physical_end());
    }
    return end;
}

void check_overlaps(std::vector<ElfSegment> segments, std::vector<std::string>& wrong) {
    std::sort(segments.begin(), segments.end(),
              [](const ElfSegment& a, const ElfSegment& b) { return a.physical_address < b.physical_address; });
    for (std::size_t i = 1; i < segments.size(); ++i) {
        const ElfSegment& before = segments[i - 1];
        const ElfSegment& after = segments[i];
        if (after.physical_address < before.physical_end()) {
            wrong.push_back(fmt::format("its segments {:#x} to {:#x} and {:#x} to {:#x} overlap in memory",
                                        before.physical_address, before.physical_end(), after.physical_address,
                                        after.physical_end()));
        }
    }
}

} // namespace

Outcome<GuestKernel> read_guest_kernel(ByteView file) {
    Bytes unpacked;
    ByteView elf = file;
    if (is_bzimage(file)) {
        auto payload = unpack_bzimage(file);
        if (!payload) {
            return Failure{payload.message()};
        }
        unpacked = std::move(*payload);
        elf = unpacked;
        if (!is_elf(elf)) {
            return Failure{"it is a bzImage whose payload is no ELF file"};
        }
    } else if (!is_elf(file)) {
        return Failure{"it is neither a bzImage nor an ELF file"};
    }
    const auto image = read_elf(elf);
    if (!image) {
        return Failure{image.message()};
    }
    const auto entry = find_pvh_entry(*image);
    if (!entry) {
        return Failure{entry.message()};
    }
    const bool inside = std::any_of(image->segments.begin(), image->segments.end(), [&](const ElfSegment& s) {
        return *entry >= s.physical_address && *entry < s.physical_end();
    });
    if (!inside) {
        return Failure{fmt::format("its PVH entry {:#x} lies in none of its segments", *entry)};
    }
    return GuestKernel{write_elf(*image, elf), image->segments, *entry};
}

std::vector<std::string> check_fit(const GuestKernel& kernel, const GuestNeeds& needs) {
    std::vector<std::string> wrong;
    check_overlaps(kernel.segments, wrong);
    for (const ElfSegment& s : kernel.segments) {
        if (!in_ram(s.physical_address, s.physical_end(), needs.memory_bytes)) {
            wrong.push_back(fmt::format(
                "its segment {:#x} to {:#x} lies outside the guest's memory (0 to {:#x} and {:#x} to {:#x}, {})",
                s.physical_address, s.physical_end(), layout::hole.begin, layout::hole.end,
                std::min(needs.memory_bytes, layout::low_limit), format_size(needs.memory_bytes)));
        }
    }
    if (!wrong.empty()) {
        return wrong;
    }
    // The domain builder has the last word: its own code, run here.
    domain::PvhImage image;
    const ImageError parsed = parse_pvh_image(as_octets(kernel.elf), image);
    if (parsed != ImageError::none) {
        wrong.push_back(fmt::format("the domain builder refuses it: {}", to_string(parsed)));
        return wrong;
    }
    domain::MemoryPlan plan;
    const PlanError planned =
        plan_memory({needs.memory_bytes, needs.ramdisk_bytes, needs.command_line_bytes}, image, plan);
    if (planned != PlanError::none) {
        wrong.push_back(fmt::format("{} (the guest has {}, its kernel ends at {:#x}, its ramdisk is {} bytes long)",
                                    to_string(planned), format_size(needs.memory_bytes), end_of(kernel.segments),
                                    needs.ramdisk_bytes));
    }
    return wrong;
}

} // namespace bulkhead::tools
