// SPDX-License-Identifier: Apache-2.0
// Where Xen answers a handle at some kind of place otherwise than the table, and why we do not.
#include "machine.hpp"
#include "table.hpp"

namespace bulkhead::conformance {
namespace {

constexpr OnXen flag_ignored{0, "The header lets Xen ignore VCPU_SSHOTTMR_future, and Xen does."};

constexpr OnXen not_there{-XEN_ENOSYS, "Xen has it for domains that see machine addresses. Here every domain has it."};

constexpr OnXen not_there_in_version_2{
    -XEN_ENOSYS, "Xen has it for domains that see machine addresses. Here those that may have version 2 have it."};

constexpr HandleDeviation deviations[] = {
    {"vcpu.set_singleshot_timer", Place::aligned, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::unaligned, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::across_pages, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::read_only, flag_ignored},
    {"event.init_control",
     Place::read_only,
     {-XEN_ENOENT, "Xen would notice when it writes back, and has nothing to write."}},
    {"grant.unmap_and_replace", Place::aligned, not_there},
    {"grant.unmap_and_replace", Place::unaligned, not_there},
    {"grant.unmap_and_replace", Place::across_pages, not_there},
    {"grant.unmap_and_replace", Place::read_only, not_there},
    {"grant.unmap_and_replace", Place::unmapped, not_there},
    {"grant.unmap_and_replace", Place::no_ram, not_there},
    {"grant.unmap_and_replace", Place::past_ram, not_there},
    {"grant.unmap_and_replace", Place::wrapping, not_there},
    {"grant.unmap_and_replace", Place::not_canonical, not_there},
    {"grant.cache_flush", Place::aligned, not_there},
    {"grant.cache_flush", Place::unaligned, not_there},
    {"grant.cache_flush", Place::across_pages, not_there},
    {"grant.cache_flush", Place::read_only, not_there},
    {"grant.cache_flush", Place::unmapped, not_there},
    {"grant.cache_flush", Place::no_ram, not_there},
    {"grant.cache_flush", Place::past_ram, not_there},
    {"grant.cache_flush", Place::wrapping, not_there},
    {"grant.cache_flush", Place::not_canonical, not_there},
    {"grant.get_status_frames", Place::aligned, not_there_in_version_2},
    {"grant.get_status_frames", Place::unaligned, not_there_in_version_2},
    {"grant.get_status_frames", Place::across_pages, not_there_in_version_2},
    {"grant.get_status_frames", Place::read_only, not_there_in_version_2},
    {"grant.get_status_frames", Place::unmapped, not_there_in_version_2},
    {"grant.get_status_frames", Place::no_ram, not_there_in_version_2},
    {"grant.get_status_frames", Place::past_ram, not_there_in_version_2},
    {"grant.get_status_frames", Place::wrapping, not_there_in_version_2},
    {"grant.get_status_frames", Place::not_canonical, not_there_in_version_2},
};

} // namespace

std::span<const HandleDeviation> handle_deviations() {
    return deviations;
}

} // namespace bulkhead::conformance
