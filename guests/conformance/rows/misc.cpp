// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_console_io, vm_assist, multicall (public/xen.h).
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* console_h = "public/xen.h, CONSOLEIO_*";
constexpr const char* assist_h = "public/xen.h, VMASST_*";
constexpr const char* multicall_h = "public/xen.h, multicall_entry";
constexpr OnXen no_console{-XEN_EPERM,
                           "Debian's build of Xen lets only dom0 use console_io; here a domain's log is its own."};

std::int64_t console(Word command, Word count, Word buffer) {
    return issue(__HYPERVISOR_console_io, command, count, buffer);
}
std::int64_t assist(Word command, Word type) {
    return issue(__HYPERVISOR_vm_assist, command, type);
}
std::int64_t multicall(Word list, Word count) {
    return issue(__HYPERVISOR_multicall, list, count);
}
multicall_entry entry(unsigned long operation, unsigned long a = 0, unsigned long b = 0) {
    multicall_entry m{};
    m.op = operation;
    m.result = 77;
    m.args[0] = a;
    m.args[1] = b;
    return m;
}
std::int64_t result_of(const multicall_entry& m) {
    return static_cast<std::intptr_t>(m.result);
}
constexpr char text[] = "(conformance)\n";

constexpr Row rows[] = {
    {"console/write nothing", console_h,
     [](Effects&) { return console(CONSOLEIO_write, 0, reinterpret_cast<Word>(text)); }, 0, any_width, no_console},
    {"console/write", console_h,
     [](Effects&) { return console(CONSOLEIO_write, sizeof text - 1, reinterpret_cast<Word>(text)); }, 0, any_width,
     no_console},
    {"console/write, buffer unmapped", console_h,
     [](Effects&) { return console(CONSOLEIO_write, 1, place(Place::unmapped, 1)); }, -XEN_EFAULT, any_width,
     no_console},
    {"console/write, buffer past RAM", console_h,
     [](Effects&) { return console(CONSOLEIO_write, 16, place(Place::past_ram, 16)); }, -XEN_EFAULT, any_width,
     no_console},
    {"console/write, 2^32-1 bytes", console_h,
     [](Effects&) { return console(CONSOLEIO_write, 0xffff'ffff, reinterpret_cast<Word>(text)); }, -XEN_EINVAL,
     any_width, no_console},
    {"console/read", console_h, [](Effects&) { return console(CONSOLEIO_read, 16, address_of(scratch)); }, 0, any_width,
     no_console},
    {"console/unknown 2", console_h, [](Effects&) { return console(2, 0, 0); }, -XEN_ENOSYS, any_width, no_console},
    {"console/unknown 2^32-1", console_h, [](Effects&) { return console(0xffff'ffff, 0, 0); }, -XEN_ENOSYS, any_width,
     no_console},
    {"assist/runstate_update_flag on", assist_h,
     [](Effects&) { return assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag); }, 0},
    {"assist/runstate_update_flag off", assist_h,
     [](Effects&) { return assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag); }, 0},
    {"assist/writable_pagetables is for PV", assist_h,
     [](Effects&) { return assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables); }, -XEN_EINVAL},
    {"assist/type 31", assist_h, [](Effects&) { return assist(VMASST_CMD_enable, 31); }, -XEN_EINVAL},
    {"assist/type 2^32-1", assist_h, [](Effects&) { return assist(VMASST_CMD_enable, 0xffff'ffff); }, -XEN_EINVAL},
    {"assist/command 2", assist_h, [](Effects&) { return assist(2, VMASST_TYPE_runstate_update_flag); }, -XEN_ENOSYS},
    {"assist/command 2^32-1", assist_h, [](Effects&) { return assist(0xffff'ffff, VMASST_TYPE_runstate_update_flag); },
     -XEN_ENOSYS},
    {"multicall/none", multicall_h, [](Effects&) { return multicall(address_of(scratch), 0); }, 0},
    {"multicall/three", multicall_h,
     [](Effects& e) {
         multicall_entry list[] = {entry(__HYPERVISOR_xen_version, XENVER_version), entry(63),
                                   entry(__HYPERVISOR_xen_version, XENVER_pagesize)};
         const auto result = multicall(address_of(list), 3);
         e.equal("first", result_of(list[0]), (4 << 16) | 17);
         e.equal("second", result_of(list[1]), -XEN_ENOSYS);
         e.equal("third", result_of(list[2]), 4096);
         return result;
     },
     0},
    {"multicall/in a multicall", multicall_h,
     [](Effects& e) {
         multicall_entry inner[] = {entry(__HYPERVISOR_xen_version, XENVER_version)};
         multicall_entry list[] = {entry(__HYPERVISOR_multicall, address_of(inner), 1)};
         const auto result = multicall(address_of(list), 1);
         e.equal("its result", result_of(list[0]), -XEN_EINVAL);
         e.equal("inner not run", result_of(inner[0]), 77);
         return result;
     },
     0},
    {"multicall/list unmapped", multicall_h, [](Effects&) { return multicall(place(Place::unmapped, 8), 1); },
     -XEN_EFAULT},
    {"multicall/list without RAM", multicall_h, [](Effects&) { return multicall(place(Place::no_ram, 8), 1); },
     -XEN_EFAULT},
    {"multicall/the second entry is past RAM", multicall_h,
     [](Effects& e) {
         const Word at = place(Place::past_ram, 2 * sizeof(multicall_entry));
         auto& first = *reinterpret_cast<multicall_entry*>(at);
         first = entry(__HYPERVISOR_xen_version, XENVER_version);
         const auto result = multicall(at, 2);
         e.equal("the first was run", result_of(first), (4 << 16) | 17);
         return result;
     },
     -XEN_EFAULT},
    {"multicall/list read-only", multicall_h,
     [](Effects&) {
         *reinterpret_cast<multicall_entry*>(scratch[1]) = entry(__HYPERVISOR_xen_version, XENVER_version);
         return multicall(place(Place::read_only, sizeof(multicall_entry)), 1);
     },
     -XEN_EFAULT, paged},
};

} // namespace

const Group misc_rows{"console_io, vm_assist, multicall", rows};

} // namespace bulkhead::conformance
