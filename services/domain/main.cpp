// SPDX-License-Identifier: Apache-2.0
// services/domain: builds the manifest's domains, each with a monitor of its own, and decides about their ends.
#include <bulkhead/log.hpp>
#include <bulkhead/start.hpp>

#include "service.hpp"

namespace bulkhead::domain {
namespace {

constinit bulkhead_BootManifest manifest{};
constinit Workshop workshop{};

/// The monitor's program stays mapped: every build reads it.
bool map_monitor() {
    if (const Status status = sys::map(slot::monitor_image, slot::address_space, monitor_window.value, Rights::read);
        status != Status::ok) {
        log("the monitor's image cannot be mapped: {}", status);
        return false;
    }
    const auto bytes = sys::info(slot::monitor_image);
    if (!bytes || manifest.monitor.size > *bytes) {
        log("the monitor's image is not all there");
        return false;
    }
    const std::span<const std::uint8_t> file{static_cast<const std::uint8_t*>(sys::pointer(monitor_window)),
                                             manifest.monitor.size};
    if (const ElfError error = ElfImage::parse(file, workshop.monitor); error != ElfError::none) {
        log("the monitor's image: {}", error);
        return false;
    }
    return true;
}

bool prepare(BootImage& image) {
    if (const BootImageError error = image.read_manifest(manifest); error != BootImageError::none) {
        log("boot image: {}", error);
        return false;
    }
    const auto slots = sys::info(slot::cap_space);
    if (!slots || *slots < slots_needed) {
        log("the capability space is too small");
        return false;
    }
    return map_monitor();
}

} // namespace
} // namespace bulkhead::domain

extern "C" [[noreturn]] void component_main(std::uint64_t) {
    using namespace bulkhead;
    using namespace bulkhead::domain;
    if (!read_start_message(workshop.start)) {
        log("no start message");
    }
    BootImage kernels{slot::manifest, workshop.start.image_bytes, kernel_piece, kernel_window};
    BootImage ramdisks{slot::manifest, workshop.start.image_bytes, ramdisk_piece, ramdisk_window};
    if (!prepare(kernels)) {
        manifest.domains_count = 0; // nothing can be built: there is nothing to do but to serve refusals
    }
    static Service service{workshop, manifest, kernels, ramdisks};
    service.start_all();
    Server<Service> server{service, server_window};
    server.run();
}
