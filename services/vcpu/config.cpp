// SPDX-License-Identifier: Apache-2.0
// Checks the start message: what is wrong with it is found here, once, and not later.
// It must not know: how it arrives.
#include "config.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t four_gib = std::uint64_t{1} << 32;
/// Below the guest window's end: the monitor's own pages lie at 0x7000'0000'0000 and above.
constexpr std::uint64_t max_guest_address = std::uint64_t{1} << 44;
/// The frequency has to fit struct vcpu_time_info's arithmetic and CPUID leaf 0x40000003.
constexpr std::uint64_t max_tsc_khz = 0xffff'ffff;

bool inside_ram(const Config& c, std::uint64_t address) {
    for (std::uint32_t i = 0; i < c.ram_count; ++i) {
        if (address >= c.ram[i].first.value && address - c.ram[i].first.value < c.ram[i].bytes) {
            return true;
        }
    }
    return false;
}

bool aligned(std::uint64_t value) {
    return (value & (page_size - 1)) == 0;
}

const char* read_ram(const bulkhead_MonitorStart& start, Config& config) {
    if (start.ram_count == 0 || start.ram_count > 2) {
        return "no memory";
    }
    for (std::uint32_t i = 0; i < start.ram_count; ++i) {
        const bulkhead_RamRange& r = start.ram[i];
        if (!aligned(r.guest_address) || !aligned(r.bytes) || r.bytes == 0 || r.guest_address >= max_guest_address ||
            r.bytes > max_guest_address - r.guest_address) {
            return "bad memory range";
        }
        config.ram[i] = {GuestPhys{r.guest_address}, r.bytes};
    }
    config.ram_count = static_cast<std::uint32_t>(start.ram_count);
    return nullptr;
}

} // namespace

const char* read_config(const bulkhead_MonitorStart& start, Config& config) {
    config = Config{};
    if (start.domain == 0 || start.domain > max_domains) {
        return "bad domain number";
    }
    if (start.vcpus == 0 || start.vcpus > max_vcpus) {
        return "impossible number of vCPUs";
    }
    if (start.tsc_khz == 0 || start.tsc_khz > max_tsc_khz) {
        return "bad counter frequency";
    }
    if (const char* wrong = read_ram(start, config)) {
        return wrong;
    }
    if (start.entry >= four_gib || start.start_info >= four_gib || !inside_ram(config, start.entry) ||
        !inside_ram(config, start.start_info)) {
        return "entry or start info outside memory below 4 GiB";
    }
    if (start.console_port >= max_ports) {
        return "bad console port";
    }
    config.domain = DomId{static_cast<std::uint16_t>(start.domain)};
    config.vcpus = start.vcpus;
    config.tsc_khz = start.tsc_khz;
    config.boot = Tsc{start.boot_tsc};
    config.wall_clock_ns = start.wall_clock_ns;
    config.entry = GuestPhys{start.entry};
    config.start_info = GuestPhys{start.start_info};
    config.console_gfn = Gfn{start.console_gfn};
    config.console_port = Port{start.console_port};
    config.crash_after_exits = start.crash_after_exits;
    config.max_grant_version = start.max_grant_version == 2 ? 2 : 1;
    for (std::uint32_t i = 0; i < start.uuid.size && i < sizeof config.uuid; ++i) {
        config.uuid[i] = start.uuid.bytes[i];
    }
    return nullptr;
}

} // namespace bulkhead::vcpu
