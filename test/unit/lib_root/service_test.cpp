// SPDX-License-Identifier: Apache-2.0
// Root at work: the end of a run, faults, the print-out, and a clerk that gets stuck.
// REQ-DOMAIN-004
#include <bulkhead/rpc.hpp>

#include "world.hpp"

using namespace bulkhead;
using namespace bulkhead::root;
using namespace bulkhead::root::test;

namespace {
std::int32_t say_all_done(World& w, std::uint32_t failures) {
    std::int32_t result = 1;
    w.machine.run_as(w.part(Part::domain), [&] {
        bulkhead_RootRequest request{};
        request.which_request = bulkhead_RootRequest_all_done_tag;
        request.request.all_done.failures = failures;
        bulkhead_RootReply reply{};
        REQUIRE(rpc(slot::root, request, reply) == Status::ok);
        result = reply.result;
    });
    return result;
}
} // namespace

TEST_CASE("when all is done the console is flushed before the machine ends", "[root]") {
    for (const std::uint32_t failures : {0u, 3u}) {
        World w;
        REQUIRE(w.bring_up());
        w.start();
        CHECK(say_all_done(w, failures) == 0);
        CHECK(w.exits().empty());
        w.settle();
        CHECK(w.flushes == 1);
        CHECK(w.exits() == std::vector<std::uint32_t>{failures == 0 ? exit_good : exit_bad});
        CHECK(w.logged("all domains have ended"));
    }
}

TEST_CASE("without exit_when_done the machine stays on", "[root]") {
    ImageMaker maker = good_image();
    maker.manifest.exit_when_done = false;
    World w{maker.finish()};
    REQUIRE(w.bring_up());
    w.start();
    CHECK(say_all_done(w, 0) == 0);
    w.settle();
    CHECK(w.exits().empty());
}

TEST_CASE("only services/domain may say that all is done", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    sim::Component& other = w.machine.add("other");
    w.machine.run_as(*w.root, [] {
        REQUIRE(sys::mint_badge(slot::cap_space, Selector{5000}, root_slot::portal, Rights::write | Rights::derive,
                                static_cast<std::uint64_t>(ClientId::grant)) == Status::ok);
    });
    w.machine.copy(*w.root, Selector{5000}, other, slot::root, Rights::write);
    w.machine.run_as(other, [] {
        bulkhead_RootRequest request{};
        request.which_request = bulkhead_RootRequest_all_done_tag;
        bulkhead_RootReply reply{};
        REQUIRE(rpc(slot::root, request, reply) == Status::ok);
        CHECK(reply.result == -XEN_EPERM);
    });
    w.settle();
    CHECK(w.exits().empty());
}

TEST_CASE("a component's fault is reported; without domain the run is over", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    w.machine.kill(w.part(Part::grant));
    w.settle();
    CHECK(w.logged("[root] component grant stopped: #UD (vector 6)"));
    CHECK(w.exits().empty());
    w.machine.kill(w.part(Part::domain));
    w.settle();
    CHECK(w.logged("component domain stopped"));
    CHECK(w.exits() == std::vector<std::uint32_t>{exit_bad});
}

TEST_CASE("a console that has died takes no line with it", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    w.machine.kill(w.part(Part::console));
    w.settle();
    CHECK(w.serial().find("component console stopped") != std::string::npos);
    CHECK(say_all_done(w, 0) == 0);
    w.settle();
    CHECK(w.exits() == std::vector<std::uint32_t>{exit_good});
}

TEST_CASE("a clerk that is stuck in a call is dismissed and nothing is lost", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    CHECK(say_all_done(w, 0) == 0); // the clerk, which never runs here, was asked to flush
    w.machine.run_as(*w.root, [&] {
        const Tsc start{1'000'000};
        const Tsc when = w.clerk.deadline(start);
        CHECK(when.value > start.value);
        CHECK(w.clerk.deadline(Tsc{when.value - 1}).value == when.value); // no progress, no more patience
        w.clerk.check(Tsc{when.value - 1});
        CHECK(w.serial().empty());
        w.clerk.check(when);
        w.service->on_timeout();
    });
    CHECK(w.serial().find("\x1e"
                          "0[root] all domains have ended\n") != std::string::npos);
    CHECK(w.serial().find("does not answer") != std::string::npos);
    CHECK(w.exits() == std::vector<std::uint32_t>{exit_good});
    CHECK(w.clerk.deadline(Tsc{1}).value == 0);
}

TEST_CASE("the print-out comes after domain's, sorted within each holder, between its markers", "[root]") {
    ImageMaker maker = good_image();
    maker.manifest.print_capabilities = true;
    World w{maker.finish()};
    REQUIRE(w.bring_up());
    w.start();
    w.settle();
    CHECK(w.prints == 1);
    REQUIRE(w.console_lines.size() > 100);
    CHECK(w.console_lines.front() == "[root] capabilities begin\n");
    CHECK(w.console_lines.back() == "[root] capabilities end\n");
    const std::vector<std::string> caps{w.console_lines.begin() + 1, w.console_lines.end() - 1};
    CHECK(caps.front() == "[root] cap console     1 cap_space ---c-- -\n");
    CHECK(std::is_sorted(caps.begin(), caps.end()));
    CHECK(w.exits() == std::vector<std::uint32_t>{exit_good});
}

TEST_CASE("a queue of lines loses none and never waits", "[root]") {
    auto queue = std::make_unique<LineQueue>();
    char line[64];
    std::size_t length = 0;
    CHECK_FALSE(queue->pop(line, length));
    std::uint32_t pushed = 0, popped = 0;
    for (int round = 0; round < 5000; ++round) {
        while (round % 3 != 0 && queue->push("line " + std::to_string(pushed))) {
            ++pushed;
        }
        for (int i = 0; i < 100 && queue->pop(line, length); ++i) {
            REQUIRE(std::string(line, length) == "line " + std::to_string(popped++));
        }
        REQUIRE(queue->empty() == (pushed == popped));
    }
    CHECK(pushed > 10'000);
    CHECK_FALSE(queue->has_room(LineQueue::capacity));
    CHECK_FALSE(queue->push(std::string(LineQueue::capacity, 'x')));
    while (queue->pop(line, length)) {
    }
    CHECK(queue->push(std::string(1000, 'x') + "\ny"));
    REQUIRE(queue->pop(line, length));
    CHECK(length == sizeof line); // cut, and the rest of it is gone
    CHECK(queue->empty());
}
