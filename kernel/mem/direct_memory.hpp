// SPDX-License-Identifier: Apache-2.0
// How the running kernel reaches page tables: through its direct map.
#pragma once

#include "arch/arch.hpp"
#include "page_tree.hpp"

namespace bulkhead::kernel {

struct DirectMemory {
    static std::uint64_t load(HostPhys entry) { return *pointer(entry); }
    static void store(HostPhys entry, std::uint64_t value) { *pointer(entry) = value; }

private:
    /// Volatile: other CPUs walk these tables; each access is one instruction, in order (stores stay ordered on x86).
    static volatile std::uint64_t* pointer(HostPhys entry) {
        return static_cast<volatile std::uint64_t*>(arch::to_virtual(entry));
    }
};

using PagePool = BasicPagePool<DirectMemory>;
using HostTree = PageTree<HostFormat, DirectMemory>;
using NestedTree = PageTree<NestedFormat, DirectMemory>;

} // namespace bulkhead::kernel
