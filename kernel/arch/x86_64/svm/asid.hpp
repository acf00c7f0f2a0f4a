// SPDX-License-Identifier: Apache-2.0
// Address-space identifiers of one CPU. A guest keeps its ASID while its generation lasts; when they run out, a new
// generation starts with a flush of everything. Pure.
#pragma once

#include "vmcb.hpp"

#include <cstdint>

namespace bulkhead::kernel::svm {

/// A guest's side. Generation 0 is never current.
struct AsidTag {
    u32 asid{0};
    u64 generation{0};
    bool stale{false}; ///< what was translated before may not be used by the next entry
};

class AsidAllocator {
public:
    /// ASIDs 1 to count - 1; 0 is the host's.
    constexpr AsidAllocator(u32 count, bool flush_by_asid) : count_{count}, flush_by_asid_{flush_by_asid} {}

    /// Readies `tag` for an entry; what must go into TLB_CONTROL. `shot_down`: no old translation of this guest may be
    /// used, even if its tag does not say so.
    constexpr u8 prepare(AsidTag& tag, bool shot_down) {
        const bool flush = shot_down || tag.stale;
        tag.stale = false;
        if (tag.generation == generation_ && (!flush || flush_by_asid_)) {
            return flush ? tlb_control::flush_this_asid : tlb_control::keep;
        }
        // A fresh ASID has no translations: where the CPU cannot flush one ASID, taking another does it.
        const bool exhausted = next_ >= count_;
        if (exhausted) {
            ++generation_;
            next_ = 1;
        }
        tag = {next_++, generation_, false};
        return exhausted ? tlb_control::flush_all : tlb_control::keep;
    }

private:
    u32 count_;
    bool flush_by_asid_;
    u32 next_{~u32{0}}; ///< the first use starts the first generation: firmware may have left translations
    u64 generation_{1};
};

} // namespace bulkhead::kernel::svm
