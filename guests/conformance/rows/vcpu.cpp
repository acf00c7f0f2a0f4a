// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_vcpu_op (public/vcpu.h): a domain with one vCPU, its own areas, and other vCPUs that do not exist.
#include "../machine.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* vcpu_h = "public/vcpu.h";
constexpr Word number = __HYPERVISOR_vcpu_op;
constexpr OnXen looks_later{0, "Xen takes any address for an area, and finds out when it writes there."};

template <typename T> std::int64_t on_vcpu(Word operation, T& argument, Word vcpu = 0) {
    return issue(number, operation, vcpu, address_of(argument));
}
std::int64_t register_info(Word frame, std::uint32_t offset) {
    vcpu_register_vcpu_info r{};
    r.mfn = frame;
    r.offset = offset;
    return on_vcpu(VCPUOP_register_vcpu_info, r);
}
std::int64_t register_runstate(void* at) {
    vcpu_register_runstate_memory_area area{};
    area.addr.v = static_cast<vcpu_runstate_info*>(at);
    return on_vcpu(VCPUOP_register_runstate_memory_area, area);
}
std::int64_t register_time(void* at) {
    vcpu_register_time_memory_area area{};
    area.addr.v = static_cast<vcpu_time_info*>(at);
    return on_vcpu(VCPUOP_register_vcpu_time_memory_area, area);
}

/// Outlive their row: they stay registered.
alignas(page_bytes) unsigned char info_page[page_bytes];
vcpu_runstate_info runstate_area;
vcpu_time_info time_area;

constexpr Row rows[] = {
    {"vcpu/is_up", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, 0, 0); }, 1},
    {"vcpu/up when it is up", vcpu_h, [](Effects&) { return issue(number, VCPUOP_up, 0, 0); }, 0},
    {"vcpu/is_up, no such vCPU", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, 1, 0); }, -XEN_ENOENT},
    {"vcpu/is_up, vCPU 128", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, 128, 0); }, -XEN_ENOENT},
    {"vcpu/is_up, vCPU 2^31", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, 0x8000'0000, 0); },
     -XEN_ENOENT},
    {"vcpu/is_up, vCPU 2^32-1", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, ~0u, 0); }, -XEN_ENOENT},
    {"vcpu/up, no such vCPU", vcpu_h, [](Effects&) { return issue(number, VCPUOP_up, 1, 0); }, -XEN_ENOENT},
    {"vcpu/down, no such vCPU", vcpu_h, [](Effects&) { return issue(number, VCPUOP_down, 1, 0); }, -XEN_ENOENT},
    {"vcpu/initialise, no such vCPU", vcpu_h, [](Effects&) { return on_vcpu(VCPUOP_initialise, scratch, 1); },
     -XEN_ENOENT},
    {"vcpu/unknown 99 of no vCPU", vcpu_h, [](Effects&) { return issue(number, 99, 1, 0); }, -XEN_ENOENT},
    {"vcpu/unknown 14", vcpu_h, [](Effects&) { return issue(number, 14, 0, address_of(scratch)); }, -XEN_ENOSYS},
    {"vcpu/unknown 2^31", vcpu_h, [](Effects&) { return issue(number, 0x8000'0000, 0, address_of(scratch)); },
     -XEN_ENOSYS},
    {"vcpu/unknown 2^32-1", vcpu_h, [](Effects&) { return issue(number, 0xffff'ffff, 0, address_of(scratch)); },
     -XEN_ENOSYS},
    {"vcpu/get_runstate_info", vcpu_h,
     [](Effects& e) {
         auto& info = *reinterpret_cast<vcpu_runstate_info*>(scratch[0]);
         scratch[0][sizeof info] = 0x5a;
         const auto result = on_vcpu(VCPUOP_get_runstate_info, info);
         e.equal("state", info.state, RUNSTATE_running);
         e.check("since", info.state_entry_time != 0);
         e.equal("behind it", scratch[0][sizeof info], 0x5a);
         return result;
     },
     0},
    {"vcpu/get_runstate_info, no such vCPU", vcpu_h,
     [](Effects&) { return on_vcpu(VCPUOP_get_runstate_info, scratch, 1); }, -XEN_ENOENT},
    {"vcpu/register_runstate_memory_area", vcpu_h,
     [](Effects& e) {
         const auto result = register_runstate(&runstate_area);
         e.equal("state", runstate_area.state, RUNSTATE_running);
         e.check("since", runstate_area.state_entry_time != 0);
         return result;
     },
     0},
    {"vcpu/register_vcpu_time_memory_area", vcpu_h,
     [](Effects& e) {
         const auto result = register_time(&time_area);
         e.check("scale", time_area.tsc_to_system_mul != 0);
         e.equal("version is even", time_area.version & 1, 0);
         return result;
     },
     0},
    {"vcpu/register_runstate, area unmapped", vcpu_h,
     [](Effects& e) {
         const auto result = register_runstate(reinterpret_cast<void*>(place(Place::unmapped, 8)));
         e.equal("again", register_runstate(&runstate_area), 0);
         return result;
     },
     -XEN_EFAULT, any_width, looks_later},
    {"vcpu/register_time, area unmapped", vcpu_h,
     [](Effects& e) {
         const auto result = register_time(reinterpret_cast<void*>(place(Place::unmapped, 8)));
         e.equal("again", register_time(&time_area), 0);
         return result;
     },
     -XEN_EFAULT, any_width, looks_later},
    {"vcpu/get_physid", vcpu_h, [](Effects&) { return on_vcpu(VCPUOP_get_physid, scratch); }, -XEN_EINVAL},
    {"vcpu/send_nmi with a handle", vcpu_h, [](Effects&) { return on_vcpu(VCPUOP_send_nmi, scratch); }, -XEN_EINVAL},
    {"vcpu/send_nmi, no such vCPU", vcpu_h, [](Effects&) { return issue(number, VCPUOP_send_nmi, 1, 0); }, -XEN_ENOENT},
    {"vcpu/register_vcpu_info, frame without RAM", vcpu_h,
     [](Effects&) { return register_info(frame_without_ram(), 0); }, -XEN_EINVAL},
    {"vcpu/register_vcpu_info, frame 2^32-1", vcpu_h, [](Effects&) { return register_info(0xffff'ffff, 0); },
     -XEN_EINVAL},
    {"vcpu/register_vcpu_info, over the page", vcpu_h,
     [](Effects&) { return register_info(frame_of(info_page), page_bytes - sizeof(vcpu_info) + 8); }, -XEN_ENXIO},
    {"vcpu/register_vcpu_info, offset 2^32-1", vcpu_h, [](Effects&) { return register_info(frame_of(info_page), ~0u); },
     -XEN_ENXIO},
    {"vcpu/register_vcpu_info, offset 2^32-64", vcpu_h,
     [](Effects&) { return register_info(frame_of(info_page), 0u - 64); }, -XEN_ENXIO},
    {"vcpu/register_vcpu_info at an odd offset", vcpu_h,
     [](Effects&) { return register_info(frame_of(info_page), 65); }, -XEN_ENXIO},
    {"vcpu/register_vcpu_info, no such vCPU", vcpu_h,
     [](Effects&) { return on_vcpu(VCPUOP_register_vcpu_info, scratch, 1); }, -XEN_ENOENT},
    {"vcpu/register_vcpu_info", vcpu_h,
     [](Effects& e) {
         own_vcpu_info().evtchn_upcall_pending = 0;
         own_vcpu_info().arch.cr2 = 0x1234;
         constexpr std::uint32_t offset = page_bytes - sizeof(vcpu_info);
         const auto result = register_info(frame_of(info_page), offset);
         auto* moved = reinterpret_cast<vcpu_info*>(info_page + offset);
         if (result == 0) {
             move_vcpu_info(moved);
         }
         e.check("clock", moved->time.tsc_to_system_mul != 0);
         e.equal("content moved", static_cast<std::int64_t>(moved->arch.cr2), 0x1234);
         e.equal("an upcall in case", moved->evtchn_upcall_pending, 1);
         moved->evtchn_upcall_pending = 0;
         return result;
     },
     0},
    {"vcpu/register_vcpu_info twice", vcpu_h, [](Effects&) { return register_info(frame_of(info_page), 0); },
     -XEN_EINVAL},
};

} // namespace

const Group vcpu_rows{"vcpu_op", rows};

} // namespace bulkhead::conformance
