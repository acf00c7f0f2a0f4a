// SPDX-License-Identifier: Apache-2.0
#include "run/qemu.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace bulkhead::tools {

namespace {

constexpr int exit_port = 0xf4;

} // namespace

std::vector<std::string> qemu_command(const QemuOptions& options) {
    const std::string command_line =
        fmt::format("exit={:#x}{}{}", exit_port, options.command_line.empty() ? "" : " ", options.command_line);
    std::vector<std::string> command{"qemu-system-x86_64",
                                     "-machine",
                                     "q35",
                                     "-accel",
                                     "tcg",
                                     "-cpu",
                                     "max",
                                     "-smp",
                                     fmt::format("{}", options.cpus),
                                     "-m",
                                     fmt::format("{}M", options.memory_bytes >> 20),
                                     "-nodefaults",
                                     "-display",
                                     "none",
                                     "-no-reboot",
                                     "-chardev",
                                     "stdio,id=line,signal=off",
                                     "-serial",
                                     "chardev:line",
                                     "-device",
                                     fmt::format("isa-debug-exit,iobase={:#x},iosize=4", exit_port),
                                     "-kernel",
                                     options.kernel,
                                     "-append",
                                     command_line,
                                     "-initrd",
                                     options.root + "," + options.image};
    const auto add = [&](std::initializer_list<std::string> words) { command.insert(command.end(), words); };
    if (options.icount) {
        add({"-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", fmt::format("base={},clock=vm", icount_start)});
    }
    if (options.gdb) {
        add({"-s", "-S"});
    }
    if (!options.trace_file.empty()) {
        add({"-d", "int,cpu_reset,guest_errors", "-D", options.trace_file});
    }
    command.insert(command.end(), options.extra.begin(), options.extra.end());
    return command;
}

std::string quote(const std::vector<std::string>& command) {
    std::string out;
    for (const std::string& word : command) {
        const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   std::string_view{"-_=.,/:+"}.find(c) != std::string_view::npos;
        });
        out += out.empty() ? "" : " ";
        if (plain) {
            out += word;
            continue;
        }
        out += '\'';
        for (const char c : word) {
            out += c == '\'' ? std::string{"'\\''"} : std::string{c};
        }
        out += '\'';
    }
    return out;
}

} // namespace bulkhead::tools
