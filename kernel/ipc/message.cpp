// SPDX-License-Identifier: Apache-2.0
#include "ipc/message.hpp"

#include "object/kernel_objects.hpp"

namespace bulkhead::kernel::ipc {

namespace {

struct Transfer {
    Slot* source{nullptr};
    Slot* destination{nullptr};
    Rights rights{Rights::none};
    bool move{false};
};

Status check(Thread& from, Thread& to, const CapItem& item, std::uint32_t at, Transfer& out) {
    CapSpace* const source_space = from.capabilities.get();
    CapSpace* const destination_space = to.capabilities.get();
    if (source_space == nullptr || destination_space == nullptr) {
        return Status::bad_selector;
    }
    out.source = source_space->lookup(Selector{item.selector});
    out.destination = destination_space->lookup(Selector{at});
    if (out.source == nullptr || out.source->empty()) {
        return Status::bad_selector;
    }
    if (out.destination == nullptr || !out.destination->empty()) {
        return Status::out_of_range;
    }
    out.rights = item.rights;
    out.move = item.move != 0;
    if (out.move) {
        return has_more_children_than(*out.source, Capabilities::move_limit) ? Status::busy : Status::ok;
    }
    if (out.source->capability.type == ObjectType::untyped) {
        return Status::bad_type;
    }
    return includes(out.source->capability.rights, Rights::derive) ? Status::ok : Status::no_right;
}

} // namespace

Status transfer(Thread& from, Thread& to, MessageInfo info) {
    if (info.length > Utcb::data_size || info.caps > Utcb::max_caps) {
        return Status::bad_argument;
    }
    const Utcb& source = from.utcb();
    Utcb& destination = to.utcb();
    Transfer transfers[Utcb::max_caps];
    if (info.caps != 0) {
        // Each field of either page is read once: both threads' other CPUs may be writing them.
        const std::uint32_t first = __atomic_load_n(&destination.receive_selector, __ATOMIC_RELAXED);
        const std::uint32_t room = __atomic_load_n(&destination.receive_count, __ATOMIC_RELAXED);
        if (first == 0 || info.caps > room) {
            return Status::out_of_range;
        }
        for (std::uint32_t i = 0; i < info.caps; ++i) {
            CapItem item;
            __builtin_memcpy(&item, const_cast<const CapItem*>(&source.caps[i]), sizeof item);
            if (const Status status = check(from, to, item, first + i, transfers[i]); status != Status::ok) {
                return status;
            }
            for (std::uint32_t j = 0; j < i; ++j) {
                if (transfers[j].source == transfers[i].source) {
                    return Status::bad_argument;
                }
            }
        }
        for (std::uint32_t i = 0; i < info.caps; ++i) {
            const Transfer& t = transfers[i];
            const Status status = t.move ? capabilities.move(*t.destination, *t.source)
                                         : capabilities.mint(*t.destination, *t.source, t.rights, 0, 0);
            invariant(status == Status::ok, "a checked capability can be sent");
            destination.caps[i] = {first + i, t.destination->capability.rights, 0, 0};
        }
    }
    const std::uint64_t words = (info.length + 7) / 8;
    for (std::uint64_t i = 0; i < words; ++i) {
        reinterpret_cast<std::uint64_t*>(destination.data)[i] = reinterpret_cast<const std::uint64_t*>(source.data)[i];
    }
    return Status::ok;
}

} // namespace bulkhead::kernel::ipc
