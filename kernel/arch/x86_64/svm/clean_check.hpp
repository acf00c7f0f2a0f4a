// SPDX-License-Identifier: Apache-2.0
// A check for what no emulator shows: that no VMCB field changed under a set clean bit. Which bytes a bit vouches for
// is said here once more, from APM 2, 15.15.3, independently of the types in vmcb.hpp.
#pragma once

#include "vmcb.hpp"

namespace bulkhead::kernel::svm {

struct CleanRegion {
    Clean clean;
    u16 offset;
    u16 bytes;
};
inline constexpr CleanRegion clean_regions[] = {
    {Clean::intercepts, 0x000, 0x018},
    {Clean::intercepts, 0x03c, 4},
    {Clean::intercepts, 0x050, 8},
    {Clean::permission_maps, 0x040, 16},
    {Clean::asid, 0x058, 4},
    {Clean::virtual_interrupt, 0x060, 8},
    {Clean::nested_paging, 0x090, 8},
    {Clean::nested_paging, 0x0b0, 8},
    {Clean::nested_paging, 0x668, 8},
    {Clean::control_registers, 0x4d0, 8},
    {Clean::control_registers, 0x548, 24},
    {Clean::debug_registers, 0x560, 16},
    {Clean::descriptor_tables, 0x460, 16},
    {Clean::descriptor_tables, 0x480, 16},
    {Clean::segments, 0x400, 64},
    {Clean::segments, 0x4cb, 1},
    {Clean::cr2, 0x640, 8},
    {Clean::last_branch, 0x0b8, 8},
    {Clean::last_branch, 0x670, 40},
    {Clean::shadow_stack, 0x5e0, 24},
};

/// The VMCB's bytes below 0x0c0 and from 0x400 to 0x698: all that has a clean bit.
class CleanShadow {
public:
    void take(const Vmcb& vmcb) {
        const u8* const bytes = reinterpret_cast<const u8*>(&vmcb);
        for (unsigned i = 0; i < control_bytes; ++i) {
            bytes_[i] = bytes[i];
        }
        for (unsigned i = 0; i < save_bytes; ++i) {
            bytes_[control_bytes + i] = bytes[save_offset + i];
        }
    }

    /// Offset of a byte that changed under a set clean bit; -1: none.
    int violation(const Vmcb& vmcb) const {
        const u8* const bytes = reinterpret_cast<const u8*>(&vmcb);
        const u32 clean = vmcb.get(&VmcbControl::clean_bits);
        for (const CleanRegion& region : clean_regions) {
            if ((clean & (1u << static_cast<unsigned>(region.clean))) == 0) {
                continue;
            }
            for (unsigned at = region.offset; at < unsigned{region.offset} + region.bytes; ++at) {
                if (bytes[at] != bytes_[index(at)]) {
                    return static_cast<int>(at);
                }
            }
        }
        return -1;
    }

private:
    static constexpr unsigned control_bytes = 0x0c0, save_offset = 0x400, save_bytes = 0x298;

    static constexpr unsigned index(unsigned offset) {
        return offset < save_offset ? offset : offset - save_offset + control_bytes;
    }
    u8 bytes_[control_bytes + save_bytes];
};

} // namespace bulkhead::kernel::svm
