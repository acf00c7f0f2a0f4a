// SPDX-License-Identifier: Apache-2.0
// Offers.
#include "object/offers.hpp"

#include "base/panic.hpp"
#include "entry/invoke.hpp"
#include "entry/lookup.hpp"
#include "object/kernel_objects.hpp"

namespace bulkhead::kernel {

namespace {

constexpr std::uint64_t low(std::uint64_t argument) {
    return argument & ~std::uint32_t{0};
}

void keep(Slot& slot, Slot& source, Offers& owner) {
    const Status status = capabilities.mint(slot, source, Rights::none, 0, 0);
    invariant(status == Status::ok, "a checked capability can be kept");
    slot.capability.badge = reinterpret_cast<std::uint64_t>(&owner);
}

Status configure(Offers& offers, const Invocation& call) {
    const Found table = find(call.thread, low(call.a), ObjectType::region, Rights::derive);
    const auto stage2 = find_object<Stage2>(call.thread, call.a >> 32, ObjectType::stage2, Rights::map);
    const Found first = find(call.thread, low(call.b), ObjectType::region, Rights::derive);
    const bool has_second = call.b >> 32 != 0;
    const Found second = has_second ? find(call.thread, call.b >> 32, ObjectType::region, Rights::derive) : first;
    const Status found[] = {table.status, stage2.status, first.status, second.status};
    for (const Status status : found) {
        if (status != Status::ok) {
            return status;
        }
    }
    if (offers.stage2 || !offers.table().empty()) {
        return Status::busy;
    }
    if (table.slot->capability.size < offers.table_bytes()) {
        return Status::bad_argument;
    }
    keep(offers.table(), *table.slot, offers);
    keep(offers.ram(0), *first.slot, offers);
    if (has_second) {
        keep(offers.ram(1), *second.slot, offers);
    }
    offers.stage2.set(stage2.object);
    return Status::ok;
}

Status map_offer(Offers& offers, const Invocation& call) {
    const Found space = find(call.thread, low(call.b), ObjectType::null, Rights::write);
    const auto slots = find_object<CapSpace>(call.thread, call.b >> 32, ObjectType::cap_space, Rights::control);
    if (space.status != Status::ok || slots.status != Status::ok) {
        return space.status != Status::ok ? space.status : slots.status;
    }
    const Capability& to = space.slot->capability;
    if (to.type != ObjectType::address_space && to.type != ObjectType::stage2) {
        return Status::bad_type;
    }
    Slot* const slot =
        low(call.d) == call.d ? slots.object->lookup(Selector{static_cast<std::uint32_t>(call.d)}) : nullptr;
    if (!to.badged || (call.a & ~offer_write) >> 32 != 0 || slot == nullptr) {
        return Status::bad_argument;
    }
    if (!slot->empty()) {
        return Status::slot_in_use;
    }
    return map_offered(offers, low(call.a), (call.a & offer_write) != 0, static_cast<Space&>(*to.object()), to.badge,
                       call.c, *slot);
}

Status set_format(Offers& offers, std::uint64_t format) {
    const bool has_words = offers.table().capability.size >= offers.table_bytes() + offers.table_bytes() / 8;
    if (format > static_cast<std::uint64_t>(has_words ? OfferFormat::version_2 : OfferFormat::version_1)) {
        return Status::bad_argument;
    }
    if (offers.mapped != 0) {
        return Status::busy;
    }
    offers.format = static_cast<OfferFormat>(format);
    return Status::ok;
}

} // namespace

MethodResult invoke_offers(const Invocation& call) {
    auto& offers = static_cast<Offers&>(*call.slot.capability.object());
    switch (call.method) {
    case Method::offers_configure:
        return {configure(offers, call)};
    case Method::offers_format:
        return {set_format(offers, call.a)};
    default:
        return {map_offer(offers, call)};
    }
}

} // namespace bulkhead::kernel
