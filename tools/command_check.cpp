// SPDX-License-Identifier: Apache-2.0
// bulkhead check: everything that can be known to be wrong before anything boots.
#include <fmt/format.h>

#include "common_options.hpp"
#include "config/size.hpp"
#include "processor_policy.hpp"

namespace bulkhead::tools {

namespace {

struct CheckOptions {
    std::vector<std::string> files;
    MachineOptions machine;
    bool policy{false};
};

std::string describe(const PlannedDomain& domain) {
    std::string budget = "no limit";
    if (domain.share.budget_us != 0) {
        budget = fmt::format("{} of each {} us", domain.share.budget_us, domain.share.period_us);
    }
    return fmt::format("{}: {}, {}, CPU {}, {}", domain.config.name, domain.config.kernel,
                       format_size(domain.config.memory_bytes), fmt::join(domain.cpus, ","), budget);
}

int run_check(const CheckOptions& options) {
    const auto checked = check_or_complain(options.files, options.machine);
    if (!checked) {
        return exit_failure;
    }
    for (const PlannedDomain& domain : checked->plan.domains) {
        fmt::print("{}\n", describe(domain));
    }
    if (options.policy) {
        fmt::print("{}", describe_processor_policy());
    }
    fmt::print("good for a machine with {} and {} CPU{}\n", format_size(checked->plan.system.machine_memory),
               checked->plan.system.machine_cpus, checked->plan.system.machine_cpus == 1 ? "" : "s");
    return exit_success;
}

} // namespace

Command add_check(CLI::App& app) {
    auto options = std::make_shared<CheckOptions>();
    CLI::App* check = app.add_subcommand("check", "Check domain files, or a system file and the domains that it names");
    check->add_option("FILE", options->files, "Domain files (xl.cfg), or one system file (.toml)")->required();
    check->add_flag("--policy", options->policy, "Also print what the domains see of the processor: CPUID and MSRs");
    options->machine.add_to(*check);
    return [options] { return run_check(*options); };
}

} // namespace bulkhead::tools
