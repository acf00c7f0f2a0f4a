// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_vcpu_op (public/vcpu.h), and the older HYPERVISOR_set_timer_op.
// It must not know: how timers reach the guest.
#include "argument.hpp"

#include <guest_vcpu.layout.hpp>

#include "events.hpp"
#include "hvm_context.hpp"
#include "runstate.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint64_t shortest_period_ns = 1'000'000;
/// The vCPU that the second argument names; vcpu_op has checked that there is one.
Vcpu& target(Call& call) {
    return *call.d.vcpu(static_cast<std::uint32_t>(call.arg[1]));
}
bool is_caller(const Call& call) {
    return static_cast<std::uint32_t>(call.arg[1]) == call.v.id;
}
std::uint64_t handle(const Call& call) {
    return call.arg[2];
}

/// A pointer in a union with a uint64_t. Of a 32-bit caller's eight bytes the upper four are nobody's: Linux leaves
/// them as they were.
std::uint64_t pointer(const Call& call, std::uint64_t value) {
    return call.wide ? value : value & 0xffff'ffff;
}

xen::Result initialise(Call& call) {
    return with_input<bulkhead_guest_VcpuHvmContext>(
        call, handle(call), [&](const bulkhead_guest_VcpuHvmContext& context) -> xen::Result {
            Vcpu& v = target(call);
            if (v.power.initialised) {
                return -XEN_EEXIST;
            }
            const HostCpuid host = call.d.processor.cpuid;
            const ContextLimits limits{guest_cr4_bits(host), guest_has_nx(host), guest_physical_bits(host)};
            if (read_hvm_context(context, limits, v.power.context) != ContextError::none) {
                return -XEN_EINVAL;
            }
            v.power.initialised = true;
            v.power.start = Start::context;
            return 0;
        });
}

xen::Result up(Call& call) {
    Vcpu& v = target(call);
    if (!v.power.initialised) {
        return -XEN_EINVAL;
    }
    bring_up(call.d, v);
    return 0;
}

/// The caller's own takes effect before it runs again, another's when that has left the guest (public/vcpu.h).
xen::Result down(Call& call) {
    take_down(call.d, target(call), "last vCPU went down");
    return 0;
}

xen::Result is_up(Call& call) {
    return target(call).power.up ? 1 : 0;
}

xen::Result get_runstate_info(Call& call) {
    Vcpu& v = target(call);
    if (&v == &call.v && has_waited(v)) {
        account_wait(call.d, v);
    }
    return with_in_out<bulkhead_guest_VcpuRunstateInfo>(call, handle(call),
                                                        [&](bulkhead_guest_VcpuRunstateInfo& info) -> xen::Result {
                                                            const vcpu_runstate_info now = current_runstate(call.d, v);
                                                            info.state = now.state;
                                                            info.state_entry_time = now.state_entry_time;
                                                            for (std::size_t i = 0; i < std::size(now.time); ++i) {
                                                                info.time[i] = now.time[i];
                                                            }
                                                            return 0;
                                                        });
}

xen::Result register_runstate(Call& call) {
    return with_input<bulkhead_guest_VcpuRegisterRunstateMemoryArea>(
        call, handle(call), [&](const bulkhead_guest_VcpuRegisterRunstateMemoryArea& area) -> xen::Result {
            Vcpu& v = target(call);
            const std::uint64_t before = v.runstate.area;
            v.runstate.area = pointer(call, area.addr);
            if (!publish_runstate(call.d, v, call.v)) {
                v.runstate.area = before;
                return -XEN_EFAULT;
            }
            return 0;
        });
}

xen::Result register_time_area(Call& call) {
    return with_input<bulkhead_guest_VcpuRegisterTimeMemoryArea>(
        call, handle(call), [&](const bulkhead_guest_VcpuRegisterTimeMemoryArea& area) -> xen::Result {
            Vcpu& v = target(call);
            const std::uint64_t before = v.time_area;
            v.time_area = pointer(call, area.addr);
            if (!publish_time_area(call.d, v, call.v)) {
                v.time_area = before;
                return -XEN_EFAULT;
            }
            return 0;
        });
}

xen::Result set_periodic(Call& call) {
    return with_input<bulkhead_guest_VcpuSetPeriodicTimer>(
        call, handle(call), [&](const bulkhead_guest_VcpuSetPeriodicTimer& set) -> xen::Result {
            if (set.period_ns < shortest_period_ns || static_cast<std::int64_t>(set.period_ns) < 0) {
                return -XEN_EINVAL;
            }
            target(call).timers.set_periodic(set.period_ns, call.d.now_ns());
            call.d.kick(target(call)); // it sleeps until its next timer, as it knew it
            return 0;
        });
}

xen::Result stop_periodic(Call& call) {
    target(call).timers.stop_periodic();
    return 0;
}

xen::Result set_singleshot(Call& call) {
    if (!is_caller(call)) {
        return -XEN_EINVAL;
    }
    return with_input<bulkhead_guest_VcpuSetSingleshotTimer>(
        call, handle(call), [&](const bulkhead_guest_VcpuSetSingleshotTimer& set) -> xen::Result {
            if ((set.flags & VCPU_SSHOTTMR_future) != 0 && set.timeout_abs_ns < call.d.now_ns()) {
                return -XEN_ETIME;
            }
            call.v.timers.set_singleshot(set.timeout_abs_ns); // one that is past fires before the guest continues
            return 0;
        });
}

xen::Result stop_singleshot(Call& call) {
    if (!is_caller(call)) {
        return -XEN_EINVAL;
    }
    call.v.timers.stop_singleshot();
    return 0;
}

xen::Result register_vcpu_info(Call& call) {
    return with_input<bulkhead_guest_VcpuRegisterVcpuInfo>(
        call, handle(call), [&](const bulkhead_guest_VcpuRegisterVcpuInfo& place) -> xen::Result {
            Vcpu& v = target(call);
            constexpr std::uint32_t alignment = alignof(vcpu_info); // its fields are changed atomically
            if (place.offset > page_size - sizeof(vcpu_info) || place.offset % alignment != 0) {
                return -XEN_ENXIO;
            }
            if (v.info_registered) {
                return -XEN_EINVAL;
            }
            std::uint8_t* page = call.d.memory.page(Gfn{place.mfn});
            if (page == nullptr) {
                return -XEN_EINVAL;
            }
            void* bytes = page + place.offset;
            auto* info = static_cast<vcpu_info*>(bytes);
            if (info != v.info) {
                copy_once(info, v.info, sizeof *info);
                v.info = info;
                call.d.clock.publish(info->time);
            }
            v.info_registered = true;
            mark_everything_pending(call.d, v);
            return 0;
        });
}

xen::Result send_nmi(Call& call) {
    if (handle(call) != 0) {
        return -XEN_EINVAL;
    }
    call.d.post_nmi(target(call));
    return 0;
}

xen::Result get_physid(Call&) {
    return -XEN_EINVAL; // only for vCPUs that are pinned for good to a physical CPU which the guest may know
}

constexpr Operation operations[] = {
    {VCPUOP_set_singleshot_timer, set_singleshot},
    {VCPUOP_stop_singleshot_timer, stop_singleshot},
    {VCPUOP_set_periodic_timer, set_periodic},
    {VCPUOP_stop_periodic_timer, stop_periodic},
    {VCPUOP_register_vcpu_info, register_vcpu_info},
    {VCPUOP_register_runstate_memory_area, register_runstate},
    {VCPUOP_register_vcpu_time_memory_area, register_time_area},
    {VCPUOP_get_runstate_info, get_runstate_info},
    {VCPUOP_initialise, initialise},
    {VCPUOP_is_up, is_up},
    {VCPUOP_up, up},
    {VCPUOP_down, down},
    {VCPUOP_send_nmi, send_nmi},
    {VCPUOP_get_physid, get_physid},
};

} // namespace

xen::Result vcpu_op(Call& call) {
    if (call.d.vcpu(static_cast<std::uint32_t>(call.arg[1])) == nullptr) {
        return -XEN_ENOENT;
    }
    return run_operation<operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

xen::Result set_timer_op(Call& call) {
    // A 32-bit caller passes the time in two registers (public/xen.h).
    const std::uint64_t when = call.wide ? call.arg[0] : call.arg[0] | (call.arg[1] << 32);
    if (when == 0) {
        call.v.timers.stop_singleshot();
    } else {
        call.v.timers.set_singleshot(when);
    }
    return 0;
}

} // namespace bulkhead::vcpu
