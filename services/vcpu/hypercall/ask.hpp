// SPDX-License-Identifier: Apache-2.0
// Questions to the components, as messages. A component that does not answer (it is being restarted, say) is -EIO to
// the guest. It must not know: what is asked.
#pragma once

#include <console.pb.h>
#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

#include <bulkhead/rpc.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead::vcpu {

template <typename Reply, typename Request>
Reply ask(Selector portal, const Request& request, Selector receive_at = no_selector,
          std::uint32_t* received = nullptr) {
    Reply reply; // a decoded message has all that it says
    const Status status = rpc(portal, request, reply, {}, receive_at, 1, received);
    if (status != Status::ok) {
        reply = Reply{};
        reply.result = -XEN_EIO;
    }
    return reply;
}

inline bulkhead_MemoryReply ask_memory(const bulkhead_MemoryRequest& request) {
    return ask<bulkhead_MemoryReply>(slot::memory, request);
}
inline bulkhead_GrantReply ask_grant(const bulkhead_GrantRequest& request, Selector receive_at = no_selector,
                                     std::uint32_t* received = nullptr) {
    return ask<bulkhead_GrantReply>(slot::grant, request, receive_at, received);
}
inline bulkhead_EventReply ask_event(const bulkhead_EventRequest& request, Selector receive_at = no_selector,
                                     std::uint32_t* received = nullptr) {
    return ask<bulkhead_EventReply>(slot::event, request, receive_at, received);
}

} // namespace bulkhead::vcpu
