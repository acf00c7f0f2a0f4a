// SPDX-License-Identifier: Apache-2.0
// The boot image as services/root and services/domain see it: header, manifest, and blobs, of which one at a time is
// mapped per reader. It must not know: what the manifest's entries are for.
#pragma once

#include <span>
#include <string_view>

#include <bulkhead/sys.hpp>

#include <manifest.pb.h>

namespace bulkhead {

enum class BootImageError : std::uint8_t { none, missing, cannot_map, bad_header, bad_manifest, bad_blob };
std::string_view to_string(BootImageError error);

class BootImage {
public:
    /// `region`: the whole image [read | derive], `bytes` long. `scratch`: an empty slot of the component's.
    /// `window`: where pieces of it are mapped; nothing else may be there.
    BootImage(Selector region, std::uint64_t bytes, Selector scratch, UserVirt window)
        : region_{region}, bytes_{bytes}, scratch_{scratch}, window_{window} {}

    std::uint64_t bytes() const { return bytes_; }
    Selector region() const { return region_; }

    [[nodiscard]] BootImageError read_manifest(bulkhead_BootManifest& manifest);
    /// Maps a blob to read it. Only one is mapped at a time: the one before goes.
    [[nodiscard]] BootImageError map(const bulkhead_Blob& blob, std::span<const std::uint8_t>& content);
    static constexpr std::uint64_t copy_window = std::uint64_t{8} << 20;
    /// Copies a whole blob to `to`, which is as long as that, mapping `window` bytes (whole pages) of it at a time.
    /// Nothing stays mapped.
    [[nodiscard]] BootImageError copy(const bulkhead_Blob& blob, std::span<std::uint8_t> to,
                                      std::uint64_t window = copy_window);
    void unmap();
    /// True if it is a page-aligned piece of the image, and not empty.
    bool contains(const bulkhead_Blob& blob) const;

private:
    [[nodiscard]] BootImageError map_piece(std::uint64_t offset, std::uint64_t bytes);

    Selector region_;
    std::uint64_t bytes_;
    Selector scratch_;
    UserVirt window_;
    bool mapped_{false};
};

} // namespace bulkhead
