// SPDX-License-Identifier: Apache-2.0
// A domain with two vCPUs: the second one's life and its areas (public/vcpu.h), and ports that notify it
// (public/event_channel.h). These rows follow each other: it is not initialised, down, spinning, and down again.
#include "../beside.hpp"
#include "event.hpp"

#include <xen/hvm/hvm_vcpu.h>

extern "C" {
extern const char second_vcpu_code[];
extern volatile std::uint32_t second_vcpu_turns;
extern volatile std::uint32_t second_vcpu_stays;
}

namespace bulkhead::conformance {
namespace {

constexpr const char* vcpu_h = "public/vcpu.h";
constexpr const char* hvm_vcpu_h = "public/hvm/hvm_vcpu.h";
constexpr const char* event_h = "public/event_channel.h";
constexpr Word number = __HYPERVISOR_vcpu_op;
constexpr Word second = 1;

template <typename T> std::int64_t on_second(Word operation, T& argument) {
    return issue(number, operation, second, address_of(argument));
}
std::int64_t on_second(Word operation) {
    return issue(number, operation, second, 0);
}
std::int64_t register_info(Word vcpu, Word frame, std::uint32_t offset) {
    vcpu_register_vcpu_info r{};
    r.mfn = frame;
    r.offset = offset;
    return issue(number, VCPUOP_register_vcpu_info, vcpu, address_of(r));
}

vcpu_hvm_context context() {
    constexpr std::uint32_t flat_code = 0xc9b, flat_data = 0xc93, busy_tss = 0x8b;
    vcpu_hvm_context c{};
    c.mode = VCPU_HVM_MODE_32B;
    auto& r = c.cpu_regs.x86_32;
    r.eip = static_cast<std::uint32_t>(reinterpret_cast<Word>(second_vcpu_code));
    r.cr0 = 0x11;
    r.cs_limit = r.ds_limit = r.ss_limit = r.es_limit = 0xffff'ffff;
    r.cs_ar = flat_code;
    r.ds_ar = r.ss_ar = r.es_ar = flat_data;
    r.tr_limit = 0x67;
    r.tr_ar = busy_tss;
    return c;
}
template <typename F> std::int64_t initialise(F&& change) {
    auto c = context();
    change(c);
    return on_second(VCPUOP_initialise, c);
}

bool is_down() {
    return on_second(VCPUOP_is_up) == 0;
}
std::uint32_t turns;
bool has_had_another_turn() {
    return second_vcpu_turns != turns;
}

alignas(page_bytes) unsigned char info_page[page_bytes];
vcpu_runstate_info runstate_area;
vcpu_time_info time_area;

std::int64_t bind_virq(std::uint32_t virq, std::uint32_t vcpu, std::uint32_t& port) {
    evtchn_bind_virq b{};
    b.virq = virq;
    b.vcpu = vcpu;
    const auto result = event(EVTCHNOP_bind_virq, b);
    port = result == 0 ? b.port : 0;
    return result;
}
std::int64_t bind_vcpu(std::uint32_t port, std::uint32_t vcpu) {
    evtchn_bind_vcpu b{port, vcpu};
    return event(EVTCHNOP_bind_vcpu, b);
}
std::int64_t init_control(Word frame, std::uint32_t vcpu) {
    evtchn_init_control c{};
    c.control_gfn = frame;
    c.vcpu = vcpu;
    return event(EVTCHNOP_init_control, c);
}

constexpr Row rows[] = {
    {"second/is_up before it is initialised", vcpu_h, [](Effects&) { return on_second(VCPUOP_is_up); }, 0},
    {"second/up before it is initialised", vcpu_h, [](Effects&) { return on_second(VCPUOP_up); }, -XEN_EINVAL},
    {"second/down before it is initialised", vcpu_h, [](Effects&) { return on_second(VCPUOP_down); }, 0},
    {"second/get_runstate_info of one that is down", vcpu_h,
     [](Effects& e) {
         vcpu_runstate_info info{};
         const auto result = on_second(VCPUOP_get_runstate_info, info);
         e.equal("state", info.state, RUNSTATE_offline);
         return result;
     },
     0},
    {"second/initialise, unknown mode", hvm_vcpu_h, [](Effects&) { return initialise([](auto& c) { c.mode = 9; }); },
     -XEN_EINVAL},
    {"second/initialise, code segment not present", hvm_vcpu_h,
     [](Effects&) { return initialise([](auto& c) { c.cpu_regs.x86_32.cs_ar = 0xc1b; }); }, -XEN_EINVAL},
    {"second/initialise, eip past the limit", hvm_vcpu_h,
     [](Effects&) { return initialise([](auto& c) { c.cpu_regs.x86_32.cs_limit = 0x10; }); }, -XEN_EINVAL},
    {"second/initialise, unmapped", hvm_vcpu_h,
     [](Effects&) { return issue(number, VCPUOP_initialise, second, place(Place::unmapped, 8)); }, -XEN_EFAULT},
    {"second/initialise", hvm_vcpu_h,
     [](Effects& e) {
         const auto result = initialise([](auto&) {});
         e.equal("still down", on_second(VCPUOP_is_up), 0);
         return result;
     },
     0},
    {"second/initialise twice", hvm_vcpu_h, [](Effects&) { return initialise([](auto&) {}); }, -XEN_EEXIST},
    {"second/register_vcpu_info over the page", vcpu_h,
     [](Effects&) { return register_info(1, frame_of(info_page), page_bytes - 8); }, -XEN_ENXIO},
    {"second/up, runs and goes down by halting", vcpu_h,
     [](Effects& e) {
         const auto result = on_second(VCPUOP_up);
         e.check("down again", await(is_down));
         e.equal("turns", second_vcpu_turns, 1);
         return result;
     },
     0},
    {"second/up again goes on behind the halt", vcpu_h,
     [](Effects& e) {
         const auto result = on_second(VCPUOP_up);
         e.check("down again", await(is_down));
         e.equal("turns", second_vcpu_turns, 2);
         return result;
     },
     0},
    {"second/register_vcpu_info of one that is down", vcpu_h,
     [](Effects& e) {
         const auto result = register_info(1, frame_of(info_page), 0);
         e.check("clock", reinterpret_cast<vcpu_info*>(info_page)->time.tsc_to_system_mul != 0);
         return result;
     },
     0},
    {"second/up and stays", vcpu_h,
     [](Effects& e) {
         turns = second_vcpu_turns;
         second_vcpu_stays = 1;
         const auto result = on_second(VCPUOP_up);
         e.check("a turn", await(has_had_another_turn));
         e.equal("is_up", on_second(VCPUOP_is_up), 1);
         return result;
     },
     0},
    {"second/up when it is up", vcpu_h, [](Effects&) { return on_second(VCPUOP_up); }, 0},
    {"second/initialise when it is up", hvm_vcpu_h, [](Effects&) { return initialise([](auto&) {}); }, -XEN_EEXIST},
    {"second/register_vcpu_info when it is up", vcpu_h,
     [](Effects&) { return register_info(1, frame_of(info_page), 1024); }, -XEN_EINVAL},
    {"second/get_runstate_info of one that spins", vcpu_h,
     [](Effects& e) {
         vcpu_runstate_info info{};
         const auto result = on_second(VCPUOP_get_runstate_info, info);
         e.check("running or runnable", info.state == RUNSTATE_running || info.state == RUNSTATE_runnable);
         return result;
     },
     0},
    {"second/register_runstate_memory_area", vcpu_h,
     [](Effects&) {
         vcpu_register_runstate_memory_area area{};
         area.addr.v = &runstate_area;
         return on_second(VCPUOP_register_runstate_memory_area, area);
     },
     0},
    {"second/register_vcpu_time_memory_area", vcpu_h,
     [](Effects&) {
         vcpu_register_time_memory_area area{};
         area.addr.v = &time_area;
         return on_second(VCPUOP_register_vcpu_time_memory_area, area);
     },
     0},
    {"second/set_periodic_timer", vcpu_h,
     [](Effects&) {
         vcpu_set_periodic_timer t{1'000'000'000};
         return on_second(VCPUOP_set_periodic_timer, t);
     },
     0},
    {"second/stop_periodic_timer", vcpu_h, [](Effects&) { return on_second(VCPUOP_stop_periodic_timer); }, 0},
    {"second/set_singleshot_timer of another", vcpu_h,
     [](Effects&) {
         vcpu_set_singleshot_timer t{};
         return on_second(VCPUOP_set_singleshot_timer, t);
     },
     -XEN_EINVAL},
    {"second/stop_singleshot_timer of another", vcpu_h,
     [](Effects&) { return on_second(VCPUOP_stop_singleshot_timer); }, -XEN_EINVAL},
    {"second/get_physid", vcpu_h, [](Effects&) { return on_second(VCPUOP_get_physid, scratch); }, -XEN_EINVAL},
    {"second/unknown 99", vcpu_h, [](Effects&) { return on_second(99); }, -XEN_ENOSYS},
    {"second/is_up of a third", vcpu_h, [](Effects&) { return issue(number, VCPUOP_is_up, 2, 0); }, -XEN_ENOENT},
    {"second/send_nmi of a third", vcpu_h, [](Effects&) { return issue(number, VCPUOP_send_nmi, 2, 0); }, -XEN_ENOENT},
    {"second/send_nmi with a handle", vcpu_h, [](Effects&) { return on_second(VCPUOP_send_nmi, scratch); },
     -XEN_EINVAL},
    {"second/HVMOP_flush_tlbs while it spins", "public/hvm/hvm_op.h",
     [](Effects&) { return issue(__HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0); }, 0},
    {"second/HVMOP_set_evtchn_upcall_vector", "public/hvm/hvm_op.h",
     [](Effects&) {
         xen_hvm_evtchn_upcall_vector v{1, 0xf3};
         return operate(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, v);
     },
     0},
    {"second/HVMOP_set_evtchn_upcall_vector of a third", "public/hvm/hvm_op.h",
     [](Effects&) {
         xen_hvm_evtchn_upcall_vector v{2, 0xf3};
         return operate(__HYPERVISOR_hvm_op, HVMOP_set_evtchn_upcall_vector, v);
     },
     -XEN_ENOENT},
    {"second/down while it spins", vcpu_h,
     [](Effects& e) {
         const auto result = on_second(VCPUOP_down);
         e.check("down", await(is_down));
         turns = second_vcpu_turns;
         return result;
     },
     0},
    {"second/up once more, and down by itself", vcpu_h,
     [](Effects& e) {
         second_vcpu_stays = 0;
         const auto result = on_second(VCPUOP_up);
         e.check("down", await(is_down));
         e.equal("turns", second_vcpu_turns, turns); // it was between two
         return result;
     },
     0},
    {"second/bind_ipi", event_h,
     [](Effects& e) {
         evtchn_bind_ipi b{};
         b.vcpu = 1;
         const auto result = event(EVTCHNOP_bind_ipi, b);
         const Port port{b.port};
         const auto s = status_of(b.port);
         e.equal("status", s.status, EVTCHNSTAT_ipi);
         e.equal("vcpu", s.vcpu, 1);
         e.equal("send", send(b.port), 0);
         e.check("pending", pending(b.port));
         e.equal("not ours", own_vcpu_info().evtchn_upcall_pending, 0);
         return result;
     },
     0},
    {"second/bind_ipi to a third", event_h,
     [](Effects&) {
         evtchn_bind_ipi b{};
         b.vcpu = 2;
         return event(EVTCHNOP_bind_ipi, b);
     },
     -XEN_ENOENT},
    {"second/bind_virq TIMER", event_h,
     [](Effects& e) {
         std::uint32_t first = 0;
         std::uint32_t other = 0;
         const auto result = bind_virq(VIRQ_TIMER, 1, first);
         const Port port{first};
         e.equal("vcpu", status_of(first).vcpu, 1);
         e.equal("again", bind_virq(VIRQ_TIMER, 1, other), -XEN_EEXIST);
         e.equal("the first vCPU's", bind_virq(VIRQ_TIMER, 0, other), 0);
         const Port second_port{other};
         return result;
     },
     0},
    {"second/bind_virq, a global one", event_h,
     [](Effects&) {
         std::uint32_t port = 0;
         return bind_virq(VIRQ_DOM_EXC, 1, port);
     },
     -XEN_EINVAL},
    {"second/bind_virq to a third", event_h,
     [](Effects&) {
         std::uint32_t port = 0;
         return bind_virq(VIRQ_TIMER, 2, port);
     },
     -XEN_ENOENT},
    {"second/bind_vcpu", event_h,
     [](Effects& e) {
         const Port port = unbound_port();
         const auto result = bind_vcpu(port.number, 1);
         e.equal("vcpu", status_of(port.number).vcpu, 1);
         e.equal("back", bind_vcpu(port.number, 0), 0);
         e.equal("vcpu before", status_of(port.number).vcpu, 0);
         return result;
     },
     0},
    {"second/bind_vcpu of an IPI", event_h,
     [](Effects&) {
         const Port port = ipi_port();
         return bind_vcpu(port.number, 1);
     },
     -XEN_EINVAL},
    {"second/bind_vcpu of VIRQ_TIMER", event_h,
     [](Effects&) {
         std::uint32_t first = 0;
         (void)bind_virq(VIRQ_TIMER, 0, first);
         const Port port{first};
         return bind_vcpu(first, 1);
     },
     -XEN_EINVAL},
    {"second/bind_vcpu to a third", event_h,
     [](Effects&) {
         const Port port = unbound_port();
         return bind_vcpu(port.number, 2);
     },
     -XEN_ENOENT},
    {"second/init_control of a third", event_h, [](Effects&) { return init_control(frame_of(info_page), 2); },
     -XEN_ENOENT},
    {"second/send_nmi to one that is down", vcpu_h, [](Effects&) { return on_second(VCPUOP_send_nmi); }, 0},
};

alignas(page_bytes) unsigned char control_pages[2][page_bytes];

/// Behind what needs the 2-level ABI.
constexpr Row fifo[] = {
    {"second/init_control", event_h,
     [](Effects& e) {
         const auto result = init_control(frame_of(control_pages[1]), 1);
         e.equal("the first vCPU's", init_control(frame_of(control_pages[0]), 0), 0);
         return result;
     },
     0},
    {"second/init_control twice", event_h, [](Effects&) { return init_control(frame_of(control_pages[1]), 1); },
     -XEN_EINVAL},
};

} // namespace

const Group second_vcpu_rows{"with a second vCPU", rows};
const Group second_vcpu_fifo_rows{"the FIFO ABI with a second vCPU", fifo};

} // namespace bulkhead::conformance
