// SPDX-License-Identifier: Apache-2.0
#include "image/assemble.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

/// Reads each file once, however many domains name it.
class FileCache {
public:
    Outcome<SharedBytes> file(const std::string& path) {
        return cached(files_, path, [&]() -> Outcome<SharedBytes> {
            auto bytes = read_file(path);
            if (!bytes) {
                return Failure{bytes.message()};
            }
            return SharedBytes{std::make_shared<const Bytes>(std::move(*bytes))};
        });
    }

    using SharedKernel = std::shared_ptr<const GuestKernel>;
    Outcome<SharedKernel> kernel(const std::string& path) {
        return cached(kernels_, path, [&]() -> Outcome<SharedKernel> {
            const auto bytes = file(path);
            if (!bytes) {
                return Failure{bytes.message()};
            }
            auto parsed = read_guest_kernel(**bytes);
            if (!parsed) {
                return Failure{parsed.message()};
            }
            return SharedKernel{std::make_shared<const GuestKernel>(std::move(*parsed))};
        });
    }

private:
    template <typename T, typename Make> T cached(std::map<std::string, T>& cache, const std::string& path, Make make) {
        const auto found = cache.find(path);
        return found != cache.end() ? found->second : cache.emplace(path, make()).first->second;
    }

    std::map<std::string, Outcome<SharedBytes>> files_;
    std::map<std::string, Outcome<SharedKernel>> kernels_;
};

std::string text_of(const Bytes& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_system_file(const std::string& path) {
    return path.ends_with(".toml");
}

/// The guest's kernel and ramdisk, checked against its memory.
PackedDomain load_domain(const PlannedDomain& plan, FileCache& cache, Diagnostics& diagnostics) {
    const DomainConfig& config = plan.config;
    PackedDomain domain{plan, nullptr, nullptr};
    GuestNeeds needs{config.memory_bytes, 0, plan.command_line.size()};
    if (!config.ramdisk.empty()) {
        const auto ramdisk = cache.file(config.ramdisk);
        if (!ramdisk) {
            diagnostics.error(config.file, config.where("ramdisk"),
                              fmt::format("cannot read the ramdisk {}: {}", config.ramdisk, ramdisk.message()));
        } else if ((*ramdisk)->empty()) {
            diagnostics.error(config.file, config.where("ramdisk"),
                              fmt::format("the ramdisk {} is empty", config.ramdisk));
        } else {
            domain.ramdisk = *ramdisk;
            needs.ramdisk_bytes = (*ramdisk)->size();
        }
    }
    if (config.kernel.empty()) {
        return domain;
    }
    const auto kernel = cache.kernel(config.kernel);
    if (!kernel) {
        diagnostics.error(config.file, config.where("kernel"),
                          fmt::format("cannot use the kernel {}: {}", config.kernel, kernel.message()));
        return domain;
    }
    domain.kernel = SharedBytes{*kernel, &(*kernel)->elf};
    if (config.memory_bytes != 0) {
        for (const std::string& wrong : check_fit(**kernel, needs)) {
            diagnostics.error(config.file, config.where("kernel"),
                              fmt::format("cannot use the kernel {}: {}", config.kernel, wrong));
        }
    }
    return domain;
}

std::uint64_t image_bytes(const std::vector<PackedDomain>& domains) {
    std::vector<const Bytes*> seen;
    std::uint64_t total = 0;
    const auto count = [&](const SharedBytes& bytes) {
        if (bytes && std::find(seen.begin(), seen.end(), bytes.get()) == seen.end()) {
            seen.push_back(bytes.get());
            total += bytes->size();
        }
    };
    for (const PackedDomain& domain : domains) {
        count(domain.kernel);
        count(domain.ramdisk);
    }
    return total;
}

struct Sources {
    SystemConfig system;
    std::vector<DomainConfig> domains;
};

void read_domain_file(const std::string& path, const std::string& named_in, Position at, FileCache& cache,
                      Sources& sources, Diagnostics& diagnostics) {
    const auto bytes = cache.file(path);
    if (!bytes) {
        diagnostics.error(named_in, at, fmt::format("cannot read the domain file {}: {}", path, bytes.message()));
        return;
    }
    sources.domains.push_back(parse_domain(path, text_of(**bytes), diagnostics));
}

Sources read_sources(const std::vector<std::string>& files, FileCache& cache, Diagnostics& diagnostics) {
    Sources sources{default_system(), {}};
    const auto system = std::find_if(files.begin(), files.end(), is_system_file);
    if (system == files.end()) {
        for (const std::string& path : files) {
            read_domain_file(path, path, {}, cache, sources, diagnostics);
        }
        return sources;
    }
    if (files.size() > 1) {
        diagnostics.error(*system, {}, "a system file names all its domains: expected it alone, or domain files only");
        return sources;
    }
    const auto bytes = cache.file(*system);
    if (!bytes) {
        diagnostics.error(*system, {}, fmt::format("cannot read the system file: {}", bytes.message()));
        return sources;
    }
    sources.system = parse_system(*system, text_of(**bytes), diagnostics);
    for (const auto& [path, at] : sources.system.domain_files) {
        read_domain_file(path, *system, at, cache, sources, diagnostics);
    }
    return sources;
}

Outcome<SharedBytes> load_component(const std::string& path) {
    const auto bytes = read_file(path);
    if (!bytes) {
        return Failure{fmt::format("cannot read {}: {}", path, bytes.message())};
    }
    const auto image = read_elf(*bytes);
    if (!image) {
        return Failure{fmt::format("{}: {}", path, image.message())};
    }
    return SharedBytes{std::make_shared<const Bytes>(write_elf(*image, *bytes))};
}

} // namespace

CheckedSystem check_system(const std::vector<std::string>& files, const MachineOverride& machine,
                           Diagnostics& diagnostics) {
    FileCache cache;
    Sources sources = read_sources(files, cache, diagnostics);
    sources.system.machine_memory = machine.memory_bytes.value_or(sources.system.machine_memory);
    sources.system.machine_cpus = machine.cpus.value_or(sources.system.machine_cpus);
    CheckedSystem checked{make_plan(std::move(sources.system), std::move(sources.domains), diagnostics), {}};
    for (const PlannedDomain& domain : checked.plan.domains) {
        checked.domains.push_back(load_domain(domain, cache, diagnostics));
    }
    if (!checked.plan.domains.empty()) {
        check_memory(checked.plan, image_bytes(checked.domains), diagnostics);
    }
    return checked;
}

Outcome<Bytes> make_image(const CheckedSystem& system, const ImageOptions& options) {
    ImageContents contents;
    contents.exit_when_done = system.plan.system.exit_when_done;
    contents.print_capabilities = options.print_capabilities;
    contents.wall_clock_ns = options.wall_clock_ns;
    contents.domains = system.domains;
    for (const ComponentConfig& config : system.plan.system.components) {
        auto elf = load_component(fmt::format("{}/{}.elf", options.components_directory, config.name));
        if (!elf) {
            return Failure{elf.message()};
        }
        contents.components.push_back({config, *elf});
    }
    auto monitor = load_component(options.components_directory + "/vcpu.elf");
    if (!monitor) {
        return Failure{monitor.message()};
    }
    contents.monitor = *monitor;
    for (std::size_t i = 0; i < system.domains.size() && !options.crash_domain.empty(); ++i) {
        if (system.domains[i].plan.config.name == options.crash_domain) {
            contents.crash_domain = static_cast<std::uint32_t>(i + 1);
            contents.crash_after_exits = options.crash_after_exits;
        }
    }
    if (!options.crash_domain.empty() && contents.crash_domain == 0) {
        return Failure{fmt::format("there is no domain \"{}\" to crash", options.crash_domain)};
    }
    return pack_image(contents);
}

} // namespace bulkhead::tools
