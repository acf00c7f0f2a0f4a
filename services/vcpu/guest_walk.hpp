// SPDX-License-Identifier: Apache-2.0
// From guest-virtual to guest-physical, as the guest's own page tables say at this moment, in every paging mode
// (APM 2, 5.1 to 5.6). The tables are hostile: each entry is read once, each address is checked by GuestMemory.
// It must not know: what is done with the address.
#pragma once

#include <bulkhead/abi/vcpu.hpp>

#include "guest_memory.hpp"

namespace bulkhead::vcpu {

/// The registers that decide about paging.
struct PagingState {
    std::uint64_t cr0, cr3, cr4, efer;

    bool alignment_check{false}; ///< RFLAGS.AC, which suspends SMAP

    static PagingState of(const VcpuState& s) { return {s.cr0, s.cr3, s.cr4, s.efer, (s.rflags & (1u << 18)) != 0}; }
    bool long_mode() const { return (efer & (1u << 10)) != 0; }
};

struct Access {
    bool write{false};
    bool execute{false};
    bool user{false}; ///< the access is made at CPL 3
};

enum class WalkStatus : std::uint8_t {
    ok,
    page_fault,    ///< the tables forbid it; `error` is what #PF would push
    not_canonical, ///< #GP
    no_table       ///< a table lies where the guest has no memory
};

struct Walk {
    WalkStatus status;
    std::uint32_t error;
    GuestPhys address;
    bool writable{false}; ///< a write would succeed as well, and would change nothing in the tables
};

/// Translates one address. Sets accessed and dirty bits like a CPU. At most five reads of guest memory.
[[nodiscard]] Walk walk(const GuestMemory& memory, const PagingState& paging, std::uint64_t address, Access access);

} // namespace bulkhead::vcpu
