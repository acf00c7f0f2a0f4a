// SPDX-License-Identifier: Apache-2.0
#include "processor.hpp"

#include <cstring>

#include <bulkhead/log.hpp>

namespace bulkhead::root {

namespace {

constexpr std::uint32_t leaf_features = 7, leaf_brand = 0x8000'0002, leaf_svm = 0x8000'000a;
constexpr std::uint32_t brand_leaves = 3;
constexpr std::uint32_t smep_ebx = 1u << 7, smap_ebx = 1u << 20, umip_ecx = 1u << 2;

} // namespace

CpuidRegisters host_cpuid(std::uint32_t leaf) {
    CpuidRegisters r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

Brand::Brand(Cpuid cpuid) : bytes_{} {
    static_assert(sizeof(bytes_) == brand_leaves * sizeof(CpuidRegisters));
    for (std::uint32_t i = 0; i < brand_leaves; ++i) {
        const CpuidRegisters part = cpuid(leaf_brand + i);
        std::memcpy(bytes_ + i * sizeof(part), &part, sizeof(part));
    }
}

std::string_view Brand::text() const {
    std::string_view name{bytes_, sizeof(bytes_)};
    name = name.substr(0, name.find('\0'));
    const std::size_t start = name.find_first_not_of(' ');
    if (start == std::string_view::npos) {
        return "unnamed processor";
    }
    return name.substr(start, name.find_last_not_of(' ') - start + 1);
}

void log_processor(const BootInfo& boot, Cpuid cpuid) {
    const CpuidRegisters features = cpuid(leaf_features);
    const CpuidRegisters svm = cpuid(leaf_svm);
    log("{}: TSC {} kHz, {} MiB RAM, SVM revision {}, {} ASIDs, {}SMEP, {}SMAP, {}UMIP", Brand{cpuid}.text(),
        boot.tsc_khz, boot.ram_bytes >> 20, svm.eax & 0xff, svm.ebx, (features.ebx & smep_ebx) != 0 ? "" : "no ",
        (features.ebx & smap_ebx) != 0 ? "" : "no ", (features.ecx & umip_ecx) != 0 ? "" : "no ");
}

} // namespace bulkhead::root
