// SPDX-License-Identifier: Apache-2.0
// What a 32-bit guest finds in the memory that it shares with its monitor, and when the monitor decides that it is one.
// REQ-WIDTH-001, REQ-WIDTH-002
#include <catch2/catch.hpp>

#include <random>

#include "events.hpp"
#include "machine.hpp"
#include "msr.hpp"
#include "width.hpp"

#undef xen_wc_sec_hi
#include <xen/foreign/x86_32.h>

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

shared_info_x86_32& narrow(Machine& m) {
    void* page = &m.shared();
    return *static_cast<shared_info_x86_32*>(page);
}
vcpu_info_x86_32& narrow_info(Machine& m) {
    void* info = m.v().info;
    return *static_cast<vcpu_info_x86_32*>(info);
}

/// A machine whose guest runs 32-bit code, and has told so.
void latch_32(Machine& m) {
    m.state().cs.access = 0xc9b;
    latch_width(m.d(), m.v());
}
void latch_64(Machine& m) {
    m.enter_long_mode();
    latch_width(m.d(), m.v());
}

/// Every byte of the page from the ports on.
std::vector<std::uint8_t> bytes_from(Machine& m, std::size_t offset) {
    void* page = &m.shared();
    const auto* bytes = static_cast<std::uint8_t*>(page);
    return {bytes + offset, bytes + page_size};
}

} // namespace

TEST_CASE("a domain is a 64-bit one until its code says otherwise") {
    Machine m;
    CHECK(m.d().width == Width::x86_64);
    CHECK(event_port_limit(m.d()) == 4096);
    latch_32(m);
    CHECK(m.d().width == Width::x86_32);
    CHECK(event_port_limit(m.d()) == 1024);
    latch_64(m);
    CHECK(m.d().width == Width::x86_64);
}

TEST_CASE("16-bit code and compatibility mode count as 32-bit") {
    Machine m;
    m.enter_long_mode();
    m.state().cs.access = 0xc9b; // L clear: compatibility mode
    latch_width(m.d(), m.v());
    CHECK(m.d().width == Width::x86_32);
    latch_64(m);
    m.state().efer = 0;
    m.state().cs.access = 0x9b;
    latch_width(m.d(), m.v());
    CHECK(m.d().width == Width::x86_32);
}

TEST_CASE("raise in the 32-bit layout") {
    Machine m;
    latch_32(m);
    raise(m.d(), Port{130});
    CHECK(narrow(m).evtchn_pending[4] == 4);
    CHECK(narrow_info(m).evtchn_pending_sel == 1u << 4);
    CHECK(narrow_info(m).evtchn_upcall_pending == 1);
    CHECK(is_pending(m.d(), Port{130}));
    raise(m.d(), Port{1023});
    CHECK(narrow(m).evtchn_pending[31] == 1u << 31);
    CHECK(narrow_info(m).evtchn_pending_sel == ((1u << 31) | (1u << 4)));
    clear_pending(m.d(), Port{130});
    CHECK(narrow(m).evtchn_pending[4] == 0);
}

TEST_CASE("mask and unmask in the 32-bit layout") {
    Machine m;
    latch_32(m);
    narrow(m).evtchn_mask[2] = 2;
    raise(m.d(), Port{65});
    CHECK(is_pending(m.d(), Port{65}));
    CHECK(narrow_info(m).evtchn_pending_sel == 0);
    CHECK(narrow_info(m).evtchn_upcall_pending == 0);
    unmask(m.d(), Port{65});
    CHECK(narrow(m).evtchn_mask[2] == 0);
    CHECK(narrow_info(m).evtchn_pending_sel == 1u << 2);
    CHECK(narrow_info(m).evtchn_upcall_pending == 1);
}

TEST_CASE("ports that a 32-bit guest does not have touch nothing") {
    Machine m;
    latch_32(m);
    const auto before = bytes_from(m, 0);
    for (const std::uint32_t port : {1024u, 1100u, 4095u}) {
        raise(m.d(), Port{port});
        unmask(m.d(), Port{port});
        clear_pending(m.d(), Port{port});
        CHECK_FALSE(is_pending(m.d(), Port{port}));
    }
    CHECK(bytes_from(m, 0) == before);
}

TEST_CASE("a new vcpu_info: everything is pending, in the selector's own width") {
    Machine m;
    latch_32(m);
    mark_everything_pending(m.d(), m.v());
    CHECK(narrow_info(m).evtchn_pending_sel == 0xffff'ffff);
    CHECK(narrow_info(m).arch.cr2 == 0); // which is where the 64-bit selector lies
    CHECK(narrow_info(m).evtchn_upcall_pending == 1);
}

TEST_CASE("the wall clock is where the width has it") {
    Machine m;
    CHECK(m.shared().wc_sec == 1'700'000'000);
    CHECK(m.shared().wc_nsec == 123'456'789);
    CHECK(m.shared().wc_version % 2 == 0);
    latch_32(m);
    CHECK(narrow(m).wc_sec == 1'700'000'000);
    CHECK(narrow(m).wc_nsec == 123'456'789);
    CHECK(narrow(m).arch.wc_sec_hi == 0);
    CHECK(narrow(m).wc_version == 2);
    latch_64(m);
    CHECK(m.shared().wc_sec == 1'700'000'000);
    CHECK(m.shared().wc_sec_hi == 0);
}

TEST_CASE("the clock of a vCPU does not move with the width") {
    Machine m;
    const vcpu_time_info before = m.v().info->time;
    REQUIRE(before.tsc_to_system_mul != 0);
    latch_32(m);
    CHECK(narrow_info(m).time.tsc_to_system_mul == before.tsc_to_system_mul);
    CHECK(narrow_info(m).time.tsc_shift == before.tsc_shift);
    CHECK(narrow_info(m).time.version == before.version);
}

TEST_CASE("ports keep their state across a change of width, as far as both widths have them") {
    std::mt19937 random{11};
    for (int round = 0; round < 50; ++round) {
        Machine m;
        latch_32(m);
        std::vector<std::uint32_t> pending, masked;
        for (int i = 0; i < 20; ++i) {
            const std::uint32_t masked_port = random() % 1024;
            narrow(m).evtchn_mask[masked_port / 32] |= 1u << (masked_port % 32);
            masked.push_back(masked_port);
            pending.push_back(random() % 1024);
            raise(m.d(), Port{pending.back()});
        }
        const bool selected = narrow_info(m).evtchn_pending_sel != 0;
        const std::uint8_t upcall = narrow_info(m).evtchn_upcall_pending;
        latch_64(m);
        for (const std::uint32_t port : masked) {
            CHECK((m.shared().evtchn_mask[port / 64] >> (port % 64) & 1) == 1);
        }
        for (std::uint32_t port = 0; port < 4096; ++port) {
            const bool was = std::find(pending.begin(), pending.end(), port) != pending.end();
            CHECK(is_pending(m.d(), Port{port}) == was);
        }
        CHECK(m.v().info->evtchn_pending_sel == (selected ? ~std::uint64_t{0} : 0));
        CHECK(m.v().info->evtchn_upcall_pending == upcall);
        raise(m.d(), Port{4000});
        latch_32(m);
        for (std::uint32_t port = 0; port < 1024; ++port) {
            const bool was = std::find(pending.begin(), pending.end(), port) != pending.end();
            CHECK(((narrow(m).evtchn_pending[port / 32] >> (port % 32)) & 1) == was);
        }
        for (const std::uint32_t port : masked) {
            CHECK(((narrow(m).evtchn_mask[port / 32] >> (port % 32)) & 1) == 1);
        }
    }
}

TEST_CASE("the width is taken where the guest registers its callback") {
    Machine m;
    xen_hvm_param param{};
    param.domid = DOMID_SELF;
    param.index = HVM_PARAM_CALLBACK_IRQ;
    param.value = (std::uint64_t{HVM_PARAM_CALLBACK_TYPE_VECTOR} << 56) | 0xf3;
    m.store(test::scratch, param);
    m.gpr(Gpr::rax) = __HYPERVISOR_hvm_op;
    m.gpr(Gpr::rbx) = HVMOP_set_param;
    m.gpr(Gpr::rcx) = test::scratch;
    handle_hypercall(m.d(), m.v());
    CHECK(m.gpr(Gpr::rax) == 0);
    CHECK(m.d().width == Width::x86_32);
    m.enter_long_mode();
    CHECK(m.operation(__HYPERVISOR_hvm_op, HVMOP_set_param, param) == 0);
    CHECK(m.d().width == Width::x86_64);
    SECTION("another parameter says nothing about it") {
        m.state().cs.access = 0xc9b;
        param.index = HVM_PARAM_VM86_TSS;
        m.store(test::scratch, param);
        m.gpr(Gpr::rax) = __HYPERVISOR_hvm_op;
        m.gpr(Gpr::rbx) = HVMOP_set_param;
        m.gpr(Gpr::rcx) = test::scratch;
        handle_hypercall(m.d(), m.v());
        CHECK(m.gpr(Gpr::rax) == 0);
        CHECK(m.d().width == Width::x86_64);
    }
}

TEST_CASE("the width is taken where the guest has its hypercall page filled") {
    Machine m;
    CHECK(write_msr(m.d(), m.v(), hypercall_msr, test::scratch));
    CHECK(m.d().width == Width::x86_32);
    m.enter_long_mode();
    CHECK_FALSE(write_msr(m.d(), m.v(), hypercall_msr, test::scratch + 1));
    CHECK(m.d().width == Width::x86_32);
    CHECK(write_msr(m.d(), m.v(), hypercall_msr, test::scratch));
    CHECK(m.d().width == Width::x86_64);
}

TEST_CASE("the width is taken where the guest maps shared_info") {
    Machine m;
    m.enter_long_mode();
    m.state().cs.access = 0xc9b;
    latch_width(m.d(), m.v());
    m.state().cs.access = 0xa9b;
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_shared_info;
    add.gpfn = 0x10;
    SECTION("if it is mapped") {
        CHECK(m.operation(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == 0);
        CHECK(m.d().width == Width::x86_64);
    }
    SECTION("not if that fails") {
        m.memory = [](const bulkhead_MemoryRequest&, bulkhead_MemoryReply& reply) { reply.result = -XEN_EINVAL; };
        CHECK(m.operation(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) == -XEN_EINVAL);
        CHECK(m.d().width == Width::x86_32);
    }
}
