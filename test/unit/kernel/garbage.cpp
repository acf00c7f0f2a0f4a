// SPDX-License-Identifier: Apache-2.0
// Hostile components: system calls with random numbers, selectors and arguments, on two CPUs, with interrupts at
// random points. The kernel must answer each, keep its invariants and never panic.
#include "system.hpp"

#include <random>

namespace bulkhead::kernel::test {

namespace {

class Hostile {
public:
    Hostile(System& s, std::uint32_t seed) : s_{s}, random_{seed} {
        for (std::uint32_t i = 0; i < 5; ++i) {
            threads_.push_back(s.selector(s.thread(5 + i % 3, i % cpu_count, i == 0 ? 2000 : 0, i == 0 ? 10'000 : 0)));
        }
        for (const std::uint32_t t : threads_) {
            s.start(s.object<Thread>(t));
        }
        static_cast<void>(s.make(ObjectType::portal));
        static_cast<void>(s.make(ObjectType::event_set));
        static_cast<void>(s.make(ObjectType::stage2, 8));
        static_cast<void>(s.make(ObjectType::vcpu));
        static_cast<void>(s.make(ObjectType::region, 4 * page_size));
        fake::machine.guest = [this](HostPhys, bool) {
            return below(2) == 0 ? arch::GuestExit::host : arch::GuestExit::monitor;
        };
    }

    void step() {
        fake::machine.now += below(3'000'000);
        fake::machine.interrupt_waiting = below(4) == 0;
        const std::uint32_t cpu = below(cpu_count);
        Thread* const thread = s_.current(cpu);
        if (thread == nullptr || below(10) == 0) {
            s_.interrupt(cpu, below(8) == 0 ? 32 + below(24) : below(2));
        } else if (below(50) == 0) {
            s_.exception(cpu, 13);
        } else {
            system_call(*thread);
        }
        check();
    }

private:
    std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

    std::uint64_t argument() {
        static constexpr std::uint64_t odd[] = {
            0,           1,          0xfff,    page_size,         large_page_size,
            0x8000'0000, 1ull << 32, user_end, ~std::uint64_t{0}, 0x7fff'ffff'ffff'ffff};
        switch (below(6)) {
        case 0:
            return odd[below(10)];
        case 1:
            return random_() | (std::uint64_t{random_()} << 32);
        case 2:
            return std::uint64_t{below(40)} | (std::uint64_t{below(40)} << 32);
        case 3:
            return below(64) * page_size;
        default:
            return below(40);
        }
    }

    void system_call(Thread& thread) {
        Utcb& utcb = thread.utcb();
        utcb.receive_selector = below(60);
        utcb.receive_count = below(5);
        for (CapItem& item : utcb.caps) {
            item = {below(60), static_cast<Rights>(below(64)), static_cast<std::uint8_t>(below(2)), 0};
        }
        const std::uint32_t number = below(3) != 0 ? 5 : below(static_cast<std::uint32_t>(Syscall::count) + 1);
        std::uint64_t a1 = argument();
        if (number == 5) {
            a1 = below(static_cast<std::uint32_t>(Method::count) + 1);
            // Destroying everything at once ends the walk too early to be interesting.
            if ((a1 == static_cast<std::uint64_t>(Method::cap_revoke) ||
                 a1 == static_cast<std::uint64_t>(Method::cap_delete)) &&
                below(8) != 0) {
                a1 = static_cast<std::uint64_t>(Method::untyped_retype);
            }
        } else if (below(2) == 0) {
            a1 = MessageInfo{below(200), below(4)}.pack();
        }
        std::uint64_t a2 = argument();
        if (a1 == static_cast<std::uint64_t>(Method::untyped_retype) && number == 5) {
            a2 = below(static_cast<std::uint32_t>(ObjectType::count) + 1) | (std::uint64_t{below(3)} << 8);
        }
        // These stay: without them nothing else could be tried.
        if (number == 5 &&
            (a1 == static_cast<std::uint64_t>(Method::cap_delete) ||
             a1 == static_cast<std::uint64_t>(Method::cap_move)) &&
            a2 <= 4) {
            a2 = 50;
        }
        std::uint64_t a3 = argument();
        if (a1 == static_cast<std::uint64_t>(Method::cap_move) && (a3 & 0xffff'ffff) <= 4) {
            a3 = 50;
        }
        s_.call(thread, static_cast<Syscall>(number), below(60), a1, a2, a3, argument(), argument());
    }

    void check() {
        for (std::uint32_t i = 0; i < cpu_count; ++i) {
            const Cpu& cpu = *cpus[i];
            if (cpu.current != nullptr) {
                REQUIRE(cpu.current->running_on == i);
                // Another CPU may have stopped it and told this one, which has not looked yet.
                REQUIRE((cpu.current->runnable() || cpu_count > 1));
                REQUIRE(cpu.payer != nullptr);
            }
            std::uint64_t when = 0;
            for (const Timeout* t = cpu.timeouts; t != nullptr; t = t->next) {
                REQUIRE(t->when >= when);
                REQUIRE(*t->previous == t);
                when = t->when;
            }
            for (std::uint32_t p = 0; p <= max_priority; ++p) {
                REQUIRE(((cpu.ready_mask >> p & 1) != 0) == (cpu.first[p] != nullptr));
                const Thread* last = nullptr;
                for (const Thread* t = cpu.first[p]; t != nullptr; t = t->budget.next) {
                    REQUIRE(t->budget.place == Budget::Place::ready);
                    REQUIRE(*t->budget.previous == t);
                    last = t;
                }
                if (cpu.first[p] != nullptr) {
                    REQUIRE(cpu.last[p] == last);
                }
            }
        }
    }

    System& s_;
    std::mt19937 random_;
    std::vector<std::uint32_t> threads_;
};

} // namespace

TEST_CASE("REQ-KERNEL-010 no sequence of system calls breaks the kernel", "[kernel][property]") {
    const auto seed = GENERATE(range(1u, 61u));
    System s{1 + seed % 2};
    Hostile hostile{s, seed};
    for (int i = 0; i < 1500; ++i) {
        hostile.step();
    }
}

} // namespace bulkhead::kernel::test
