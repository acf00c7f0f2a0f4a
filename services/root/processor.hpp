// SPDX-License-Identifier: Apache-2.0
// What the machine's processor says of itself, for the person at the console. It must not know: what the kernel does
// with it.
#pragma once

#include <string_view>

#include <bulkhead/abi/boot_info.hpp>

namespace bulkhead::root {

struct CpuidRegisters {
    std::uint32_t eax, ebx, ecx, edx;
};
using Cpuid = CpuidRegisters (*)(std::uint32_t leaf);
CpuidRegisters host_cpuid(std::uint32_t leaf);

/// The processor's name (APM 3, CPUID Fn8000_000[4:2]), without the spaces that some have around it.
class Brand {
public:
    explicit Brand(Cpuid cpuid);
    std::string_view text() const;

private:
    char bytes_[48];
};

/// Logs one line: name, clock, memory, SVM, and which of the kernel's protections against its own mistakes the
/// processor has (CPUID Fn0000_0007, Fn8000_000A).
void log_processor(const BootInfo& boot, Cpuid cpuid);

} // namespace bulkhead::root
