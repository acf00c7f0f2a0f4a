// SPDX-License-Identifier: Apache-2.0
// Boot images for tests of root: small programs and a manifest, as the packer would lay them out.
#pragma once

#include <cstring>
#include <elf.h>
#include <string_view>
#include <vector>

#include <bulkhead/boot_image.hpp>
#include <bulkhead/message.hpp>

#include <manifest.pb.h>

namespace bulkhead::root::test {

using Bytes = std::vector<std::uint8_t>;

struct ProgramSegment {
    std::uint32_t flags;
    std::uint64_t address, file_bytes, memory_bytes;
};

/// A program with these segments; each file page is filled with the segment's number + 1.
inline Bytes make_program(const std::vector<ProgramSegment>& segments = {{PF_R, 0x400000, 0x20, 0x20},
                                                                         {PF_R | PF_X, 0x401000, 0x1800, 0x1800},
                                                                         {PF_R | PF_W, 0x403000, 0x10, 0x2010}},
                          std::uint16_t machine = EM_X86_64) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_entry = 0x401010;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<std::uint16_t>(segments.size());
    Bytes file(page_size);
    std::memcpy(file.data(), &header, sizeof header);
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const ProgramSegment& s = segments[i];
        Elf64_Phdr segment{};
        segment.p_type = PT_LOAD;
        segment.p_flags = s.flags;
        segment.p_offset = file.size();
        segment.p_vaddr = segment.p_paddr = s.address;
        segment.p_filesz = s.file_bytes;
        segment.p_memsz = s.memory_bytes;
        segment.p_align = page_size;
        std::memcpy(file.data() + sizeof header + i * sizeof segment, &segment, sizeof segment);
        file.resize(file.size() + s.file_bytes, static_cast<std::uint8_t>(i + 1));
        file.resize((file.size() + page_size - 1) & ~(page_size - 1));
    }
    return file;
}

/// Collects blobs; `finish` puts header and manifest before them.
class ImageMaker {
public:
    bulkhead_BootManifest manifest{};

    bulkhead_Blob add(const Bytes& content) {
        const bulkhead_Blob blob{blobs_at + blobs_.size(), content.size()};
        blobs_.insert(blobs_.end(), content.begin(), content.end());
        blobs_.resize((blobs_.size() + page_size - 1) & ~(page_size - 1));
        return blob;
    }
    void add_component(std::string_view name, const Bytes& program, std::uint64_t memory = 0) {
        bulkhead_Component& component = manifest.components[manifest.components_count++];
        component = {};
        name.copy(component.name, sizeof component.name - 1);
        component.has_elf = true;
        component.elf = add(program);
        component.priority = 40;
        component.memory_bytes = memory;
    }
    Bytes finish() {
        Bytes image(blobs_at);
        const auto length = encode(manifest, std::span{image}.subspan(page_size));
        BootImageHeader header{boot_image_magic, boot_image_version, *length, page_size, blobs_at + blobs_.size()};
        std::memcpy(image.data(), &header, sizeof header);
        image.insert(image.end(), blobs_.begin(), blobs_.end());
        return image;
    }

private:
    static constexpr std::uint64_t blobs_at = 32 * page_size;
    Bytes blobs_;
};

/// All components and two domains, nothing wrong.
inline ImageMaker good_image() {
    ImageMaker maker;
    for (const std::string_view name : {"memory", "grant", "event", "console", "domain"}) {
        maker.add_component(name, make_program(), name == "grant" ? page_size : 0);
    }
    maker.manifest.has_monitor = true;
    maker.manifest.monitor = maker.add(make_program());
    maker.manifest.domains_count = 2;
    maker.manifest.domains[0].priority = 10;
    maker.manifest.domains[1].priority = 16;
    maker.manifest.exit_when_done = true;
    maker.manifest.wall_clock_ns = 1'000'000'000;
    return maker;
}

} // namespace bulkhead::root::test
