// SPDX-License-Identifier: Apache-2.0
// Root's own event set and portal.
// It must not know: what arrives there.
#include "own_objects.hpp"

#include "slots.hpp"

namespace bulkhead::root {

Status make_own_objects(MemoryPool& pool) {
    Status status = pool.make(ObjectType::event_set, 0, root_slot::events);
    if (status == Status::ok) {
        status = pool.make(ObjectType::portal, 0, root_slot::portal);
    }
    if (status == Status::ok) {
        status = sys::map(root_slot::events, slot::address_space, layout::event_page_address.value,
                          Rights::read | Rights::write);
    }
    if (status == Status::ok) {
        status = sys::thread_bind_events(slot::thread, root_slot::events);
    }
    if (status == Status::ok) {
        status = sys::portal_bind(root_slot::portal, slot::thread);
    }
    return status;
}

} // namespace bulkhead::root
