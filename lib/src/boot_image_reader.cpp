// SPDX-License-Identifier: Apache-2.0
// Maps pieces of the boot image through derived, read-only Regions, so that the reader's page tables need not hold all
// of it. It must not know: what the manifest's entries are for.
#include <bulkhead/boot_image_reader.hpp>

#include <iterator>

#include <bulkhead/boot_image.hpp>
#include <bulkhead/message.hpp>

namespace bulkhead {
namespace {
constexpr std::uint64_t max_manifest_bytes = 1u << 20;
constexpr std::uint64_t round_up_to_page(std::uint64_t bytes) {
    return (bytes + page_size - 1) & ~(page_size - 1);
}
} // namespace

std::string_view to_string(BootImageError error) {
    constexpr std::string_view names[] = {"no error",           "there is no boot image (the second module)",
                                          "cannot be mapped",   "not a boot image of this version",
                                          "malformed manifest", "a piece lies outside the image"};
    return static_cast<std::size_t>(error) < std::size(names) ? names[static_cast<std::size_t>(error)] : "unknown";
}

BootImageError BootImage::map_piece(std::uint64_t offset, std::uint64_t bytes) {
    unmap();
    if (offset % page_size != 0 || bytes == 0 || offset >= bytes_ || bytes > bytes_ - offset) {
        return BootImageError::bad_blob;
    }
    if (sys::mint(slot::cap_space, scratch_, region_, Rights::read, offset, round_up_to_page(bytes)) != Status::ok) {
        return BootImageError::bad_blob;
    }
    if (sys::map(scratch_, slot::address_space, window_.value, Rights::read) != Status::ok) {
        (void)sys::remove(scratch_);
        return BootImageError::cannot_map;
    }
    mapped_ = true;
    return BootImageError::none;
}

void BootImage::unmap() {
    if (mapped_) {
        (void)sys::remove(scratch_); // and with it the mapping
        mapped_ = false;
    }
}

bool BootImage::contains(const bulkhead_Blob& blob) const {
    return blob.size != 0 && blob.offset % page_size == 0 && blob.offset < bytes_ && blob.size <= bytes_ - blob.offset;
}

BootImageError BootImage::map(const bulkhead_Blob& blob, std::span<const std::uint8_t>& content) {
    content = {};
    if (const BootImageError error = map_piece(blob.offset, blob.size); error != BootImageError::none) {
        return error;
    }
    content = {static_cast<const std::uint8_t*>(sys::pointer(window_)), blob.size};
    return BootImageError::none;
}

BootImageError BootImage::copy(const bulkhead_Blob& blob, std::span<std::uint8_t> to, std::uint64_t window) {
    if (!contains(blob) || to.size() != blob.size) {
        return BootImageError::bad_blob;
    }
    for (std::uint64_t done = 0; done < blob.size;) {
        const std::uint64_t rest = blob.size - done;
        const std::uint64_t bytes = rest < window ? rest : window;
        if (const BootImageError error = map_piece(blob.offset + done, bytes); error != BootImageError::none) {
            return error;
        }
        __builtin_memcpy(to.data() + done, sys::pointer(window_), bytes);
        done += bytes;
    }
    unmap();
    return BootImageError::none;
}

BootImageError BootImage::read_manifest(bulkhead_BootManifest& manifest) {
    if (bytes_ < page_size) {
        return BootImageError::missing;
    }
    if (const BootImageError error = map_piece(0, page_size); error != BootImageError::none) {
        return error;
    }
    BootImageHeader header{};
    __builtin_memcpy(&header, sys::pointer(window_), sizeof header);
    if (header.magic != boot_image_magic || header.version != boot_image_version ||
        header.manifest_length > max_manifest_bytes || header.manifest_length == 0 || header.total_length > bytes_) {
        unmap();
        return BootImageError::bad_header;
    }
    if (const BootImageError error = map_piece(header.manifest_offset, header.manifest_length);
        error != BootImageError::none) {
        return error;
    }
    const auto* bytes = static_cast<const std::uint8_t*>(sys::pointer(window_));
    const bool good = decode(std::span<const std::uint8_t>{bytes, header.manifest_length}, manifest);
    unmap();
    return good ? BootImageError::none : BootImageError::bad_manifest;
}

} // namespace bulkhead
