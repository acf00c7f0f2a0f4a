// SPDX-License-Identifier: Apache-2.0
#include "config/plan.hpp"

#include <algorithm>
#include <map>

#include <bulkhead/slots.hpp>
#include <fmt/format.h>

#include "config/nearest.hpp"
#include "config/size.hpp"

namespace bulkhead::tools {

namespace {

constexpr std::uint64_t parts = 1'000'000; // shares are compared in millionths of a CPU

std::uint64_t part_of_cpu(const Share& share) {
    return share.budget_us == 0 ? 0 : (share.budget_us * parts + share.period_us - 1) / share.period_us;
}

class Planner {
public:
    Planner(SystemConfig system, Diagnostics& diagnostics) : diagnostics_{diagnostics} {
        plan_.system = std::move(system);
    }

    Plan run(std::vector<DomainConfig> domains) {
        check_names(domains);
        for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
            machine_.set(cpu, cpu < plan_.system.machine_cpus);
        }
        check_components();
        for (DomainConfig& domain : domains) {
            add(std::move(domain));
        }
        reserve_exclusive();
        for (std::size_t i = 0; i < plan_.domains.size(); ++i) {
            place(i);
        }
        for (std::uint32_t cpu = 0; cpu < plan_.system.machine_cpus; ++cpu) {
            check_budgets(cpu);
        }
        return std::move(plan_);
    }

private:
    struct Candidate {
        CpuSet allowed;
        bool exclusive{false};
        std::string file; ///< and place of the setting that decided
        Position at;
    };

    /// Where to complain about a domain's share: the system file's section if there is one.
    void share_error(const PlannedDomain& domain, std::string message) {
        const auto section = plan_.system.domains.find(domain.config.name);
        if (section == plan_.system.domains.end()) {
            diagnostics_.error(domain.config.file, domain.config.where("name"), std::move(message));
        } else {
            diagnostics_.error(plan_.system.file, section->second.at, std::move(message));
        }
    }

    void check_names(const std::vector<DomainConfig>& domains) {
        std::map<std::string, const DomainConfig*> seen;
        std::vector<std::string_view> names;
        for (const DomainConfig& domain : domains) {
            names.push_back(domain.name);
            const auto [first, is_new] = seen.emplace(domain.name, &domain);
            if (!is_new && !domain.name.empty()) {
                diagnostics_.error(
                    domain.file, domain.where("name"),
                    fmt::format("another domain has the name \"{}\" already ({}): expected a name of its own",
                                domain.name, tools::place(first->second->file, first->second->where("name"))));
            }
        }
        if (domains.size() > max_domains) {
            diagnostics_.error(domains[max_domains].file, {},
                               fmt::format("there are {} domains: expected at most {}", domains.size(), max_domains));
        }
        for (const auto& [name, placement] : plan_.system.domains) {
            if (!seen.contains(name)) {
                diagnostics_.error(plan_.system.file, placement.at,
                                   fmt::format("there is no domain \"{}\"{}", name, did_you_mean(name, names)));
            }
        }
    }

    void check_components() {
        for (const ComponentConfig& component : plan_.system.components) {
            if (component.cpu >= plan_.system.machine_cpus) {
                diagnostics_.error(plan_.system.file, component.at,
                                   fmt::format("component '{}' is on CPU {}: the machine has {} (0 to {})",
                                               component.name, component.cpu, plan_.system.machine_cpus,
                                               plan_.system.machine_cpus - 1));
            }
        }
    }

    void add(DomainConfig config) {
        PlannedDomain domain;
        domain.command_line = config.command_line;
        domain.share.priority = default_domain_priority;
        Candidate candidate{machine_, false, config.file, config.where("cpus")};
        if (!config.cpus.empty()) {
            candidate.allowed.reset();
            for (const CpuSet& of_one : config.cpus) {
                candidate.allowed |= of_one;
            }
        }
        const auto section = plan_.system.domains.find(config.name);
        if (section != plan_.system.domains.end()) {
            apply(section->second, config, domain, candidate);
        }
        domain.config = std::move(config);
        check_allowed(domain, candidate);
        plan_.domains.push_back(std::move(domain));
        candidates_.push_back(candidate);
    }

    void apply(const DomainPlacement& placement, const DomainConfig& config, PlannedDomain& domain,
               Candidate& candidate) {
        domain.share = placement.share;
        if (!placement.extra.empty()) {
            domain.command_line += (domain.command_line.empty() ? "" : " ") + placement.extra;
        }
        if (domain.command_line.size() > 1023) {
            diagnostics_.error(plan_.system.file, placement.at,
                               "with 'extra' the guest's command line is longer than 1023 characters");
        }
        candidate.exclusive = placement.exclusive;
        if (!placement.cpus) {
            return;
        }
        if (!config.cpus.empty() && candidate.allowed != *placement.cpus) {
            diagnostics_.error(
                plan_.system.file, placement.cpus_at,
                fmt::format("domain \"{}\" is put on CPUs {} here and on CPUs {} by {}: expected one of the two",
                            config.name, to_string(*placement.cpus), to_string(candidate.allowed),
                            tools::place(config.file, config.where("cpus"))));
        }
        candidate.allowed = *placement.cpus;
        candidate.file = plan_.system.file;
        candidate.at = placement.cpus_at;
    }

    void check_allowed(const PlannedDomain& domain, Candidate& candidate) {
        const CpuSet missing = candidate.allowed & ~machine_;
        // "all" means all that there are.
        if (missing.any() && !candidate.allowed.all()) {
            diagnostics_.error(candidate.file, candidate.at,
                               fmt::format("domain \"{}\" is put on CPUs {}: the machine has {} (0 to {})",
                                           domain.config.name, to_string(candidate.allowed), plan_.system.machine_cpus,
                                           plan_.system.machine_cpus - 1));
        }
        candidate.allowed &= machine_;
        if (candidate.allowed.none()) {
            candidate.allowed = machine_; // reported; go on with something
        }
    }

    /// Takes exclusive CPUs away from all who did not ask for them by name, and reports those who did.
    void reserve_exclusive() {
        for (std::size_t owner = 0; owner < candidates_.size(); ++owner) {
            if (!candidates_[owner].exclusive) {
                continue;
            }
            for (std::size_t other = 0; other < candidates_.size(); ++other) {
                if (other != owner) {
                    keep_off(owner, other);
                }
            }
        }
    }

    void keep_off(std::size_t owner, std::size_t other) {
        Candidate& candidate = candidates_[other];
        const CpuSet common = candidate.allowed & candidates_[owner].allowed;
        const bool chose = candidate.at.line != 0;
        if (common.none()) {
            return;
        }
        const CpuSet left = candidate.allowed & ~common;
        if (left.none() || chose) {
            const auto& name = plan_.domains[other].config.name;
            diagnostics_.error(
                candidate.file, candidate.at,
                fmt::format("domain \"{}\" is put on CPUs {}, of which \"{}\" has {} to itself (exclusive)", name,
                            to_string(candidate.allowed), plan_.domains[owner].config.name, to_string(common)));
        } else {
            candidate.allowed = left;
        }
    }

    /// What a list in the domain's file says of that vCPU; nothing that it says is left: what the domain may use.
    CpuSet allowed_for(std::size_t index, std::uint32_t vcpu) const {
        const CpuSet domain = candidates_[index].allowed;
        const std::vector<CpuSet>& list = plan_.domains[index].config.cpus;
        const CpuSet own = vcpu < list.size() ? domain & list[vcpu] : domain;
        return own.none() ? domain : own;
    }

    /// The allowed CPU with the least promised and, of those, the fewest guests.
    void place(std::size_t index) {
        PlannedDomain& domain = plan_.domains[index];
        for (std::uint32_t vcpu = 0; vcpu < domain.config.vcpus; ++vcpu) {
            const CpuSet allowed = allowed_for(index, vcpu);
            std::uint32_t best = max_cpus;
            for (std::uint32_t cpu = 0; cpu < plan_.system.machine_cpus; ++cpu) {
                if (allowed.test(cpu) && (best == max_cpus || load(cpu) < load(best))) {
                    best = cpu;
                }
            }
            domain.cpus.push_back(best);
            ++guests_[best];
            promised_[best] += part_of_cpu(domain.share);
        }
    }

    std::pair<std::uint64_t, std::uint32_t> load(std::uint32_t cpu) const { return {promised_[cpu], guests_[cpu]}; }

    void check_budgets(std::uint32_t cpu) {
        std::uint64_t total = 0;
        std::string list;
        const auto count = [&](const std::string& name, const Share& share) {
            if (share.budget_us != 0) {
                total += part_of_cpu(share);
                list += fmt::format("{}{} {}/{} us", list.empty() ? "" : ", ", name, share.budget_us, share.period_us);
            }
        };
        for (const ComponentConfig& component : plan_.system.components) {
            if (component.cpu == cpu) {
                count(component.name, component.share);
            }
        }
        const PlannedDomain* last = nullptr;
        const PlannedDomain* unlimited = nullptr;
        for (const PlannedDomain& domain : plan_.domains) {
            const auto vcpus = std::count(domain.cpus.begin(), domain.cpus.end(), cpu);
            if (vcpus == 0) {
                continue;
            }
            for (auto n = vcpus; n > 0; --n) { // each has the budget to itself
                count(domain.config.name, domain.share);
            }
            last = domain.share.budget_us != 0 ? &domain : last;
            if (domain.share.budget_us == 0 &&
                (unlimited == nullptr || domain.share.priority > unlimited->share.priority)) {
                unlimited = &domain;
            }
        }
        if (total > parts && last != nullptr) {
            share_error(*last, fmt::format("the budgets on CPU {} add up to {}.{}% of it ({}): expected at most 100%",
                                           cpu, total * 100 / parts, total * 1000 / parts % 10, list));
        }
        if (unlimited != nullptr) {
            check_unlimited(cpu, *unlimited);
        }
    }

    /// A domain without a budget that goes first takes all there is.
    void check_unlimited(std::uint32_t cpu, const PlannedDomain& unlimited) {
        for (const PlannedDomain& domain : plan_.domains) {
            const bool here = std::find(domain.cpus.begin(), domain.cpus.end(), cpu) != domain.cpus.end();
            if (here && domain.share.budget_us != 0 && domain.share.priority < unlimited.share.priority) {
                share_error(
                    unlimited,
                    fmt::format(
                        "domain \"{}\" has no budget and goes before \"{}\" (priority {} and {}) on CPU {}, whose "
                        "budget can then not be kept: expected a budget for it or a priority of at most {}",
                        unlimited.config.name, domain.config.name, unlimited.share.priority, domain.share.priority, cpu,
                        domain.share.priority));
                return;
            }
        }
    }

    Diagnostics& diagnostics_;
    Plan plan_;
    CpuSet machine_;
    std::vector<Candidate> candidates_; ///< of plan_.domains
    std::array<std::uint64_t, max_cpus + 1> promised_{};
    std::array<std::uint32_t, max_cpus + 1> guests_{};
};

} // namespace

Plan make_plan(SystemConfig system, std::vector<DomainConfig> domains, Diagnostics& diagnostics) {
    return Planner{std::move(system), diagnostics}.run(std::move(domains));
}

void check_memory(const Plan& plan, std::uint64_t image_bytes, Diagnostics& diagnostics) {
    std::uint64_t guests = 0;
    std::uint64_t components = system_overhead;
    for (const PlannedDomain& domain : plan.domains) {
        guests += domain.config.memory_bytes;
        components += domain_overhead;
    }
    for (const ComponentConfig& component : plan.system.components) {
        components += component.memory_bytes;
    }
    const std::uint64_t needed = guests + components + image_bytes;
    if (needed <= plan.system.machine_memory) {
        return;
    }
    constexpr std::uint64_t mib = std::uint64_t{1} << 20;
    const std::string message =
        fmt::format("the machine has {}, and {} MiB are needed: {} for the {} domains, {} MiB for the system, {} MiB "
                    "for the boot image",
                    format_size(plan.system.machine_memory), (needed + mib - 1) / mib, format_size(guests),
                    plan.domains.size(), (components + mib - 1) / mib, (image_bytes + mib - 1) / mib);
    if (!plan.system.file.empty()) {
        diagnostics.error(plan.system.file, plan.system.memory_at, message);
        return;
    }
    // No system file: complain where the last straw is.
    const auto largest =
        std::max_element(plan.domains.begin(), plan.domains.end(), [](const PlannedDomain& a, const PlannedDomain& b) {
            return a.config.memory_bytes < b.config.memory_bytes;
        });
    diagnostics.error(largest->config.file, largest->config.where("memory"), message);
}

} // namespace bulkhead::tools
