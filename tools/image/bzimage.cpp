// SPDX-License-Identifier: Apache-2.0
// Offsets below are those of the setup header in the boot protocol's documentation.
#include "image/bzimage.hpp"

#include <fmt/format.h>

#include "image/decompress.hpp"

namespace bulkhead::tools {

namespace {

constexpr std::uint64_t at_setup_sectors = 0x1f1; // u8; 0 means 4
constexpr std::uint64_t at_system_size = 0x1f4;   // u32, in 16-byte paragraphs
constexpr std::uint64_t at_boot_flag = 0x1fe;     // u16
constexpr std::uint64_t at_magic = 0x202;         // u32
constexpr std::uint64_t at_version = 0x206;       // u16
constexpr std::uint64_t at_payload_offset = 0x248;
constexpr std::uint64_t at_payload_length = 0x24c;
constexpr std::uint16_t boot_flag = 0xaa55;
constexpr std::uint32_t magic = 0x5372'6448; // "HdrS"
constexpr std::uint16_t first_version_with_payload = 0x208;
constexpr std::uint64_t largest_kernel = std::uint64_t{1} << 30;

} // namespace

bool is_bzimage(ByteView file) {
    return read<std::uint16_t>(file, at_boot_flag) == boot_flag && read<std::uint32_t>(file, at_magic) == magic;
}

Outcome<Bytes> unpack_bzimage(ByteView file) {
    const auto version = read<std::uint16_t>(file, at_version);
    if (!version || *version < first_version_with_payload) {
        return Failure{"it is a bzImage of a boot protocol before 2.08, which does not say where its payload is"};
    }
    const auto setup_sectors = read<std::uint8_t>(file, at_setup_sectors);
    const auto system_size = read<std::uint32_t>(file, at_system_size);
    const auto payload_offset = read<std::uint32_t>(file, at_payload_offset);
    const auto payload_length = read<std::uint32_t>(file, at_payload_length);
    if (!setup_sectors || !system_size || !payload_offset || !payload_length) {
        return Failure{"it is cut short within its header"};
    }
    const std::uint64_t setup_bytes = (std::uint64_t{*setup_sectors == 0 ? 4u : *setup_sectors} + 1) * 512;
    const std::uint64_t whole = setup_bytes + std::uint64_t{*system_size} * 16;
    if (file.size() < whole) {
        return Failure{
            fmt::format("it is cut short: its header speaks of {} bytes, the file has {}", whole, file.size())};
    }
    const auto payload = part(file, setup_bytes + *payload_offset, *payload_length);
    constexpr std::uint64_t size_trailer = 4;
    if (!payload || payload->size() <= size_trailer) {
        return Failure{fmt::format("its payload ({} bytes at {}) does not lie within the file ({} bytes)",
                                   *payload_length, setup_bytes + *payload_offset, file.size())};
    }
    // The build appends the unpacked size to the payload; gzip's own trailer ends in the same number.
    const std::uint64_t size = *read<std::uint32_t>(*payload, payload->size() - size_trailer);
    const bool gzip = read<std::uint16_t>(*payload, 0) == 0x8b1f;
    if (size == 0 || size > largest_kernel) {
        return Failure{fmt::format("its payload claims to unpack to {} bytes, which no kernel does", size)};
    }
    return decompress(gzip ? *payload : payload->first(payload->size() - size_trailer), size);
}

} // namespace bulkhead::tools
