// SPDX-License-Identifier: Apache-2.0
// REQ-COMP-006 What root says about the processor.
#include "processor.hpp"

#include <cstring>
#include <string>

#include <catch2/catch.hpp>

#include <bulkhead/log.hpp>

using namespace bulkhead;
using namespace bulkhead::root;

namespace {

char brand[48];
std::uint32_t feature_ebx = 0;
std::string logged;

CpuidRegisters fake_cpuid(std::uint32_t leaf) {
    CpuidRegisters r{};
    if (leaf >= 0x8000'0002 && leaf <= 0x8000'0004) {
        std::memcpy(&r, brand + (leaf - 0x8000'0002) * sizeof(r), sizeof(r));
    } else if (leaf == 7) {
        r.ebx = feature_ebx;
    } else if (leaf == 0x8000'000a) {
        r.eax = 1;
        r.ebx = 16;
    }
    return r;
}

std::string name_of(std::string_view text) {
    std::memset(brand, 0, sizeof(brand));
    std::memcpy(brand, text.data(), text.size());
    return std::string{Brand{fake_cpuid}.text()};
}

} // namespace

TEST_CASE("a processor's name is shown without the spaces around it", "[root]") {
    CHECK(name_of("AMD EPYC 7763 64-Core Processor") == "AMD EPYC 7763 64-Core Processor");
    CHECK(name_of("      Virtual CPU  ") == "Virtual CPU");
    CHECK(name_of("") == "unnamed processor");
    CHECK(name_of("     ") == "unnamed processor");
    const std::string longest(sizeof(brand), 'x');
    CHECK(name_of(longest) == longest);
}

TEST_CASE("the log says what the processor has and lacks", "[root]") {
    log_target().instead = [](std::string_view line) { logged = line; };
    name_of("Some CPU");
    BootInfo boot{};
    boot.tsc_khz = 1'000'000;
    boot.ram_bytes = std::uint64_t{512} << 20;
    feature_ebx = 1u << 7;
    log_processor(boot, fake_cpuid);
    log_target() = {};
    CHECK(logged.find("Some CPU: TSC 1000000 kHz, 512 MiB RAM, SVM revision 1, 16 ASIDs, SMEP, no SMAP, no UMIP") !=
          std::string::npos);
}
