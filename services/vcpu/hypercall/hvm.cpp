// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_hvm_op (public/hvm/hvm_op.h, params.h): the parameters that a guest may see and set.
// It must not know: how the callback gets into the guest.
#include "argument.hpp"

#include <guest_hvm.layout.hpp>

#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#include "events.hpp"
#include "width.hpp"

namespace bulkhead::vcpu {

namespace {

enum class ParamAccess : std::uint8_t { none, read, read_write };

/// Numbers that params.h calls deprecated, and has names for with tools only: no parameters any more.
constexpr bool is_deprecated(std::uint32_t index) {
    return index == 4 || index == 13 || (index >= 20 && index <= 26) || index == 30;
}

/// Only what a guest may do with its own; the others are the toolstack's.
constexpr ParamAccess access_of(std::uint32_t index) {
    switch (index) {
    case HVM_PARAM_CALLBACK_IRQ:
    case HVM_PARAM_STORE_EVTCHN:
    case HVM_PARAM_CONSOLE_EVTCHN:
    case HVM_PARAM_VM86_TSS:
    case HVM_PARAM_VM86_TSS_SIZED:
    case HVM_PARAM_VM_GENERATION_ID_ADDR:
    case HVM_PARAM_X87_FIP_WIDTH:
        return ParamAccess::read_write;
    case HVM_PARAM_STORE_PFN:
    case HVM_PARAM_CONSOLE_PFN:
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
    case HVM_PARAM_ALTP2M:
        return ParamAccess::read;
    default:
        return ParamAccess::none;
    }
}

/// The types that need an interrupt controller (a GSI, a PCI line) are accepted, as the header has it, and deliver
/// nothing.
void set_callback(Domain& d, std::uint64_t raw) {
    constexpr std::uint32_t type_shift = 56;
    constexpr std::uint8_t first_vector = 16; // what is below are exceptions
    const auto vector = static_cast<std::uint8_t>(raw);
    const bool by_vector = (raw >> type_shift) == HVM_PARAM_CALLBACK_TYPE_VECTOR && vector >= first_vector;
    d.callback = {raw, by_vector ? vector : std::uint8_t{0}};
}

xen::Result check(const Call& call, const bulkhead_guest_HvmParam& param, ParamAccess wanted) {
    if (param.index >= HVM_NR_PARAMS || is_deprecated(param.index)) {
        return -XEN_EINVAL;
    }
    if (const xen::Result wrong = own_domain_only(call, param.domid); wrong != 0) {
        return wrong;
    }
    return access_of(param.index) >= wanted ? 0 : -XEN_EPERM;
}

/// What the header says of the values of those that a guest may set.
bool is_valid(std::uint32_t index, std::uint64_t value) {
    return index != HVM_PARAM_X87_FIP_WIDTH || value == 0 || value == 4 || value == 8;
}

xen::Result set_param(Call& call) {
    return with_input<bulkhead_guest_HvmParam>(
        call, call.arg[1], [&](const bulkhead_guest_HvmParam& param) -> xen::Result {
            if (const xen::Result wrong = check(call, param, ParamAccess::read_write); wrong != 0) {
                return wrong;
            }
            if (!is_valid(param.index, param.value)) {
                return -XEN_EINVAL;
            }
            if (param.index == HVM_PARAM_CALLBACK_IRQ) {
                set_callback(call.d, param.value);
                latch_width(call.d, call.v);
            }
            call.d.params[param.index] = param.value;
            return 0;
        });
}

xen::Result get_param(Call& call) {
    return with_in_out<bulkhead_guest_HvmParam>(call, call.arg[1], [&](bulkhead_guest_HvmParam& param) -> xen::Result {
        if (const xen::Result wrong = check(call, param, ParamAccess::read); wrong != 0) {
            return wrong;
        }
        param.value = call.d.params[param.index];
        return 0;
    });
}

xen::Result set_upcall_vector(Call& call) {
    return with_input<bulkhead_guest_HvmEvtchnUpcallVector>(
        call, call.arg[1], [&](const bulkhead_guest_HvmEvtchnUpcallVector& set) -> xen::Result {
            constexpr std::uint8_t first_vector = 16;
            if (set.vector < first_vector) {
                return -XEN_EINVAL;
            }
            Vcpu* v = call.d.vcpu(set.vcpu);
            if (v == nullptr) {
                return -XEN_ENOENT;
            }
            v->upcall_vector = static_cast<std::uint8_t>(set.vector);
            if (upcall_pending(*v)) {
                call.d.post(*v, v->upcall_vector);
            }
            return 0;
        });
}

xen::Result get_time(Call& call) {
    return with_in_out<bulkhead_guest_HvmGetTime>(call, call.arg[1], [&](bulkhead_guest_HvmGetTime& t) -> xen::Result {
        t.now = call.d.now_ns();
        return 0;
    });
}

/// A hint for shadow page tables, which nobody has.
xen::Result pagetable_dying(Call& call) {
    return with_input<bulkhead_guest_HvmPagetableDying>(
        call, call.arg[1], [&](const bulkhead_guest_HvmPagetableDying& dying) -> xen::Result {
            const xen::Result wrong = own_domain_only(call, dying.domid);
            return wrong != 0 ? wrong : -XEN_EINVAL;
        });
}

/// What a device model has to know of a frame. Where there is no RAM, it would have to emulate.
xen::Result get_mem_type(Call& call) {
    return with_in_out<bulkhead_guest_HvmGetMemType>(
        call, call.arg[1], [&](bulkhead_guest_HvmGetMemType& type) -> xen::Result {
            if (const xen::Result wrong = own_domain_only(call, type.domid); wrong != 0) {
                return wrong;
            }
            constexpr std::uint64_t max_gfn = ~std::uint64_t{0} >> page_shift;
            const bool ram = type.pfn <= max_gfn && call.d.memory.page(Gfn{type.pfn}) != nullptr;
            type.mem_type = ram ? HVMMEM_ram_rw : HVMMEM_mmio_dm;
            return 0;
        });
}

/// There is nobody to be told: the event goes unheard, as on Xen without a listener.
xen::Result guest_request_vm_event(Call& call) {
    return call.arg[1] == 0 ? 0 : -XEN_EINVAL;
}

/// No processor that we run on switches second-stage maps for its guest.
xen::Result altp2m(Call&) {
    return -XEN_EOPNOTSUPP;
}

/// All vCPUs' translations are gone when the guest goes on (public/hvm/hvm_op.h, HVMOP_flush_tlbs). Every other thread
/// is told, those too whose vCPU sleeps or is down: it may just have been in its guest.
xen::Result flush_tlbs(Call& call) {
    Domain& d = call.d;
    if (call.arg[1] != 0) {
        return -XEN_EINVAL;
    }
    call.v.touch(VcpuGroups::mode);
    for (std::uint32_t i = 0; i < d.config.vcpus; ++i) {
        if (Vcpu& other = d.vcpus[i]; &other != &call.v) {
            other.mail.post_flush();
            d.kick(other);
            call.v.sleep = Sleep::flushing;
        }
    }
    return 0;
}

constexpr Operation operations[] = {
    {HVMOP_flush_tlbs, flush_tlbs},
    {HVMOP_set_param, set_param},
    {HVMOP_get_param, get_param},
    {HVMOP_set_evtchn_upcall_vector, set_upcall_vector},
    {HVMOP_get_time, get_time},
    {HVMOP_pagetable_dying, pagetable_dying},
    {HVMOP_get_mem_type, get_mem_type},
    {HVMOP_guest_request_vm_event, guest_request_vm_event},
    {HVMOP_altp2m, altp2m},
};

} // namespace

xen::Result hvm_op(Call& call) {
    return run_operation<operations>(call, call.arg[0]); // a long, as memory_op's: the upper half counts
}

} // namespace bulkhead::vcpu
