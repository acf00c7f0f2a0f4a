// SPDX-License-Identifier: Apache-2.0
#include "common_options.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "config/size.hpp"

namespace bulkhead::tools {

BuildTree find_build_tree() {
    // The program is build/out/tools/bulkhead-tool.
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return {self.parent_path().parent_path().string()};
}

std::string default_system_file() {
    const auto file = std::filesystem::path{BULKHEAD_SOURCE_DIR} / "config" / "system.toml";
    const auto shorter = file.lexically_proximate(std::filesystem::current_path());
    return shorter.native().starts_with("..") ? file.string() : shorter.string();
}

void MachineOptions::add_to(CLI::App& app) {
    app.add_option("--machine-memory", memory, "Memory of the machine (512M, 2G), instead of the system file's")
        ->type_name("SIZE");
    app.add_option("--machine-cpus", cpus, "CPUs of the machine, instead of the system file's")
        ->check(CLI::Range(1u, max_cpus));
}

Outcome<MachineOverride> MachineOptions::parse() const {
    MachineOverride result;
    if (!memory.empty()) {
        result.memory_bytes = parse_size(memory);
        if (!result.memory_bytes || *result.memory_bytes == 0) {
            return Failure{fmt::format("--machine-memory \"{}\": expected for example 512M or 2G", memory)};
        }
    }
    if (cpus != 0) {
        result.cpus = cpus;
    }
    return result;
}

void PackOptions::add_to(CLI::App& app) {
    machine.add_to(app);
    components = find_build_tree().components();
    app.add_option("--components", components, "Directory of the components' ELF files")->type_name("DIR");
    app.add_option("--crash-domain", crash_domain, "For tests: the monitor of this domain faults on purpose ...")
        ->type_name("NAME");
    app.add_option("--crash-after-exits", crash_after_exits, "... after so many exits of its guest");
    app.add_flag("--print-capabilities", print_capabilities, "The system prints who holds which capability, and ends");
}

int complain(const std::string& message) {
    fmt::print(stderr, "bulkhead: error: {}\n", message);
    return exit_failure;
}

std::optional<CheckedSystem> check_or_complain(const std::vector<std::string>& files, const MachineOptions& machine) {
    const auto overrides = machine.parse();
    if (!overrides) {
        complain(overrides.message());
        return std::nullopt;
    }
    Diagnostics diagnostics;
    CheckedSystem checked = check_system(files, *overrides, diagnostics);
    if (!diagnostics.empty()) {
        fmt::print(stderr, "{}{} error{}\n", diagnostics.render(), diagnostics.count(),
                   diagnostics.count() == 1 ? "" : "s");
        return std::nullopt;
    }
    return checked;
}

std::optional<Bytes> pack_or_complain(const CheckedSystem& system, const PackOptions& options,
                                      std::uint64_t wall_clock_ns) {
    const ImageOptions image_options{options.components, options.print_capabilities, wall_clock_ns,
                                     options.crash_domain,
                                     options.crash_domain.empty() ? 0 : options.crash_after_exits};
    auto image = make_image(system, image_options);
    if (!image) {
        complain(image.message());
        return std::nullopt;
    }
    return std::move(*image);
}

} // namespace bulkhead::tools
