// SPDX-License-Identifier: Apache-2.0
// VCPUOP_initialise's argument (public/hvm/hvm_vcpu.h): checked, and turned into the registers with which a vCPU
// starts. It must not know: which vCPU, and where the argument lay.
#pragma once

#include <guest_vcpu.pb.h>

#include <bulkhead/abi/vcpu.hpp>

namespace bulkhead::vcpu {

/// What the guest was told that its CPU has.
struct ContextLimits {
    std::uint64_t cr4;
    bool nx;
    std::uint32_t physical_bits;
};

/// What is wrong with a context. All of them are -EINVAL to the guest; the names are for tests and the log.
enum class ContextError : std::uint8_t {
    none,
    mode,                ///< neither of the two
    padding,             ///< a field that the header calls padding is not zero
    segment_reserved,    ///< "Bits [12,15]: unused, must be blank"
    segment_null,        ///< CS, SS and TR must be usable; DS and ES may have all attributes 0
    segment_not_present, ///< attributes, but not `p`
    segment_system,      ///< a system segment for code, data or stack
    segment_code,        ///< CS is no code segment
    segment_stack,       ///< SS is not writable data
    segment_data,        ///< DS or ES cannot be read
    segment_limit,       ///< a limit that no descriptor expands to: granularity and low or high bits disagree
    segment_width,       ///< `l` with `db`
    task_segment,        ///< TR is no busy 32-bit TSS
    privilege,           ///< CS, SS, DS and ES belong to different levels; in real mode there is but level 0
    instruction_pointer, ///< EIP beyond CS's limit, or RIP not canonical
    flags,               ///< reserved bits, or virtual-8086 mode where there is none
    cr0,                 ///< paging without protection, NW without CD, reserved bits; 64 bit: paging off
    cr3,                 ///< beyond physical memory
    cr4,                 ///< bits that the guest's CPU does not have; long mode without PAE
    efer,                ///< bits that the guest's CPU does not have; LMA without LME or paging; 64 bit: LME off
    count
};

/// Nothing is written to `state` unless the answer is `none`.
[[nodiscard]] ContextError read_hvm_context(const bulkhead_guest_VcpuHvmContext& context, const ContextLimits& limits,
                                            VcpuState& state);

} // namespace bulkhead::vcpu
