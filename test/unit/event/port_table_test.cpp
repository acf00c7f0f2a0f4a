// SPDX-License-Identifier: Apache-2.0
// The port table's results, operation by operation, as public/event_channel.h and Xen give them.
// REQ-EVENT-001
#include <catch2/catch.hpp>

#include <memory>
#include <vector>

#include "fake_authority.hpp"

using namespace bulkhead;
using namespace bulkhead::event;

namespace {

struct Fixture {
    FakeAuthority authority;
    std::vector<PortTable::Bucket> memory{64};
    std::unique_ptr<PortTable> table = std::make_unique<PortTable>(authority, memory, Selector{1024}, 256);
    DomId a{1}, b{2};

    Fixture() {
        REQUIRE(table->add_domain(a, 2, 1024) == 0);
        REQUIRE(table->add_domain(b, 1, 1024) == 0);
    }
    std::uint32_t offer(DomId owner, DomId remote) {
        const auto outcome = table->alloc_unbound(owner, owner.value, remote.value);
        REQUIRE(outcome.result == 0);
        return outcome.port.value;
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "domains: bad numbers are refused, memory comes back", "[event]") {
    CHECK(table->add_domain(DomId{0}, 1, 1024) == -XEN_EINVAL);
    CHECK(table->add_domain(DomId{65}, 1, 1024) == -XEN_EINVAL);
    CHECK(table->add_domain(DomId{3}, 0, 1024) == -XEN_EINVAL);
    CHECK(table->add_domain(DomId{3}, 33, 1024) == -XEN_EINVAL);
    CHECK(table->add_domain(DomId{3}, 1, 1) == -XEN_EINVAL);
    CHECK(table->add_domain(DomId{3}, 1, PortTable::max_ports + 1) == -XEN_EINVAL);
    CHECK(table->add_domain(a, 1, 1024) == -XEN_EEXIST);
    CHECK(remove_domain(*table, DomId{3}) == -XEN_ESRCH);
    REQUIRE(table->add_domain(DomId{3}, 1, 4096) == 0);
    CHECK(table->free_buckets() == 64);
    CHECK(table->bind_ipi(DomId{3}, 0).result == 0);
    CHECK(table->free_buckets() == 63);
    CHECK(table->status(DomId{3}, 3, 4095).result == 0);
    CHECK(remove_domain(*table, DomId{3}) == 0);
    CHECK(table->free_buckets() == 64);
}

TEST_CASE_METHOD(Fixture, "a domain that takes all ports leaves the others what they were promised", "[event]") {
    REQUIRE(table->add_domain(DomId{3}, 1, 4096) == 0);
    std::uint32_t ports = 0;
    while (table->alloc_unbound(DomId{3}, 3, 1).result == 0) {
        ++ports;
    }
    CHECK(ports == (64 - 2 * PortTable::promised_buckets) * 64 - 1);
    CHECK(table->alloc_unbound(DomId{3}, 3, 1).result == -XEN_ENOSPC);
    for (const DomId d : {a, b}) {
        for (std::uint32_t i = 1; i < PortTable::promised_buckets * 64; ++i) {
            REQUIRE(table->alloc_unbound(d, d.value, 1).port == Port{i});
        }
        CHECK(table->alloc_unbound(d, d.value, 1).result == -XEN_ENOSPC);
    }
    CHECK(table->add_domain(DomId{4}, 1, 64) == -XEN_ENOMEM); // nothing left to promise
    REQUIRE(reset(*table, DomId{3}) == 0);
    CHECK(table->alloc_unbound(DomId{3}, 3, 1).port == Port{1});
    REQUIRE(remove_domain(*table, DomId{3}) == 0);
    CHECK(table->add_domain(DomId{4}, 1, 64) == 0);
}

TEST_CASE_METHOD(Fixture, "alloc_unbound", "[event]") {
    CHECK(table->alloc_unbound(a, 1, 2).port == Port{1});
    CHECK(table->alloc_unbound(a, 1, 1).port == Port{2});
    CHECK(table->alloc_unbound(a, 2, 1).result == -XEN_EPERM);
    CHECK(table->alloc_unbound(a, 9, 1).result == -XEN_ESRCH);
    CHECK(table->alloc_unbound(a, 1, 0x1'0000).result == -XEN_EINVAL);
    CHECK(table->alloc_unbound(a, 1, DOMID_IO).port == Port{3}); // nobody can ever connect to it
    CHECK(table->alloc_unbound(DomId{9}, 9, 1).result == -XEN_ESRCH);
    const auto status = table->status(a, 1, 1);
    CHECK(status.entry.state == PortState::unbound);
    CHECK(status.entry.remote == 2);
}

TEST_CASE_METHOD(Fixture, "a domain's limit is -ENOSPC, and its own", "[event]") {
    REQUIRE(table->add_domain(DomId{3}, 1, 6) == 0);
    for (std::uint32_t i = 1; i <= 5; ++i) {
        CHECK(table->alloc_unbound(DomId{3}, 3, 1).port == Port{i});
    }
    CHECK(table->alloc_unbound(DomId{3}, 3, 1).result == -XEN_ENOSPC);
    CHECK(table->bind_ipi(DomId{3}, 0).result == -XEN_ENOSPC);
    CHECK(table->bind_virq(DomId{3}, VIRQ_TIMER, 0).result == -XEN_ENOSPC);
    CHECK(table->bind_interdomain(DomId{3}, 1, 77).result == -XEN_ENOSPC); // before -EINVAL, as in Xen
    CHECK(table->alloc_static(DomId{3}, ClientId::console).result == -XEN_ENOSPC);
    CHECK(table->close(DomId{3}, 3) == 0);
    CHECK(table->bind_ipi(DomId{3}, 0).port == Port{3});
    CHECK(table->alloc_unbound(a, 1, 2).result == 0);
    CHECK(table->status(DomId{3}, 3, 6).result == -XEN_EINVAL);
    CHECK(table->close(DomId{3}, 6) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Fixture, "new ports lie below what the guest's ABI has", "[event]") {
    REQUIRE(table->add_domain(DomId{3}, 1, 4096) == 0);
    const std::uint32_t theirs = offer(a, DomId{3});
    for (std::uint32_t i = 1; i < 70; ++i) {
        REQUIRE(table->alloc_unbound(DomId{3}, 3, 1, 70).port == Port{i});
    }
    const std::uint32_t buckets = table->free_buckets();
    CHECK(table->alloc_unbound(DomId{3}, 3, 1, 70).result == -XEN_ENOSPC);
    CHECK(table->bind_ipi(DomId{3}, 0, 70).result == -XEN_ENOSPC);
    CHECK(table->bind_virq(DomId{3}, VIRQ_TIMER, 0, 70).result == -XEN_ENOSPC);
    CHECK(table->bind_interdomain(DomId{3}, 1, theirs, 70).result == -XEN_ENOSPC);
    CHECK(table->alloc_unbound(DomId{3}, 3, 1, 64).result == -XEN_ENOSPC); // a limit on a bucket's edge
    CHECK(table->free_buckets() == buckets);                               // and nothing was taken for it
    CHECK(table->bind_ipi(DomId{3}, 0).port == Port{70});                  // with the FIFO ABI there are more
    CHECK(table->bind_ipi(DomId{3}, 0, 0xffff'ffff).port == Port{71});
    CHECK(table->status(DomId{3}, 3, 70).entry.state == PortState::ipi);
    REQUIRE(table->close(DomId{3}, 5) == 0);
    CHECK(table->bind_ipi(DomId{3}, 0, 70).port == Port{5});
}

TEST_CASE("a domain has as many connections as its monitor has places for", "[event]") {
    FakeAuthority authority;
    std::vector<PortTable::Bucket> memory(128);
    const auto table = std::make_unique<PortTable>(authority, memory, Selector{1024}, 4096);
    const DomId a{1}, b{2};
    REQUIRE(table->add_domain(a, 1, 4096) == 0);
    REQUIRE(table->add_domain(b, 1, 4096) == 0);
    const auto offer = [&](DomId remote) { return table->alloc_unbound(a, 1, remote.value).port.value; };
    for (std::uint32_t i = 0; i < slot::max_senders / 2; ++i) {
        REQUIRE(table->bind_interdomain(a, 1, offer(a)).result == 0); // both ends
    }
    const std::uint32_t to_itself = offer(a), to_other = offer(b);
    CHECK(table->bind_interdomain(a, 1, to_itself).result == -XEN_ENOSPC);
    CHECK(table->bind_interdomain(b, 1, to_other).result == -XEN_ENOSPC); // not for want of the caller's
    CHECK(table->free_senders() == 4096 - slot::max_senders);
    REQUIRE(table->close(a, 1) == 0);
    CHECK(table->bind_interdomain(b, 1, to_other).result == 0);
    CHECK_FALSE(authority.misused);
}

TEST_CASE_METHOD(Fixture, "reset and removal go in steps", "[event]") {
    REQUIRE(table->add_domain(DomId{3}, 1, 4096) == 0);
    constexpr std::uint32_t ports = 10 * PortTable::step_ports + 1;
    for (std::uint32_t i = 1; i <= ports; ++i) {
        REQUIRE(table->alloc_unbound(DomId{3}, 3, 1).port == Port{i});
    }
    SECTION("each step closes so many, and says where to go on") {
        std::uint32_t next = 0;
        for (std::uint32_t i = 1; i <= 10; ++i) {
            const auto step = table->reset(DomId{3}, next);
            REQUIRE(step.result == 0);
            REQUIRE(step.next == i * PortTable::step_ports + 1);
            CHECK(table->status(DomId{3}, 3, step.next - 1).entry.state == PortState::closed);
            CHECK(table->status(DomId{3}, 3, step.next).entry.state == PortState::unbound);
            next = step.next;
        }
        // What was closed can be bound meanwhile, and is not closed again.
        CHECK(table->bind_ipi(DomId{3}, 0).port == Port{1});
        CHECK(table->reset(DomId{3}, next).next == 0);
        CHECK(table->status(DomId{3}, 3, 1).entry.state == PortState::ipi);
        CHECK(table->status(DomId{3}, 3, ports).entry.state == PortState::closed);
    }
    SECTION("the domain is there until its last step") {
        for (std::uint32_t i = 1; i <= 10; ++i) {
            REQUIRE(table->remove_domain(DomId{3}).next != 0);
            CHECK(table->has(DomId{3}));
        }
        CHECK(table->remove_domain(DomId{3}).next == 0);
        CHECK_FALSE(table->has(DomId{3}));
        CHECK(table->free_buckets() == 64);
    }
    SECTION("a start that no port has") {
        CHECK(table->reset(DomId{3}, 0xffff'ffff).next == 0);
        CHECK(table->status(DomId{3}, 3, 1).entry.state == PortState::unbound);
    }
}

TEST_CASE_METHOD(Fixture, "bind_interdomain connects both ends with a capability each", "[event]") {
    const std::uint32_t offered = offer(b, a);
    CHECK(table->bind_interdomain(a, 2, 0).result == -XEN_EINVAL);
    CHECK(table->bind_interdomain(a, 2, offered + 1).result == -XEN_EINVAL);
    CHECK(table->bind_interdomain(a, 2, 0xffff'ffff).result == -XEN_EINVAL);
    CHECK(table->bind_interdomain(a, 7, offered).result == -XEN_ESRCH);
    CHECK(table->bind_interdomain(b, 2, offered).result == -XEN_EINVAL); // offered to a only
    CHECK(authority.live.empty());

    const auto bound = table->bind_interdomain(a, 2, offered);
    REQUIRE(bound.result == 0);
    CHECK(authority.live.at(bound.sender.value) == std::pair<std::uint32_t, std::uint32_t>{2, offered});
    CHECK(table->bind_interdomain(a, 2, offered).result == -XEN_EINVAL); // taken
    const auto back = table->get_sender(b, offered);
    CHECK(authority.live.at(back.sender.value) == std::pair<std::uint32_t, std::uint32_t>{1, bound.port.value});

    const auto status = table->status(b, 2, offered);
    CHECK(status.entry.state == PortState::interdomain);
    CHECK(status.entry.remote == 1);
    CHECK(status.entry.peer == bound.port.value);
}

TEST_CASE_METHOD(Fixture, "close withdraws both capabilities and leaves the peer unbound", "[event]") {
    const std::uint32_t offered = offer(b, a);
    REQUIRE(table->bind_vcpu(b, offered, 0) == 0);
    const auto bound = table->bind_interdomain(a, 2, offered);
    REQUIRE(table->close(a, bound.port.value) == 0);
    CHECK(authority.live.empty());
    CHECK(table->free_senders() == 256);
    CHECK(table->status(a, 1, bound.port.value).entry.state == PortState::closed);
    CHECK(table->status(b, 2, offered).entry.state == PortState::unbound);
    CHECK(table->status(b, 2, offered).entry.remote == 1);
    CHECK(table->get_sender(b, offered).result == 0); // silently dropped
    CHECK(table->get_sender(b, offered).sender == no_selector);
    CHECK(table->close(a, bound.port.value) == -XEN_EINVAL);
    CHECK(table->close(a, 0) == -XEN_EINVAL);
    CHECK(table->bind_interdomain(a, 2, offered).result == 0); // again
}

TEST_CASE_METHOD(Fixture, "loopback", "[event]") {
    const std::uint32_t offered = offer(a, a);
    const auto bound = table->bind_interdomain(a, 1, offered);
    REQUIRE(bound.result == 0);
    CHECK(bound.port.value != offered);
    CHECK(authority.live.size() == 2);
    SECTION("closed at one end") {
        CHECK(table->close(a, offered) == 0);
        CHECK(authority.live.empty());
        CHECK(table->status(a, 1, bound.port.value).entry.state == PortState::unbound);
    }
    SECTION("reset") {
        CHECK(reset(*table, a) == 0);
        CHECK(table->status(a, 1, offered).entry.state == PortState::closed);
        CHECK(table->status(a, 1, bound.port.value).entry.state == PortState::closed);
    }
    CHECK_FALSE(authority.misused);
}

TEST_CASE_METHOD(Fixture, "a capability that cannot be made leaves nothing behind", "[event]") {
    const std::uint32_t offered = offer(b, a);
    for (int works = 0; works < 2; ++works) {
        authority.fail_after = works;
        CHECK(table->bind_interdomain(a, 2, offered).result == -XEN_ENOMEM);
        CHECK(authority.live.empty());
        CHECK(table->free_senders() == 256);
        CHECK(table->status(a, 1, 1).entry.state == PortState::closed);
        CHECK(table->status(b, 2, offered).entry.state == PortState::unbound);
    }
    authority.fail_after = 0;
    CHECK(table->alloc_static(a, ClientId::console).result == -XEN_ENOMEM);
    CHECK(table->free_senders() == 256);
}

TEST_CASE_METHOD(Fixture, "bind_virq", "[event]") {
    CHECK(table->bind_virq(a, VIRQ_TIMER, 0).result == 0);
    CHECK(table->bind_virq(a, VIRQ_TIMER, 0).result == -XEN_EEXIST);
    CHECK(table->bind_virq(a, VIRQ_TIMER, 1).result == 0);
    CHECK(table->bind_virq(a, VIRQ_TIMER, 2).result == -XEN_ENOENT);
    CHECK(table->bind_virq(a, NR_VIRQS, 0).result == -XEN_EINVAL);
    CHECK(table->bind_virq(a, 0xffff'ffff, 0).result == -XEN_EINVAL);
    CHECK(table->bind_virq(a, VIRQ_CONSOLE, 1).result == -XEN_EINVAL); // global ones on vCPU 0
    const auto global = table->bind_virq(a, VIRQ_CONSOLE, 0);
    CHECK(global.result == 0);
    CHECK(table->bind_vcpu(a, global.port.value, 1) == 0);
    CHECK(table->bind_virq(a, VIRQ_CONSOLE, 0).result == -XEN_EEXIST); // wherever it moved
    CHECK(table->close(a, global.port.value) == 0);
    CHECK(table->bind_virq(a, VIRQ_CONSOLE, 0).result == 0);
    CHECK(table->status(a, 1, 1).entry.peer == VIRQ_TIMER);
    CHECK(table->get_sender(a, 1).result == -XEN_EINVAL); // nobody may send on a VIRQ
}

TEST_CASE_METHOD(Fixture, "bind_ipi and bind_vcpu", "[event]") {
    const auto ipi = table->bind_ipi(a, 1);
    REQUIRE(ipi.result == 0);
    CHECK(table->bind_ipi(a, 2).result == -XEN_ENOENT);
    CHECK(table->status(a, 1, ipi.port.value).entry.vcpu == 1);
    CHECK(table->get_sender(a, ipi.port.value).state == PortState::ipi);
    CHECK(table->get_sender(a, ipi.port.value).sender == no_selector);

    const std::uint32_t unbound = offer(a, b);
    const auto timer = table->bind_virq(a, VIRQ_TIMER, 0);
    CHECK(table->bind_vcpu(a, ipi.port.value, 0) == -XEN_EINVAL);
    CHECK(table->bind_vcpu(a, timer.port.value, 0) == -XEN_EINVAL);
    CHECK(table->bind_vcpu(a, 500, 0) == -XEN_EINVAL); // closed
    CHECK(table->bind_vcpu(a, 5000, 0) == -XEN_EINVAL);
    CHECK(table->bind_vcpu(a, unbound, 2) == -XEN_ENOENT);
    CHECK(table->bind_vcpu(a, unbound, 1) == 0);
    CHECK(table->status(a, 1, unbound).entry.vcpu == 1);
}

TEST_CASE_METHOD(Fixture, "status is about oneself", "[event]") {
    CHECK(table->status(a, 2, 1).result == -XEN_EPERM);
    CHECK(table->status(a, 2, 4000).result == -XEN_EINVAL);
    CHECK(table->status(a, 3, 1).result == -XEN_ESRCH);
    CHECK(table->status(a, 0, 1).result == -XEN_ESRCH);
    CHECK(table->status(a, DOMID_SELF, 1).result == -XEN_ESRCH);
    CHECK(table->status(a, 1, 0).entry.state == PortState::closed);
}

TEST_CASE_METHOD(Fixture, "a component's channel", "[event]") {
    const auto console = table->alloc_static(a, ClientId::console);
    REQUIRE(console.result == 0);
    CHECK(authority.live.at(console.sender.value) == std::pair<std::uint32_t, std::uint32_t>{1, console.port.value});
    CHECK(table->get_sender(a, console.port.value).sender == no_selector); // it is the component's, not the domain's
    CHECK(table->alloc_static(DomId{9}, ClientId::console).result == -XEN_ESRCH);
    CHECK(table->alloc_static(a, ClientId{0}).result == -XEN_EINVAL);
    CHECK(table->alloc_static(a, ClientId{0x101}).result == -XEN_EINVAL);
    CHECK(table->close(a, console.port.value) == 0);
    CHECK(authority.live.empty());
    CHECK_FALSE(authority.misused);
}

TEST_CASE_METHOD(Fixture, "a removed domain leaves no capability and no port behind", "[event]") {
    const std::uint32_t offered = offer(b, a);
    REQUIRE(table->bind_interdomain(a, 2, offered).result == 0);
    REQUIRE(table->alloc_static(a, ClientId::console).result == 0);
    REQUIRE(remove_domain(*table, a) == 0);
    CHECK(authority.live.empty());
    CHECK(table->free_senders() == 256);
    CHECK(table->status(b, 2, offered).entry.state == PortState::unbound);
    CHECK(table->bind_ipi(a, 0).result == -XEN_ESRCH);
    REQUIRE(table->add_domain(a, 1, 1024) == 0);
    CHECK(table->alloc_unbound(a, 1, 2).port == Port{1});
}
