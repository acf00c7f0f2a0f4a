// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_event_channel_op (public/event_channel.h): what a guest sets up for the FIFO ABI. Its structures are pages
// of its own RAM, and stay those pages whatever the guest does afterwards with the frame numbers.
// It must not know: ports' connections, how events get into the queues.
#include "event_fifo.hpp"

#include <guest_event_channel.layout.hpp>

#include "argument.hpp"

#include "events.hpp"

namespace bulkhead::vcpu {

xen::Result init_control(Call& call) {
    return with_in_out<bulkhead_guest_EvtchnInitControl>(
        call, call.arg[1], [&](bulkhead_guest_EvtchnInitControl& init) -> xen::Result {
            constexpr std::uint32_t alignment = 8;
            Domain& d = call.d;
            if (d.vcpu(init.vcpu) == nullptr) {
                return -XEN_ENOENT;
            }
            if (init.offset > page_size - sizeof(evtchn_fifo_control_block) || init.offset % alignment != 0) {
                return -XEN_EINVAL;
            }
            std::uint8_t* const page = d.memory.own_page(Gfn{init.control_gfn});
            if (page == nullptr || (d.fifo.active() && d.fifo.has_control_block(init.vcpu))) {
                return -XEN_EINVAL;
            }
            if (!d.fifo.active()) {
                start_fifo(d);
            }
            void* const block = page + init.offset;
            d.fifo.set_control_block(init.vcpu, static_cast<evtchn_fifo_control_block*>(block));
            raise_again(d, 1, d.fifo.ports_with_word());
            init.link_bits = EVTCHN_FIFO_LINK_BITS;
            return 0;
        });
}

xen::Result expand_array(Call& call) {
    return with_input<bulkhead_guest_EvtchnExpandArray>(
        call, call.arg[1], [&](const bulkhead_guest_EvtchnExpandArray& expand) -> xen::Result {
            Domain& d = call.d;
            if (!d.fifo.active()) {
                return -XEN_EOPNOTSUPP;
            }
            const std::uint32_t first = d.fifo.ports_with_word();
            if (first == EVTCHN_FIFO_NR_CHANNELS) {
                return -XEN_ENOSPC;
            }
            void* const page = d.memory.own_page(Gfn{expand.array_gfn});
            if (page == nullptr || !d.fifo.add_page(static_cast<event_word_t*>(page))) {
                return -XEN_EINVAL;
            }
            raise_again(d, first == 0 ? 1 : first, d.fifo.ports_with_word());
            return 0;
        });
}

xen::Result set_priority(Call& call) {
    return with_input<bulkhead_guest_EvtchnSetPriority>(
        call, call.arg[1], [&](const bulkhead_guest_EvtchnSetPriority& set) -> xen::Result {
            Domain& d = call.d;
            if (set.port >= event_port_limit(d)) {
                return -XEN_EINVAL;
            }
            if (!d.fifo.active()) {
                return -XEN_ENOSYS;
            }
            if (d.ports[set.port].kind == PortKind::closed) {
                return -XEN_EACCES;
            }
            if (set.priority > EVTCHN_FIFO_PRIORITY_MIN) {
                return -XEN_EINVAL;
            }
            d.fifo.set_priority(set.port, static_cast<std::uint8_t>(set.priority));
            return 0;
        });
}

} // namespace bulkhead::vcpu
