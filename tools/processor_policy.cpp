// SPDX-License-Identifier: Apache-2.0
// The tables of services/vcpu, printed.
#include "processor_policy.hpp"

#include <fmt/format.h>

#include "vcpu/cpuid_policy.hpp"
#include "vcpu/msr_policy.hpp"

namespace bulkhead::tools {

namespace {

std::string describe_register(const char* name, std::uint32_t mask, std::uint32_t set) {
    return set == 0 ? fmt::format(" {} {:08x}", name, mask) : fmt::format(" {} {:08x}+{:08x}", name, mask, set);
}

} // namespace

std::string describe_processor_policy() {
    std::string text = "CPUID: the bits of the host's answer that every domain sees, + those that are always set\n";
    for (const vcpu::cpuid_policy::Leaf& leaf : vcpu::cpuid_policy::policy) {
        text += leaf.subleaf == vcpu::cpuid_policy::any_subleaf ? fmt::format("  {:08x}   ", leaf.leaf)
                                                                : fmt::format("  {:08x}.{} ", leaf.leaf, leaf.subleaf);
        text += describe_register("eax", leaf.mask.eax, leaf.set.eax) +
                describe_register("ebx", leaf.mask.ebx, leaf.set.ebx) +
                describe_register("ecx", leaf.mask.ecx, leaf.set.ecx) +
                describe_register("edx", leaf.mask.edx, leaf.set.edx) + fmt::format("  {}\n", leaf.what);
    }
    text += fmt::format("  {:08x}    Xen's leaves; all others read as zeros\n", vcpu::xen_cpuid_base);
    text += "MSRs that every domain has; all others are #GP\n";
    for (const vcpu::MsrPolicy& row : vcpu::msr_policy) {
        const std::string range = row.first == row.last ? fmt::format("{:08x}", row.first)
                                                        : fmt::format("{:08x}-{:08x}", row.first, row.last);
        text += fmt::format("  {:18}{} {}\n", range, row.writable ? "rw" : "r ", row.what);
    }
    return text;
}

} // namespace bulkhead::tools
