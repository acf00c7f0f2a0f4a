// SPDX-License-Identifier: Apache-2.0
// Copies of memory that is taken away. The kernel's part, going on at Utcb::on_fault, is played by a signal handler.
// REQ-GRANT-008
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>

#include <sys/mman.h>
#include <ucontext.h>

#include <bulkhead/guarded_copy.hpp>
#include <sim.hpp>

using namespace bulkhead;

namespace {

Utcb* utcb_of_thread = nullptr;

void go_on(int, siginfo_t*, void* context) {
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    registers[REG_RIP] = static_cast<greg_t>(utcb_of_thread->on_fault);
    utcb_of_thread->on_fault = 0;
}

/// Somebody with a UTCB.
struct Copier {
    sim::Machine machine;
    sim::Component& component = machine.add("copier");
};

/// Two pages, of which the second is not there.
struct Pages {
    static constexpr std::size_t size = 4096;
    std::uint8_t* const at =
        static_cast<std::uint8_t*>(mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    struct sigaction before {};

    Pages() {
        REQUIRE(at != MAP_FAILED);
        REQUIRE(mprotect(at + size, size, PROT_NONE) == 0);
        utcb_of_thread = &sys::utcb();
        struct sigaction action {};
        action.sa_sigaction = go_on;
        action.sa_flags = SA_SIGINFO;
        REQUIRE(sigaction(SIGSEGV, &action, &before) == 0);
    }
    ~Pages() {
        (void)sigaction(SIGSEGV, &before, nullptr);
        (void)munmap(at, 2 * size);
    }
};

} // namespace

TEST_CASE_METHOD(Copier, "a guarded copy of every length and offset", "[guarded_copy]") {
    machine.run_as(component, [] {
        std::array<std::uint8_t, 64> from;
        for (std::size_t i = 0; i < from.size(); ++i) {
            from[i] = static_cast<std::uint8_t>(i + 1);
        }
        for (std::size_t offset = 0; offset < 16; ++offset) {
            for (std::size_t bytes = 0; bytes <= 40; ++bytes) {
                std::array<std::uint8_t, 64> to{};
                std::array<std::uint8_t, 64> expected{};
                std::memcpy(expected.data() + offset, from.data() + 3, bytes);
                REQUIRE(copy_if_there(to.data() + offset, from.data() + 3, bytes));
                REQUIRE(to == expected);
                REQUIRE(sys::utcb().on_fault == 0);
            }
        }
    });
}

TEST_CASE_METHOD(Copier, "a guarded copy from or to what is not there says so, and the thread goes on",
                 "[guarded_copy]") {
    machine.run_as(component, [] {
        const Pages pages;
        std::array<std::uint8_t, 64> own{};
        std::memset(pages.at, 0x5a, Pages::size);
        CHECK(copy_if_there(own.data(), pages.at + Pages::size - 64, 64));
        CHECK(own[63] == 0x5a);
        for (const std::size_t there : {0u, 3u, 8u, 13u, 63u}) {
            INFO(there);
            CHECK_FALSE(copy_if_there(own.data(), pages.at + Pages::size - there, 64));
            CHECK(sys::utcb().on_fault == 0);
            CHECK_FALSE(copy_if_there(pages.at + Pages::size - there, own.data(), 64));
            CHECK(sys::utcb().on_fault == 0);
        }
    });
}
