// SPDX-License-Identifier: Apache-2.0
// bulkhead caps: boots the system only to have it print who holds which capability.
#include <algorithm>

#include <fmt/format.h>

#include "boot.hpp"
#include "run/capability_list.hpp"
#include "run/session.hpp"

namespace bulkhead::tools {

namespace {

struct Options {
    PackOptions pack;
    std::vector<std::string> files;
    double timeout_s{120};
};

int run_caps(const Options& options) {
    const auto files = options.files.empty() ? std::vector{default_system_file()} : options.files;
    const auto checked = check_or_complain(files, options.pack.machine);
    if (!checked) {
        return exit_failure;
    }
    QemuOptions qemu;
    qemu.icount = true; // the same output in every run
    PackOptions pack = options.pack;
    pack.print_capabilities = true;
    const auto boot = prepare_boot(*checked, pack, find_build_tree().kernel(), std::move(qemu));
    if (!boot) {
        return exit_failure;
    }
    SessionOptions session;
    session.command = qemu_command(boot->qemu);
    session.stream_names = boot->stream_names;
    session.quiet = true;
    session.timeout = std::chrono::milliseconds{static_cast<std::int64_t>(options.timeout_s * 1000)};
    session.watch.add_until(Matcher{system_stream, std::string{capabilities_end}});
    const auto result = run_session(std::move(session));
    if (!result) {
        return complain(result.message());
    }
    if (result->status != RunStatus::success) {
        fmt::print(stderr, "{}\nbulkhead: {}\n", result->system_log, result->explanation);
        return static_cast<int>(result->status);
    }
    for (const std::string& line : capability_lines(result->system_log)) {
        fmt::print("{}\n", line);
    }
    return exit_success;
}

} // namespace

Command add_caps(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* caps = app.add_subcommand("caps", "Print who holds which capability once everything runs, sorted");
    caps->add_option("FILE", options->files,
                     "Domain files (xl.cfg), or one system file (.toml); default: config/system.toml");
    caps->add_option("--timeout", options->timeout_s, "Give up after so many seconds")->check(CLI::PositiveNumber);
    options->pack.add_to(*caps);
    return [options] { return run_caps(*options); };
}

} // namespace bulkhead::tools
