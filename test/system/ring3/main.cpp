// SPDX-License-Identifier: Apache-2.0
// What a thread finds in its segment registers: its own thread block behind FS, which it cannot move, and nothing that
// the thread before it on the CPU has loaded. Two threads of this program, one of which serves the other's calls.
#include <bulkhead/format.hpp>
#include <bulkhead/slots.hpp>
#include <bulkhead/sys.hpp>

#include "root/machine.hpp"
#include "test/first_task/second_thread.hpp"

namespace bulkhead {
namespace {

constexpr root::Machine machine{Selector{boot_slot::io_ports}};
constexpr std::uint64_t serve = 1; // component_main's argument; the first task's is the address of its BootInfo page

namespace own_slot {
constexpr Selector memory{boot_slot::first_untyped};
constexpr Selector thread{boot_slot::first_free};
constexpr Selector stack{boot_slot::first_free + 1};
constexpr Selector portal{boot_slot::first_free + 2};
constexpr Selector first_page{boot_slot::first_free + 3};
} // namespace own_slot

/// The flat data segment that SYSRET loads into SS: ring 3 may load it everywhere.
std::uint16_t stack_segment() {
    std::uint16_t selector = 0;
    asm volatile("mov %%ss, %0" : "=r"(selector));
    return selector;
}

struct Segments {
    std::uint16_t ds, es, gs;
};
Segments segments() {
    Segments s{};
    asm volatile("mov %%ds, %0; mov %%es, %1; mov %%gs, %2" : "=r"(s.ds), "=r"(s.es), "=r"(s.gs));
    return s;
}
void load_segments(std::uint16_t selector) {
    asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%gs" : : "r"(selector));
}

/// False if the instruction is refused: the thread goes on at Utcb::on_fault.
bool can_move_fs() {
    std::uint64_t moved = 0;
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %[on_fault]; rdfsbase %%rax; wrfsbase %%rax; movq $1, %[moved]; 1:"
                 : [moved] "+m"(moved), [on_fault] "+m"(sys::utcb().on_fault)
                 :
                 : "rax", "memory");
    sys::utcb().on_fault = 0;
    return moved != 0;
}

/// Whether GS can be given a descriptor of this program's own making. RESET leaves a table of them (LDT) at address 0.
bool can_load_own_descriptor() {
    constexpr std::uint64_t flat_data_for_ring3 = 0x00cf'f300'0000'ffff;
    constexpr std::uint16_t first_of_local_table = 0xf; // index 1, LDT, RPL 3
    *static_cast<volatile std::uint64_t*>(sys::pointer(UserVirt{8})) = flat_data_for_ring3;
    std::uint64_t loaded = 0;
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %[on_fault]; mov %[selector], %%gs; movq $1, %[loaded]; 1:"
                 : [loaded] "+m"(loaded), [on_fault] "+m"(sys::utcb().on_fault)
                 : [selector] "r"(first_of_local_table)
                 : "rax", "memory");
    sys::utcb().on_fault = 0;
    return loaded != 0;
}

struct Seen {
    Segments segments;
    std::uint64_t utcb;
    bool moves_fs;
};
volatile bool served = false;
Seen seen{};

[[noreturn]] void serve_calls() {
    for (;;) {
        (void)sys::reply_wait({});
        seen = {segments(), reinterpret_cast<std::uint64_t>(&sys::utcb()), can_move_fs()};
        served = true;
    }
}

void expect(bool condition, std::string_view what) {
    if (condition) {
        return;
    }
    machine.write_serial("ring3: FAIL: ");
    machine.write_serial(what);
    machine.write_serial("\n");
    machine.debug_exit(static_cast<const BootInfo*>(sys::pointer(boot_info_address))->debug_exit_port, root::exit_bad);
}
void expect_ok(Status status, std::string_view what) {
    expect(status == Status::ok, what);
}

} // namespace
} // namespace bulkhead

extern "C" [[noreturn]] void component_main(std::uint64_t argument) {
    using namespace bulkhead;
    if (argument == serve) {
        serve_calls();
    }
    constexpr SecondThread server{own_slot::thread, own_slot::stack, own_slot::portal};
    constexpr std::uint32_t above_first_task = 62;
    expect_ok(start_second_thread(own_slot::memory, server, above_first_task, serve), "a second thread");
    load_segments(stack_segment());
    const Segments own = segments();
    expect(own.ds == stack_segment() && own.es == own.ds && own.gs == own.ds, "a thread may load segment registers");
    expect_ok(sys::call(own_slot::portal, {}).status, "a call");
    expect(served, "the call is served");
    const Segments found = seen.segments;
    expect((found.ds | found.es | found.gs) == 0, "a thread finds another's segment registers");
    expect(seen.utcb == layout::of_thread(layout::utcb_address, 1).value, "the second thread's block");
    expect(reinterpret_cast<std::uint64_t>(&sys::utcb()) == layout::utcb_address.value, "the first thread's block");
    expect(!seen.moves_fs && !can_move_fs(), "FS can be moved");
    expect_ok(sys::retype(own_slot::memory, ObjectType::region, page_size, own_slot::first_page), "a page");
    expect_ok(sys::map(own_slot::first_page, slot::address_space, 0, Rights::read | Rights::write), "its place at 0");
    expect(!can_load_own_descriptor(), "a descriptor of ring 3's own can be loaded");
    machine.write_serial("ring3: PASS\n");
    machine.debug_exit(static_cast<const BootInfo*>(sys::pointer(boot_info_address))->debug_exit_port, root::exit_good);
    for (;;) {
        (void)sys::reply_wait({});
    }
}
