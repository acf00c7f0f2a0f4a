// SPDX-License-Identifier: Apache-2.0
// What the processor can do, as far as guests are concerned. Read once, on the first CPU; all CPUs are alike.
#pragma once

#include "validate.hpp"

#include <cstdint>

namespace bulkhead::kernel::svm {

struct Features {
    std::uint32_t asids;
    bool flush_by_asid;
    bool decode_assists;
    bool tsc_aux;           ///< RDTSCP or RDPID
    bool branch_barrier;    ///< IBPB
    bool automatic_ibrs;    ///< AutoIBRS: the kernel's indirect branches go nowhere that a guest has trained
    bool repeats_injection; ///< QEMU's TCG: an interrupt given by EVENTINJ may come once more, even with IF off
    std::uint64_t xcr0;     ///< all state components; 0: no XSAVE
    std::uint32_t vector_state_bytes; ///< for all of them
    GuestLimits limits;
};

Features detect_features();

} // namespace bulkhead::kernel::svm
