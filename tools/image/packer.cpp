// SPDX-License-Identifier: Apache-2.0
#include "image/packer.hpp"

#include <algorithm>
#include <cstring>

#include <bulkhead/boot_image.hpp>
#include <manifest.pb.h>

#include "image/limits.hpp"

namespace bulkhead::tools {

namespace {

constexpr std::uint64_t page = 4096;

constexpr std::uint64_t page_align(std::uint64_t bytes) {
    return (bytes + page - 1) / page * page;
}

/// The blobs in the order of first use, and where each one begins relative to the first.
class BlobTable {
public:
    std::uint64_t add(const SharedBytes& bytes) {
        for (const Entry& entry : entries_) {
            if (entry.bytes == bytes || *entry.bytes == *bytes) {
                return entry.offset;
            }
        }
        entries_.push_back({bytes, end_});
        end_ += page_align(bytes->size());
        return entries_.back().offset;
    }

    std::uint64_t total() const { return end_; }

    void write(Bytes& image, std::uint64_t base) const {
        for (const Entry& entry : entries_) {
            std::copy(entry.bytes->begin(), entry.bytes->end(),
                      image.begin() + static_cast<std::ptrdiff_t>(base + entry.offset));
        }
    }

private:
    struct Entry {
        SharedBytes bytes;
        std::uint64_t offset;
    };
    std::vector<Entry> entries_;
    std::uint64_t end_{0};
};

/// Builds the manifest for blobs that begin at `base`.
class ManifestBuilder {
public:
    ManifestBuilder(const ImageContents& contents, BlobTable& blobs, std::uint64_t base)
        : contents_{contents}, blobs_{blobs}, base_{base} {}

    BootManifest build() {
        BootManifest manifest;
        for (const PackedComponent& component : contents_.components) {
            fill(*manifest.add_components(), component);
        }
        fill(*manifest.mutable_monitor(), contents_.monitor);
        for (const PackedDomain& domain : contents_.domains) {
            fill(*manifest.add_domains(), domain);
        }
        manifest.set_exit_when_done(contents_.exit_when_done);
        manifest.set_print_capabilities(contents_.print_capabilities);
        manifest.set_wall_clock_ns(contents_.wall_clock_ns);
        manifest.set_crash_domain(contents_.crash_domain);
        manifest.set_crash_after_exits(contents_.crash_after_exits);
        return manifest;
    }

private:
    void fill(Blob& blob, const SharedBytes& bytes) {
        blob.set_offset(base_ + blobs_.add(bytes));
        blob.set_size(bytes->size());
    }

    void fill(Component& out, const PackedComponent& component) {
        const ComponentConfig& config = component.config;
        out.set_name(config.name);
        fill(*out.mutable_elf(), component.elf);
        out.set_cpu(config.cpu);
        out.set_priority(config.share.priority);
        out.set_budget_us(config.share.budget_us);
        out.set_period_us(config.share.period_us);
        out.set_memory_bytes(config.memory_bytes);
    }

    void fill(Domain& out, const PackedDomain& domain) {
        const PlannedDomain& plan = domain.plan;
        out.set_name(plan.config.name);
        fill(*out.mutable_kernel(), domain.kernel);
        if (domain.ramdisk) {
            fill(*out.mutable_ramdisk(), domain.ramdisk);
        }
        out.set_command_line(plan.command_line);
        out.set_memory_bytes(plan.config.memory_bytes);
        out.set_vcpus(plan.config.vcpus);
        out.set_max_event_channels(plan.config.max_event_channels);
        out.set_max_grant_version(plan.config.max_grant_version);
        for (const std::uint32_t cpu : plan.cpus) {
            out.add_cpus(cpu);
        }
        out.set_priority(plan.share.priority);
        out.set_budget_us(plan.share.budget_us);
        out.set_period_us(plan.share.period_us);
        out.set_on_poweroff(to_message(plan.config.on_poweroff));
        out.set_on_reboot(to_message(plan.config.on_reboot));
        out.set_on_crash(to_message(plan.config.on_crash));
        out.set_uuid(plan.config.uuid.data(), plan.config.uuid.size());
    }

    static bulkhead::Action to_message(tools::Action action) {
        static_assert(static_cast<int>(tools::Action::destroy) == ACTION_DESTROY);
        static_assert(static_cast<int>(tools::Action::restart) == ACTION_RESTART);
        static_assert(static_cast<int>(tools::Action::preserve) == ACTION_PRESERVE);
        return static_cast<bulkhead::Action>(action);
    }

    const ImageContents& contents_;
    BlobTable& blobs_;
    std::uint64_t base_;
};

} // namespace

Outcome<Bytes> pack_image(const ImageContents& contents) {
    // The blobs' offsets are in the manifest, whose length depends on them: try until it fits the room left for it.
    std::uint64_t manifest_room = page;
    while (true) {
        BlobTable blobs;
        const std::uint64_t base = page + manifest_room;
        const BootManifest manifest = ManifestBuilder{contents, blobs, base}.build();
        if (const std::string oversized = find_oversized_field(manifest); !oversized.empty()) {
            return Failure{"the boot manifest cannot hold it: " + oversized};
        }
        const std::string encoded = manifest.SerializeAsString();
        if (encoded.size() > manifest_room) {
            manifest_room = page_align(encoded.size());
            continue;
        }
        Bytes image(base + blobs.total());
        const BootImageHeader header{boot_image_magic, boot_image_version, static_cast<std::uint32_t>(encoded.size()),
                                     page, image.size()};
        std::memcpy(image.data(), &header, sizeof header);
        std::memcpy(image.data() + page, encoded.data(), encoded.size());
        blobs.write(image, base);
        return image;
    }
}

} // namespace bulkhead::tools
