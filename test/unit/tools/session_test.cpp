// SPDX-License-Identifier: Apache-2.0
// A whole run against a shell script in QEMU's place: how it ends, and what is typed and logged. REQ-TOOL-006
#include <catch2/catch.hpp>

#include <poll.h>

#include "run/process.hpp"
#include "run/session.hpp"
#include "support.hpp"

using namespace bulkhead::tools;

namespace {

SessionOptions scripted(const std::string& script) {
    SessionOptions options;
    options.command = {"/bin/sh", "-c", script};
    options.stream_names = {"bulkhead", "a"};
    options.quiet = true;
    return options;
}

SessionResult run(SessionOptions options) {
    auto result = run_session(std::move(options));
    REQUIRE(result.ok());
    return *result;
}

} // namespace

TEST_CASE("how the machine ends is how the run ends") {
    CHECK(run(scripted("exit 33")).status == RunStatus::success);
    CHECK(run(scripted("exit 35")).status == RunStatus::failure);
    CHECK(run(scripted("exit 31")).status == RunStatus::panic);
    CHECK(run(scripted("exit 0")).status == RunStatus::panic);
    const auto broken = run(scripted("echo no such option >&2; exit 1"));
    CHECK(broken.status == RunStatus::failure);
    CHECK(broken.explanation == "QEMU ended with status 1:\nno such option\n");
}

TEST_CASE("the texts that are waited for end the run, however long the machine would go on") {
    auto options = scripted("printf '\\0361Linux'; printf ' version\\n'; exec sleep 1000");
    options.watch.add_until(Matcher{1, "Linux version"});
    CHECK(run(std::move(options)).status == RunStatus::success);
}

TEST_CASE("a machine that ends before the text is a failure that says what was missing") {
    auto options = scripted("exit 33");
    options.watch.add_until(Matcher{1, "shell"});
    const auto result = run(std::move(options));
    CHECK(result.status == RunStatus::failure);
    CHECK(result.explanation == "all domains have ended; \"shell\" has not appeared");
}

TEST_CASE("time can be up") {
    auto options = scripted("exec sleep 1000");
    options.watch.add_until(Matcher{1, "shell"});
    options.timeout = std::chrono::milliseconds{50};
    const auto result = run(std::move(options));
    CHECK(result.status == RunStatus::timeout);
    CHECK(result.explanation == "time is up after 0.05 s; \"shell\" has not appeared");
}

TEST_CASE("a panic of the hypervisor ends the run, waited for or not") {
    auto options = scripted("printf '\\0361x\\0360\\nbulkhead: PANIC on CPU 0: shell\\n'; exit 31");
    options.watch.add_until(Matcher{1, "never"});
    CHECK(run(std::move(options)).status == RunStatus::panic);
}

TEST_CASE("replies are typed to their domain when their text appears") {
    auto options = scripted("printf '\\0361login:'; read -r line; printf '%s' \"$line\" > \"$1\"; exit 33");
    const test::TemporaryDirectory directory;
    options.command.insert(options.command.end(), {"sh", directory.path("typed")});
    options.watch.add_reply({Matcher{1, "login:"}, "root\n"});
    CHECK(run(std::move(options)).status == RunStatus::success);
    const auto typed = read_file(directory.path("typed"));
    REQUIRE(typed.ok());
    CHECK(std::string(reinterpret_cast<const char*>(typed->data()), typed->size()) == "\x1e"
                                                                                      "1root");
}

TEST_CASE("each stream has a log of its own") {
    const test::TemporaryDirectory directory;
    auto options = scripted("printf 'boot\\n\\0361guest\\n'; exit 33");
    options.log_directory = directory.path("logs");
    const auto result = run(std::move(options));
    CHECK(result.system_log == "boot\n");
    const auto guest = read_file(directory.path("logs/a.log"));
    REQUIRE(guest.ok());
    CHECK(std::string(reinterpret_cast<const char*>(guest->data()), guest->size()) == "guest\n");
}

TEST_CASE("a program that is not there is a failure with its name") {
    SessionOptions options;
    options.command = {"/nonexistent/qemu"};
    options.stream_names = {"bulkhead", "a"};
    options.quiet = true;
    const auto result = run(std::move(options));
    CHECK(result.status == RunStatus::failure);
    CHECK(result.explanation.find("cannot run /nonexistent/qemu") != std::string::npos);
}

TEST_CASE("a process that ignores the request to end is made to") {
    auto process = Process::start({"/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"});
    REQUIRE(process.ok());
    pollfd said{process->output().get(), POLLIN, 0};
    REQUIRE(poll(&said, 1, 60'000) == 1);
    process->terminate();
    CHECK(process->wait() > 128);
}
