// SPDX-License-Identifier: Apache-2.0
// Prints docs/kernel-interface.md from the tables that the kernel itself decodes calls with.
#include "method_texts.hpp"
#include <bulkhead/abi/syscall.hpp>

#include <cstdio>
#include <cstring>
#include <string>

namespace bulkhead::docs {
namespace {

struct ObjectText {
    ObjectType type;
    const char* name;
    const char* text;
};

constexpr ObjectText objects[] = {
    {ObjectType::null, "Any object",
     "Region, Thread (its UTCB), EventSet (its bits) and Vcpu (its state page) own pages that can be mapped."},
    {ObjectType::untyped, "Untyped",
     "Memory that can become objects. It has one capability at a time: it moves, but no copy of it can be made, since "
     "two could hand out the same memory."},
    {ObjectType::cap_space, "CapSpace", "A flat table of slots. Slot 0 is never used."},
    {ObjectType::region, "Region",
     "A physical range that can be mapped. Each capability is mapped in one place at a time; revoking it unmaps it. "
     "Derived Regions cover a part."},
    {ObjectType::address_space, "AddressSpace",
     "A component's page tables, with the pool of table pages that its maker paid for. Nothing is ever writable and "
     "executable. Its only method is to be the destination of `map`."},
    {ObjectType::stage2, "Stage2",
     "A guest's nested page tables, with their pool. New mappings replace what was there, so that a page can be laid "
     "over RAM."},
    {ObjectType::thread, "Thread",
     "A flow of control, with a UTCB page and, if it was given one, CPU time of its own: priority, budget per period, "
     "CPU."},
    {ObjectType::portal, "Portal",
     "Where a call goes. Capabilities to one portal differ in their badges, which the handler sees."},
    {ObjectType::event_set, "EventSet",
     "Up to 32,256 bits in a page that the receiver reads. A capability's badge names the bit that it sets."},
    {ObjectType::vcpu, "Vcpu",
     "A virtual CPU: control block, vector registers, state page (`bulkhead/abi/vcpu.hpp`). One thread runs it."},
    {ObjectType::interrupt, "Interrupt",
     "A range of global system interrupts. One that names a single interrupt can be bound."},
    {ObjectType::io_ports, "IoPorts", "A range of I/O ports."},
    {ObjectType::cpu_time, "CpuTime",
     "The authority to give threads CPU time: which CPUs, up to which priority. It has no methods: `thread.schedule` "
     "takes it."},
    {ObjectType::offers, "Offers",
     "Pages that a guest offers to others, by entries in a table that it writes itself (`bulkhead/abi/offers.hpp`). "
     "Whoever holds it can have the kernel map such a page for the peer that the entry names, and for nobody else: the "
     "destination's capability carries the peer's number as its badge."},
};

std::string rights(Rights r) {
    std::string text;
    const struct {
        Rights right;
        const char* name;
    } all[] = {{Rights::read, "read"},       {Rights::write, "write"}, {Rights::execute, "execute"},
               {Rights::control, "control"}, {Rights::map, "map"},     {Rights::derive, "derive"}};
    for (const auto& one : all) {
        if (includes(r, one.right)) {
            text += (text.empty() ? "" : ", ") + std::string{one.name};
        }
    }
    return text.empty() ? "none" : text;
}

void print_method(const MethodInfo& m, const MethodText& of) {
    std::printf("### `%s`\n\n%s\n\n", m.name, of.text);
    std::printf("| | |\n|---|---|\n");
    std::string arguments = std::strlen(of.arguments) != 0 ? of.arguments : "none";
    for (std::size_t at = 0; (at = arguments.find('|', at)) != std::string::npos; at += 2) {
        arguments.replace(at, 1, "\\|");
    }
    std::printf("| number | %u |\n| rights needed | %s |\n| arguments | %s |\n", static_cast<unsigned>(m.method),
                rights(m.rights).c_str(), arguments.c_str());
    std::printf("| errors | bad_selector, bad_type, no_right%s%s |\n| interrupts off | %s |\n\n",
                std::strlen(of.errors) != 0 ? "; " : "", of.errors, of.bound);
}

constexpr const char* head =
    R"(# The kernel's interface

Generated from `kernel/include/bulkhead/abi/` by `docs/generator`; do not edit. A test compares.

Everything a component can ask of the kernel is an operation on a capability in its capability space. Rights only shrink along
derivation. An operation that fails has changed nothing that its caller can see. "Preemptible" means: when an interrupt waits, the
operation stops at a consistent point and the kernel makes the thread execute its system call again.

## System calls

SYSCALL: rax = number; rdi, rsi, rdx, r10, r8, r9 = arguments. On return rax = Status, rdx = value; rcx, r11 and the other argument
registers are clobbered. Details of each stand in `bulkhead/abi/syscall.hpp`.

| number | call | arguments | returns | rights | interrupts off |
|---|---|---|---|---|---|
| 0 | `call` | Portal, message info (length, capabilities << 32) | Status, message info of the reply | write | one message: 3,968 bytes, 4 capabilities |
| 1 | `reply_wait` | rsi: message info of the reply; r8: deadline | ok and the next request, signalled, timeout | | two messages |
| 2 | `signal` | EventSet | Status | write | constant |
| 3 | `wait` | EventSet, deadline | ok, timeout, busy, aborted | read | grows with the timeouts armed on that CPU |
| 4 | `vcpu_run` | Vcpu, changed groups, EventSet to signal first or 0, deadline | ok and exit reason, signalled, timeout, bad_argument, busy, aborted | control | constant |
| 5 | `invoke` | object, method, four arguments | Status, value | by method | by method |
| 6 | `yield` | | ok | | constant |

Deadlines are absolute ticks of the time-stamp counter, 0 = none. A call lends the caller's CPU time to the handler until it replies; a
caller whose handler is busy helps it with that time. A handler that faults, stops or goes away fails its callers with `aborted`; a chain of calls
that would wait for itself, or of more than 16, is refused with `busy`.

## Status

| value | name |
|---|---|
)";

} // namespace
} // namespace bulkhead::docs

int main() {
    using namespace bulkhead;
    using namespace bulkhead::docs;
    std::fputs(head, stdout);
    constexpr const char* names[] = {"ok",          "bad_selector",   "bad_type",     "no_right",
                                     "bad_method",  "bad_argument",   "out_of_range", "out_of_memory",
                                     "slot_in_use", "already_mapped", "not_mapped",   "busy",
                                     "timeout",     "aborted",        "signalled",    "not_supported"};
    static_assert(sizeof(names) / sizeof(names[0]) == static_cast<unsigned>(Status::count));
    for (unsigned i = 0; i < static_cast<unsigned>(Status::count); ++i) {
        std::printf("| %u | %s |\n", i, names[i]);
    }
    std::printf("\n");
    static_assert(sizeof(objects) / sizeof(objects[0]) == static_cast<unsigned>(ObjectType::count));
    for (const ObjectText& object : objects) {
        std::printf("## %s\n\n%s\n\n", object.name, object.text);
        for (const MethodInfo& m : methods) {
            if (m.object == object.type) {
                print_method(m, method_texts[static_cast<unsigned>(m.method)]);
            }
        }
    }
    return std::ferror(stdout) != 0 ? 1 : 0;
}
