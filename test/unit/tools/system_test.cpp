// SPDX-License-Identifier: Apache-2.0
// The system file, and whether its promises can be kept at once. REQ-TOOL-002, REQ-TOOL-003
#include <catch2/catch.hpp>

#include "config/plan.hpp"
#include "config/size.hpp"
#include "support.hpp"

using namespace bulkhead::tools;
using bulkhead::tools::test::messages;
using Messages = std::vector<std::string>;

namespace {

SystemConfig good(const std::string& text) {
    Diagnostics diagnostics;
    auto config = parse_system("dir/s.toml", text, diagnostics);
    CHECK(messages(diagnostics) == Messages{});
    return config;
}

Messages bad(const std::string& text) {
    Diagnostics diagnostics;
    (void)parse_system("s.toml", "domains = ['a.cfg']\n" + text, diagnostics);
    return messages(diagnostics);
}

DomainConfig domain(const std::string& name, const std::string& more = "") {
    Diagnostics diagnostics;
    auto config =
        parse_domain(name + ".cfg", "name='" + name + "'\ntype='pvh'\nkernel='k'\nmemory=64\n" + more, diagnostics);
    CHECK(diagnostics.empty());
    return config;
}

struct Planned {
    Plan plan;
    Messages errors;
};

Planned plan(const std::string& system, std::vector<DomainConfig> domains) {
    Diagnostics diagnostics;
    SystemConfig config = parse_system("s.toml", "domains = ['x.cfg']\n" + system, diagnostics);
    auto result = make_plan(std::move(config), std::move(domains), diagnostics);
    return {std::move(result), messages(diagnostics)};
}

} // namespace

TEST_CASE("a full system file") {
    const auto config = good(
        "domains = ['a.cfg', '/b.cfg']\nexit_when_done = false\ncommand_line = 'x'\n"
        "[machine]\nmemory = '2G'\ncpus = 4\n"
        "[component.console]\ncpu = 1\npriority = 50\nmemory = '64K'\nbudget_us = 100\nperiod_us = 1000\n"
        "[domain.a]\ncpus = '1-2'\nexclusive = true\npriority = 3\nbudget_us = 500\nperiod_us = 1000\nextra = 'y'\n"
        "[domain.b]\ncpus = [0, 3]\n");
    REQUIRE(config.domain_files.size() == 2);
    CHECK(config.domain_files[0].first == "dir/a.cfg");
    CHECK(config.domain_files[1].first == "/b.cfg");
    CHECK(!config.exit_when_done);
    CHECK(config.machine_memory == std::uint64_t{2} << 30);
    CHECK(config.machine_cpus == 4);
    CHECK(config.components[3].name == "console");
    CHECK(config.components[3].cpu == 1);
    CHECK(config.components[3].memory_bytes == 64 << 10);
    CHECK(config.components[3].share.budget_us == 100);
    const auto& a = config.domains.find("a")->second;
    CHECK(to_string(*a.cpus) == "1-2");
    CHECK(a.exclusive);
    CHECK(a.share.priority == 3);
    CHECK(a.extra == "y");
    CHECK(to_string(*config.domains.find("b")->second.cpus) == "0,3");
}

TEST_CASE("mistakes in a system file have their place") {
    CHECK(bad("domain = 3\n") == Messages{"s.toml:2:10: 'domain' expected a section: [domain]"});
    CHECK(bad("exit = true\n") == Messages{"s.toml:2:1: 'exit' is no key of the system file"});
    CHECK(bad("[machine]\nmem = 3\n") == Messages{"s.toml:3:1: 'mem' is no key of [machine]"});
    CHECK(
        bad("[machine]\nmemory = 'lots'\n") ==
        Messages{
            "s.toml:3:10: 'memory' is an amount of memory: expected for example \"512M\", \"2G\", or a number of MiB"});
    CHECK(bad("[machine]\ncpus = 0\n") ==
          Messages{"s.toml:3:8: 'cpus' is how many CPUs the machine has: expected a number from 1 to 64"});
    CHECK(bad("[component.net]\ncpu = 0\n") ==
          Messages{"s.toml:2:1: there is no component 'net': expected one of memory, grant, event, console, domain"});
    CHECK(bad("[domain.a]\nbudget_us = 5\n") ==
          Messages{
              "s.toml:3:13: a budget is an amount of time in each period: expected both 'budget_us' and 'period_us'"});
    CHECK(bad("[domain.a]\nbudget_us = 2000\nperiod_us = 1000\n") ==
          Messages{"s.toml:3:13: a budget of 2000 us does not fit into a period of 1000 us: expected at most 1000"});
    CHECK(bad("[domain.a]\nperiod_us = 10\nbudget_us = 5\n") ==
          Messages{"s.toml:3:13: 'period_us' is a time in microseconds: expected a number from 100 to 1000000"});
    CHECK(
        bad("[domain.a]\npriority = 50\n") ==
        Messages{"s.toml:3:12: a guest may not run before the components that all guests need: expected less than 40"});
    CHECK(bad("[domain.a]\ncpus = [70]\n") ==
          Messages{"s.toml:3:9: expected a CPU of the machine, a number from 0 to 63"});
    CHECK(bad("exit_when_done = 1\n") == Messages{"s.toml:2:18: 'exit_when_done' expected true or false"});
    Diagnostics diagnostics;
    (void)parse_system("s.toml", "domains = [\n", diagnostics);
    REQUIRE(diagnostics.count() == 1);
    CHECK(messages(diagnostics)[0].starts_with("s.toml:1:"));
    diagnostics = {};
    (void)parse_system("s.toml", "[machine]\n", diagnostics);
    CHECK(messages(diagnostics) == Messages{"s.toml:1:1: 'domains' lists the domain files: expected for example "
                                            "domains = [\"web.cfg\", \"mail.cfg\"]"});
}

TEST_CASE("domains without a wish go where there is room") {
    const auto planned = plan("[machine]\ncpus = 2\n", {domain("a"), domain("b"), domain("c")});
    CHECK(planned.errors.empty());
    CHECK(planned.plan.domains[0].cpus == std::vector<std::uint32_t>{0});
    CHECK(planned.plan.domains[1].cpus == std::vector<std::uint32_t>{1});
    CHECK(planned.plan.domains[2].cpus == std::vector<std::uint32_t>{0});
}

TEST_CASE("each virtual CPU has a CPU, by list or where there is room, and its own budget there") {
    using Cpus = std::vector<std::uint32_t>;
    CHECK(plan("[machine]\ncpus = 2\n", {domain("a", "vcpus=3")}).plan.domains[0].cpus == Cpus{0, 1, 0});
    CHECK(plan("[machine]\ncpus = 2\n", {domain("a", "vcpus=2\ncpus='1'")}).plan.domains[0].cpus == Cpus{1, 1});
    CHECK(plan("[machine]\ncpus = 3\n", {domain("a", "vcpus=3\ncpus=['2','0-1','0']")}).plan.domains[0].cpus ==
          Cpus{2, 0, 0});
    CHECK(plan("[machine]\ncpus = 2\n", {domain("a", "vcpus=2\ncpus=['0','7']")}).errors ==
          Messages{"a.cfg:6:6: domain \"a\" is put on CPUs 0,7: the machine has 2 (0 to 1)"});
    CHECK(
        plan("[machine]\ncpus = 1\n[domain.a]\nbudget_us = 600\nperiod_us = 1000\n", {domain("a", "vcpus=2")}).errors ==
        Messages{"s.toml:4:1: the budgets on CPU 0 add up to 120.0% of it (a 600/1000 us, a 600/1000 "
                 "us): expected at most 100%"});
}

TEST_CASE("an exclusive domain has its CPUs to itself") {
    const auto moved =
        plan("[machine]\ncpus = 2\n[domain.b]\ncpus = [0]\nexclusive = true\n", {domain("a"), domain("b")});
    CHECK(moved.errors.empty());
    CHECK(moved.plan.domains[0].cpus == std::vector<std::uint32_t>{1});
    CHECK(plan("[machine]\ncpus = 2\n[domain.b]\ncpus = [0]\nexclusive = true\n",
               {domain("a", "cpus='0-1'"), domain("b")})
              .errors ==
          Messages{"a.cfg:5:6: domain \"a\" is put on CPUs 0-1, of which \"b\" has 0 to itself (exclusive)"});
}

TEST_CASE("places that do not exist, and names that do not fit") {
    CHECK(plan("[machine]\ncpus = 2\n", {domain("a", "cpus='2'")}).errors ==
          Messages{"a.cfg:5:6: domain \"a\" is put on CPUs 2: the machine has 2 (0 to 1)"});
    CHECK(plan("[machine]\ncpus = 2\n", {domain("a", "cpus='all'")}).errors.empty());
    CHECK(plan("[domain.web]\n", {domain("wep")}).errors ==
          Messages{"s.toml:2:1: there is no domain \"web\": did you mean 'wep'?"});
    CHECK(
        plan("[domain.a]\ncpus = [1]\n", {domain("a", "cpus='0'")}).errors ==
        Messages{"s.toml:3:8: domain \"a\" is put on CPUs 1 here and on CPUs 0 by a.cfg:5:6: expected one of the two"});
    CHECK(plan("[component.event]\ncpu = 5\n", {domain("a")}).errors ==
          Messages{"s.toml:2:1: component 'event' is on CPU 5: the machine has 2 (0 to 1)"});
    CHECK(plan("", {domain("a"), domain("a")}).errors ==
          Messages{"a.cfg:1:6: another domain has the name \"a\" already (a.cfg:1:6): expected a name of its own"});
    CHECK(plan("", std::vector<DomainConfig>(65, domain("a"))).errors.back() ==
          "a.cfg:1:6: another domain has the name \"a\" already "
          "(a.cfg:1:6): expected a name of its own");
    std::vector<DomainConfig> many;
    for (int i = 0; i < 65; ++i) {
        many.push_back(domain("d" + std::to_string(i)));
    }
    CHECK(plan("", many).errors == Messages{"d64.cfg:1:1: there are 65 domains: expected at most 64"});
}

TEST_CASE("budgets on a CPU add up to at most all of it") {
    const std::string half = "cpus = [0]\nbudget_us = 500\nperiod_us = 1000\n";
    CHECK(plan("[domain.a]\n" + half + "[domain.b]\n" + half, {domain("a"), domain("b")}).errors.empty());
    CHECK(plan("[domain.a]\n" + half + "[domain.b]\ncpus = [0]\nbudget_us = 501\nperiod_us = 1000\n",
               {domain("a"), domain("b")})
              .errors == Messages{"s.toml:6:1: the budgets on CPU 0 add up to 100.1% of it (a 500/1000 us, b 501/1000 "
                                  "us): expected at most 100%"});
    CHECK(plan("[component.grant]\nbudget_us = 600\nperiod_us = 1000\n[domain.a]\n" + half, {domain("a")}).errors ==
          Messages{"s.toml:5:1: the budgets on CPU 0 add up to 110.0% of it (grant 600/1000 us, a 500/1000 us): "
                   "expected at most 100%"});
    // Where each may run, there is room for both.
    const std::string most = "budget_us = 900\nperiod_us = 1000\n";
    CHECK(plan("[domain.a]\n" + most + "[domain.b]\n" + most, {domain("a"), domain("b")}).errors.empty());
}

TEST_CASE("a domain without a budget may not go before one that was promised time") {
    const std::string budget = "[domain.a]\ncpus = [0]\nbudget_us = 500\nperiod_us = 1000\n";
    CHECK(plan(budget + "[domain.b]\ncpus = [0]\n", {domain("a"), domain("b")}).errors.empty());
    CHECK(plan(budget + "[domain.b]\ncpus = [0]\npriority = 17\n", {domain("a"), domain("b")}).errors ==
          Messages{"s.toml:6:1: domain \"b\" has no budget and goes before \"a\" (priority 17 and 16) on CPU 0, whose "
                   "budget can then not be "
                   "kept: expected a budget for it or a priority of at most 16"});
}

TEST_CASE("more memory than the machine has") {
    const auto planned = plan("[machine]\nmemory = '100M'\n", {domain("a"), domain("b")});
    CHECK(planned.errors.empty());
    Diagnostics diagnostics;
    check_memory(planned.plan, 3 << 20, diagnostics);
    CHECK(messages(diagnostics) ==
          Messages{"s.toml:3:10: the machine has 100 MiB, and 171 MiB are needed: 128 MiB for the 2 domains, 40 MiB "
                   "for the system, 3 MiB for the boot image"});
}

TEST_CASE("amounts of memory") {
    CHECK(parse_size("512") == std::uint64_t{512} << 20);
    CHECK(parse_size("64K") == std::uint64_t{64} << 10);
    CHECK(parse_size("2GiB") == std::uint64_t{2} << 30);
    for (const char* wrong : {"", "x", "-1", "1T", "1.5G", "99999999999999G", "18446744073709551616"}) {
        CAPTURE(wrong);
        CHECK(!parse_size(wrong).has_value());
    }
    CHECK(format_size(3 << 20) == "3 MiB");
    CHECK(format_size(3 << 10) == "3 KiB");
    CHECK(format_size(3) == "3 bytes");
}
