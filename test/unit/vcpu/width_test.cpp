// SPDX-License-Identifier: Apache-2.0
// What a 32-bit guest finds in the memory that it shares with its monitor, and when the monitor decides that it is one.
// REQ-WIDTH-001, REQ-WIDTH-002
#include <cstring>
#include <initializer_list>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include "events.hpp"
#include "machine.hpp"
#include "msr.hpp"
#include "runstate.hpp"
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

TEST_CASE("the runstate area has the domain's width") {
    Machine m;
    latch_32(m);
    m.v().runstate.area = test::scratch;
    m.v().runstate.info.state = RUNSTATE_blocked;
    m.v().runstate.info.state_entry_time = 0x1122'3344'5566'7788;
    for (std::uint64_t i = 0; i < 4; ++i) {
        m.v().runstate.info.time[i] = 0x100 + i;
    }
    const auto check = [&] {
        CHECK(m.load<std::int32_t>(test::scratch) == RUNSTATE_blocked);
        CHECK(m.load<std::uint64_t>(test::scratch + 4) == 0x1122'3344'5566'7788);
        for (std::uint64_t i = 0; i < 4; ++i) {
            CHECK(m.load<std::uint64_t>(test::scratch + 12 + 8 * i) == 0x100 + i);
        }
        CHECK(m.load<std::uint32_t>(test::scratch + 44) == 0xdddd'dddd); // 44 bytes and no more
    };
    std::memset(m.ram() + test::scratch, 0xdd, 64);
    REQUIRE(publish_runstate(m.d(), m.v(), m.v()));
    check();
    m.d().runstate_update_flag = true;
    std::memset(m.ram() + test::scratch, 0xdd, 64);
    REQUIRE(publish_runstate(m.d(), m.v(), m.v()));
    check();
    SECTION("an area that is not there") {
        m.v().runstate.area = test::ram_bytes - 40;
        CHECK_FALSE(publish_runstate(m.d(), m.v(), m.v()));
    }
}

TEST_CASE("a 32-bit caller's structures and results") {
    Machine m;
    const auto call = [&](std::uint32_t number, std::uint32_t a, std::uint32_t b, std::uint32_t c = 0) {
        constexpr std::uint64_t rubbish = 0xdead'beef'0000'0000; // of which 32-bit code knows nothing
        m.gpr(Gpr::rax) = rubbish | number;
        m.gpr(Gpr::rbx) = rubbish | a;
        m.gpr(Gpr::rcx) = rubbish | b;
        m.gpr(Gpr::rdx) = rubbish | c;
        handle_hypercall(m.d(), m.v());
        CHECK(m.gpr(Gpr::rax) >> 32 == 0);
        return static_cast<std::int32_t>(m.gpr(Gpr::rax));
    };
    const auto store = [&](std::initializer_list<std::uint32_t> words) {
        std::uint64_t at = test::scratch;
        for (const std::uint32_t word : words) {
            m.store(at, word);
            at += sizeof word;
        }
    };
    SECTION("add_to_physmap: 16 bytes") {
        bulkhead_MemoryAddToPhysmap asked{};
        m.memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply&) {
            asked = request.request.add_to_physmap;
        };
        store({DOMID_SELF, XENMAPSPACE_grant_table, 5, 0x29e4});
        CHECK(call(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, test::scratch) == 0);
        CHECK(asked.index == 5);
        CHECK(asked.gfn == 0x29e4);
        CHECK(asked.space == bulkhead_PhysmapSpace_PHYSMAP_GRANT_TABLE);
    }
    SECTION("decrease_reservation: 20 bytes, frame numbers of 4") {
        std::vector<std::uint64_t> given;
        m.memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply& reply) {
            const auto& r = request.request.decrease_reservation;
            given.insert(given.end(), r.gfn, r.gfn + r.gfn_count);
            reply.value = r.gfn_count;
        };
        store({test::scratch + 0x100, 64, 0, 0, DOMID_SELF});
        for (std::uint32_t i = 0; i < 64; ++i) {
            m.store(test::scratch + 0x100 + 4 * i, 0x200 + i);
        }
        CHECK(call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, test::scratch) == 64); // or balloon.c BUGs
        REQUIRE(given.size() == 64);
        CHECK(given.front() == 0x200);
        CHECK(given.back() == 0x23f);
    }
    SECTION("set_singleshot_timer: 12 bytes") {
        m.store(test::ram_bytes - 12, std::uint64_t{5'000'000});
        m.store(test::ram_bytes - 4, 0u);
        CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, test::ram_bytes - 12) == 0);
        CHECK(m.v().timers.next() == 5'000'000);
    }
    SECTION("poll: 16 bytes, a 32-bit pointer") {
        store({test::scratch + 0x40, 1, 0, 0});
        m.store(test::scratch + 0x40, 9u);
        raise(m.d(), Port{9});
        m.v().info->evtchn_upcall_pending = 0;
        CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_poll, test::scratch) == 0);
        CHECK(m.v().sleep == Sleep::awake);
        clear_pending(m.d(), Port{9});
        CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_poll, test::scratch) == 0);
        CHECK(m.v().sleep == Sleep::polling);
    }
    SECTION("a bad pointer, at the end of what 32 bits reach") {
        CHECK(call(__HYPERVISOR_sched_op, SCHEDOP_poll, 0xffff'fff8) == -XEN_EFAULT);
        CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, 0xffff'fffc) == -XEN_EFAULT);
    }
    SECTION("areas registered by a pointer in a 64-bit union: the high half is not the guest's") {
        store({test::scratch + 0x200, 0xdead'beef});
        CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, test::scratch) == 0);
        CHECK(m.v().runstate.area == test::scratch + 0x200);
        CHECK(call(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, test::scratch) == 0);
        CHECK(m.v().time_area == test::scratch + 0x200);
    }
}
