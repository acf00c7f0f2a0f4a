// SPDX-License-Identifier: Apache-2.0
// Where Xen answers a handle at some kind of place otherwise than the table, and why we do not.
#include "machine.hpp"
#include "table.hpp"

namespace bulkhead::conformance {
namespace {

constexpr OnXen flag_ignored{0, "The header lets Xen ignore VCPU_SSHOTTMR_future, and Xen does."};

constexpr HandleDeviation deviations[] = {
    {"vcpu.set_singleshot_timer", Place::aligned, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::unaligned, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::across_pages, flag_ignored},
    {"vcpu.set_singleshot_timer", Place::read_only, flag_ignored},
    {"event.init_control",
     Place::read_only,
     {-XEN_ENOENT, "Xen would notice when it writes back, and has nothing to write."}},
};

} // namespace

std::span<const HandleDeviation> handle_deviations() {
    return deviations;
}

} // namespace bulkhead::conformance
