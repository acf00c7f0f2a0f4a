// SPDX-License-Identifier: Apache-2.0
// Random sequences of operations against a naive model. The model knows ports as a map and the rules as sentences; it
// REQ-EVENT-001
// shares nothing with the table but the errno names.
#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <vector>

#include "fake_authority.hpp"

using namespace bulkhead;
using namespace bulkhead::event;

namespace {

constexpr std::uint32_t model_domains = 4;
constexpr std::uint32_t highest_port = 9;
constexpr std::uint32_t model_vcpus = 2;
constexpr std::uint32_t total_senders = 4 * PortTable::promised_senders + 8;

struct ModelPort {
    PortState state{};
    std::uint32_t vcpu{}, remote{}, peer{};
    bool operator==(const ModelPort&) const = default;
};

struct Model {
    std::map<std::uint32_t, std::map<std::uint32_t, ModelPort>> domains;

    std::uint32_t lowest(std::uint32_t d) const {
        for (std::uint32_t p = 1; p <= highest_port; ++p) {
            if (domains.at(d).count(p) == 0) {
                return p;
            }
        }
        return 0;
    }
    std::uint32_t connected(std::uint32_t d) const {
        std::uint32_t n = 0;
        for (const auto& [number, port] : domains.at(d)) {
            n += port.state == PortState::interdomain ? 1 : 0;
        }
        return n;
    }
    void close(std::uint32_t d, std::uint32_t p) {
        const ModelPort old = domains.at(d).at(p);
        domains.at(d).erase(p);
        if (old.state == PortState::interdomain && old.remote != 0) {
            ModelPort& other = domains.at(old.remote).at(old.peer);
            other = {PortState::unbound, other.vcpu, d, 0};
        }
    }
};

struct Run {
    FakeAuthority authority;
    std::vector<PortTable::Bucket> memory{model_domains * PortTable::promised_buckets};
    std::unique_ptr<PortTable> table = std::make_unique<PortTable>(authority, memory, Selector{2000}, total_senders);
    Model model;
    std::mt19937 random;

    std::uint32_t pick(std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); }
    std::uint32_t any_domain() { return pick(8) == 0 ? pick(70) : 1 + pick(model_domains); }
    std::uint32_t any_port() { return pick(16) == 0 ? static_cast<std::uint32_t>(random()) : pick(highest_port + 2); }
    bool known(std::uint32_t d) const { return model.domains.count(d) != 0; }

    void expect_new(const PortTable::Outcome& got, std::uint32_t d, const ModelPort& port) {
        const std::uint32_t p = model.lowest(d);
        if (p == 0) {
            REQUIRE(got.result == -XEN_ENOSPC);
            return;
        }
        REQUIRE(got.result == 0);
        REQUIRE(got.port == Port{p});
        model.domains[d][p] = port;
    }
    void lifecycle(DomId d) {
        if (!known(d.value)) {
            REQUIRE(table->add_domain(d, model_vcpus, highest_port + 1) == 0);
            model.domains[d.value];
        } else if (pick(6) == 0) {
            REQUIRE(remove_domain(*table, d) == 0);
            while (!model.domains[d.value].empty()) {
                model.close(d.value, model.domains[d.value].begin()->first);
            }
            model.domains.erase(d.value);
        }
    }
    void alloc(DomId d) {
        const std::uint32_t in = any_domain(), remote = any_domain();
        const auto got = table->alloc_unbound(d, in, remote);
        if (!known(in)) {
            REQUIRE(got.result == -XEN_ESRCH);
        } else if (in != d.value) {
            REQUIRE(got.result == -XEN_EPERM);
        } else {
            expect_new(got, in, {PortState::unbound, 0, remote, 0});
        }
    }
    void bind(DomId d) {
        const std::uint32_t remote = any_domain(), port = any_port();
        const auto got = table->bind_interdomain(d, remote, port);
        if (!known(d.value) || !known(remote)) {
            REQUIRE(got.result == -XEN_ESRCH);
            return;
        }
        const std::uint32_t p = model.lowest(d.value);
        if (p == 0) {
            REQUIRE(got.result == -XEN_ENOSPC);
            return;
        }
        auto& others = model.domains[remote];
        if (others.count(port) == 0 || others[port].state != PortState::unbound || others[port].remote != d.value) {
            REQUIRE(got.result == -XEN_EINVAL);
            return;
        }
        // No domain here can have more connections than it was promised, so senders never run out.
        REQUIRE(got.result == 0);
        REQUIRE(got.port == Port{p});
        model.domains[d.value][p] = {PortState::interdomain, 0, remote, port};
        others[port] = {PortState::interdomain, others[port].vcpu, d.value, p};
    }
    void virq(DomId d) {
        const std::uint32_t number = pick(NR_VIRQS + 1), vcpu = pick(model_vcpus + 1);
        const auto got = table->bind_virq(d, number, vcpu);
        const bool each =
            number == VIRQ_TIMER || number == VIRQ_DEBUG || number == VIRQ_XENOPROF || number == VIRQ_XENPMU;
        if (!known(d.value)) {
            REQUIRE(got.result == -XEN_ESRCH);
            return;
        }
        if (number >= NR_VIRQS || (!each && vcpu != 0)) {
            REQUIRE(got.result == -XEN_EINVAL);
            return;
        }
        if (vcpu >= model_vcpus) {
            REQUIRE(got.result == -XEN_ENOENT);
            return;
        }
        for (const auto& [p, port] : model.domains[d.value]) {
            if (port.state == PortState::virq && port.peer == number && (!each || port.vcpu == vcpu)) {
                REQUIRE(got.result == -XEN_EEXIST);
                return;
            }
        }
        expect_new(got, d.value, {PortState::virq, vcpu, 0, number});
    }
    void ipi(DomId d) {
        const std::uint32_t vcpu = pick(model_vcpus + 1);
        const auto got = table->bind_ipi(d, vcpu);
        if (!known(d.value)) {
            REQUIRE(got.result == -XEN_ESRCH);
        } else if (vcpu >= model_vcpus) {
            REQUIRE(got.result == -XEN_ENOENT);
        } else {
            expect_new(got, d.value, {PortState::ipi, vcpu, 0, 0});
        }
    }
    void fixed(DomId d) {
        const auto got = table->alloc_static(d, ClientId::console);
        if (!known(d.value)) {
            REQUIRE(got.result == -XEN_ESRCH);
        } else {
            expect_new(got, d.value, {PortState::interdomain, 0, 0, 6});
        }
    }
    void close(DomId d) {
        const std::uint32_t p = any_port();
        const std::int32_t got = table->close(d, p);
        if (!known(d.value)) {
            REQUIRE(got == -XEN_ESRCH);
        } else if (model.domains[d.value].count(p) == 0) {
            REQUIRE(got == -XEN_EINVAL);
        } else {
            REQUIRE(got == 0);
            model.close(d.value, p);
        }
    }
    void move(DomId d) {
        const std::uint32_t p = any_port(), vcpu = pick(model_vcpus + 1);
        const std::int32_t got = table->bind_vcpu(d, p, vcpu);
        if (!known(d.value)) {
            REQUIRE(got == -XEN_ESRCH);
            return;
        }
        if (vcpu >= model_vcpus) {
            REQUIRE(got == -XEN_ENOENT);
            return;
        }
        const auto found = model.domains[d.value].find(p);
        if (found == model.domains[d.value].end() || found->second.state == PortState::ipi ||
            (found->second.state == PortState::virq && !virq_is_global(found->second.peer))) {
            REQUIRE(got == -XEN_EINVAL);
            return;
        }
        REQUIRE(got == 0);
        found->second.vcpu = vcpu;
    }
    void step() {
        const DomId d{static_cast<std::uint16_t>(1 + pick(model_domains))};
        switch (pick(16)) {
        case 0:
            return lifecycle(d);
        case 1:
        case 2:
        case 3:
            return alloc(d);
        case 4:
        case 5:
        case 6:
        case 7:
            return bind(d);
        case 8:
            return virq(d);
        case 9:
            return ipi(d);
        case 10:
            return fixed(d);
        case 11:
        case 12:
            return close(d);
        case 13:
            return move(d);
        case 14:
            if (pick(20) == 0 && known(d.value)) {
                REQUIRE(reset(*table, d) == 0);
                while (!model.domains[d.value].empty()) {
                    model.close(d.value, model.domains[d.value].begin()->first);
                }
            }
            return;
        default:
            return;
        }
    }
    /// Every port is what the model says, peers are symmetric, and the live capabilities are exactly the connections.
    void check() {
        REQUIRE_FALSE(authority.misused);
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> wanted, live;
        std::uint32_t connections = 0;
        for (const auto& [d, ports] : model.domains) {
            for (std::uint32_t p = 0; p <= highest_port; ++p) {
                const auto got = table->status(DomId{static_cast<std::uint16_t>(d)}, d, p);
                REQUIRE(got.result == 0);
                const ModelPort port = ports.count(p) != 0 ? ports.at(p) : ModelPort{};
                REQUIRE(ModelPort{got.entry.state, got.entry.vcpu, got.entry.remote, got.entry.peer} == port);
                if (port.state != PortState::interdomain) {
                    REQUIRE(got.entry.sender == 0);
                    continue;
                }
                ++connections;
                if (port.remote == 0) {
                    ++wanted[{d, p}];
                    continue;
                }
                ++wanted[{port.remote, port.peer}];
                const ModelPort& other = model.domains.at(port.remote).at(port.peer);
                REQUIRE(other.remote == d);
                REQUIRE(other.peer == p);
            }
        }
        for (const auto& [slot, target] : authority.live) {
            ++live[target];
        }
        REQUIRE(live == wanted);
        REQUIRE(table->free_senders() == total_senders - connections);
        REQUIRE(table->free_buckets() >= memory.size() - model.domains.size());
    }
};

} // namespace

TEST_CASE("random operations agree with the model", "[event][property]") {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        Run run;
        run.random.seed(seed);
        for (int i = 0; i < 1500; ++i) {
            run.step();
            if (i % 8 == 0) {
                run.check();
            }
        }
        run.check();
        for (std::uint16_t d = 1; d <= model_domains; ++d) {
            (void)remove_domain(*run.table, DomId{d});
        }
        REQUIRE(run.authority.live.empty());
        REQUIRE(run.table->free_senders() == total_senders);
        REQUIRE(run.table->free_buckets() == run.memory.size());
    }
}
