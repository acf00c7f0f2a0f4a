// SPDX-License-Identifier: Apache-2.0
// bulkhead run: boots QEMU and gives the user the domains' consoles.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "boot.hpp"
#include "run/session.hpp"

namespace bulkhead::tools {

namespace {

struct Options {
    PackOptions pack;
    std::vector<std::string> files;
    std::string console;
    std::vector<std::string> untils, replies;
    double timeout_s{0};
    bool icount{false};
    bool gdb{false};
    std::string trace_file;
    std::string log_directory;
    std::string qemu_arguments;
};

int usage_error(const std::string& message) {
    complain(message);
    return exit_usage;
}

/// Words separated by blanks; quotes keep a word together.
std::vector<std::string> split_words(const std::string& text) {
    std::string copy = text;
    return CLI::detail::split_up(std::move(copy));
}

Outcome<Watch> make_watch(const Options& options, const std::vector<std::string>& names) {
    Watch watch;
    for (const std::string& argument : options.untils) {
        auto matcher = parse_until(argument, names);
        if (!matcher) {
            return Failure{matcher.message()};
        }
        watch.add_until(std::move(*matcher));
    }
    for (const std::string& argument : options.replies) {
        auto reply = parse_reply(argument, names);
        if (!reply) {
            return Failure{reply.message()};
        }
        watch.add_reply(std::move(*reply));
    }
    return watch;
}

void print_gdb_recipe(const BuildTree& build) {
    fmt::print(stderr,
               "bulkhead: the machine waits for gdb on port 1234:\n"
               "  gdb {} -ex 'target remote localhost:1234' -ex 'hbreak bulkhead::kernel::kernel_start' -ex continue\n"
               "  in a component (all are linked at the same address): add-symbol-file {}/NAME.elf\n",
               build.kernel(), build.components());
}

int run_run(const Options& options) {
    const auto files = options.files.empty() ? std::vector{default_system_file()} : options.files;
    const auto checked = check_or_complain(files, options.pack.machine);
    if (!checked) {
        return exit_failure;
    }
    const BuildTree build = find_build_tree();
    QemuOptions qemu;
    qemu.icount = options.icount;
    qemu.gdb = options.gdb;
    qemu.trace_file = options.trace_file;
    qemu.extra = split_words(options.qemu_arguments);
    SessionOptions session;
    auto boot = prepare_boot(*checked, options.pack, build.kernel(), std::move(qemu));
    if (!boot) {
        return exit_failure;
    }
    session.command = qemu_command(boot->qemu);
    session.stream_names = boot->stream_names;
    session.log_directory = options.log_directory;
    if (options.timeout_s > 0) {
        session.timeout = std::chrono::milliseconds{std::llround(options.timeout_s * 1000)};
    }
    if (!options.console.empty()) {
        const auto found = std::find(session.stream_names.begin(), session.stream_names.end(), options.console);
        if (found == session.stream_names.end()) {
            return usage_error(fmt::format("--console: there is no domain \"{}\": expected one of {}", options.console,
                                           fmt::join(session.stream_names, ", ")));
        }
        session.raw_console = static_cast<StreamId>(found - session.stream_names.begin());
    }
    auto watch = make_watch(options, session.stream_names);
    if (!watch) {
        return usage_error(watch.message());
    }
    session.watch = std::move(*watch);
    if (options.gdb) {
        print_gdb_recipe(build);
    }
    const auto result = run_session(std::move(session));
    if (!result) {
        return complain(result.message());
    }
    if (!result->explanation.empty()) {
        fmt::print(stderr, "bulkhead: {}\n", result->explanation);
    }
    return static_cast<int>(result->status);
}

void add_script_options(CLI::App& run, Options& options) {
    run.add_option("--until", options.untils,
                   "End with success when this text has appeared: TEXT in any stream, or NAME:TEXT. More than one: "
                   "when all have")
        ->allow_extra_args(false)
        ->type_name("[NAME:]TEXT");
    run.add_option("--on", options.replies,
                   "NAME:TEXT=>REPLY: type REPLY to domain NAME when TEXT appears there; in turn, each once")
        ->allow_extra_args(false)
        ->type_name("SCRIPT");
    run.add_option("--timeout", options.timeout_s, "End with status 3 after so many seconds")
        ->check(CLI::PositiveNumber)
        ->type_name("SECONDS");
    run.add_option("--log", options.log_directory, "Write each stream to a file of its own in this directory")
        ->type_name("DIR");
}

} // namespace

Command add_run(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* run = app.add_subcommand("run", "Boot domains under QEMU and show their consoles");
    run->add_option("FILE", options->files,
                    "Domain files (xl.cfg), or one system file (.toml); default: config/system.toml");
    run->add_option("--console", options->console, "Only this domain's console, byte for byte")->type_name("NAME");
    add_script_options(*run, *options);
    run->add_flag("--icount", options->icount, "Deterministic: time is counted in instructions, fixed seed and clock");
    run->add_flag("--gdb", options->gdb, "Wait for gdb before the first instruction, and say how to use it");
    run->add_option("--trace", options->trace_file,
                    "Write interrupts, resets and errors of the guest to this file (QEMU's log)")
        ->type_name("FILE");
    run->add_option("--qemu-args", options->qemu_arguments, "More arguments for QEMU, in one string")
        ->type_name("WORDS");
    options->pack.add_to(*run);
    run->footer("Exit status: 0 the texts of --until have appeared, or all domains ended well; 1 failure; 2 usage; 3 "
                "time is up; "
                "4 the hypervisor itself gave up.\n"
                "Keys: Ctrl-A h.");
    return [options] { return run_run(*options); };
}

} // namespace bulkhead::tools
