// SPDX-License-Identifier: Apache-2.0
#include "boot.hpp"

#include <chrono>

#include <fmt/format.h>

namespace bulkhead::tools {

std::optional<PreparedBoot> prepare_boot(const CheckedSystem& system, const PackOptions& pack,
                                         const std::string& kernel, QemuOptions qemu) {
    const auto now =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
    const std::uint64_t wall_clock_ns = qemu.icount ? icount_start_ns : static_cast<std::uint64_t>(now.count());
    const auto image = pack_or_complain(system, pack, wall_clock_ns);
    if (!image) {
        return std::nullopt;
    }
    PreparedBoot boot;
    // QEMU gets names without spaces or commas, wherever the files are.
    const auto add = [&](ByteView bytes, std::string& path) {
        auto file = MemoryFile::create(bytes);
        if (!file) {
            complain(file.message());
            return false;
        }
        path = file->path();
        boot.files.push_back(std::move(*file));
        return true;
    };
    const auto add_from = [&](const std::string& source, std::string& path) {
        const auto bytes = read_file(source);
        if (!bytes) {
            complain(fmt::format("cannot read {}: {}", source, bytes.message()));
            return false;
        }
        return add(*bytes, path);
    };
    if (!add_from(kernel, qemu.kernel) || !add_from(pack.components + "/root.elf", qemu.root) ||
        !add(*image, qemu.image)) {
        return std::nullopt;
    }
    qemu.memory_bytes = system.plan.system.machine_memory;
    qemu.cpus = system.plan.system.machine_cpus;
    qemu.command_line = system.plan.system.command_line;
    boot.qemu = std::move(qemu);
    boot.stream_names.emplace_back(system_stream_name);
    for (const PackedDomain& domain : system.domains) {
        boot.stream_names.push_back(domain.plan.config.name);
    }
    return boot;
}

} // namespace bulkhead::tools
