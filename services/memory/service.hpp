// SPDX-License-Identifier: Apache-2.0
// The memory component's requests: who may ask what, and the capability invocations behind loans and physmap changes.
// It must not know: how requests arrive.
#pragma once

#include <bulkhead/client.hpp>
#include <bulkhead/server.hpp>

#include <memory.pb.h>

#include "lender.hpp"
#include "physmap.hpp"

namespace bulkhead::memory {

// The component's slots. Per domain: its Stage2 [map] and the Regions of its shared_info and its grant table.
constexpr Selector stage2_slot(DomId domain) {
    return Selector{128u + domain.value};
}
constexpr Selector shared_info_slot(DomId domain) {
    return Selector{256u + domain.value};
}
constexpr Selector grant_frames_slot(DomId domain) {
    return Selector{384u + domain.value};
}
inline constexpr Selector window{slot::first_free}; ///< where requests' capabilities arrive
inline constexpr Selector outgoing{window.value + Utcb::max_caps};
inline constexpr Selector bits_region{outgoing.value + 1};
inline constexpr Selector first_loan{bits_region.value + 1};
inline constexpr Selector first_special{first_loan.value + Lender::max_loans};

class KernelUntypeds final : public Untypeds {
public:
    bool carve(Selector source, Selector loan, std::uint64_t bytes) override;
    void revoke(Selector loan) override;
    void dissolve(Selector loan) override;
};

class KernelStage2 final : public Stage2Access {
public:
    std::int32_t fetch(DomId domain, Frame frame, Selector slot) override;
    std::int32_t map(DomId domain, Selector slot, Gfn gfn) override;
    void drop(Selector slot) override;
    std::int32_t unmap(DomId domain, Gfn first, std::uint64_t pages) override;

private:
    static std::int32_t grow_grant_table(DomId domain, std::uint32_t index, bool status);
};

class Service {
public:
    using Request = bulkhead_MemoryRequest;
    using Reply = bulkhead_MemoryReply;

    /// `bits`: one bit per page that can be lent. `slots`: size of the component's capability space.
    Service(std::span<std::uint64_t> bits, std::uint32_t slots)
        : physmap_{stage2_, bits, first_special, slots > first_special.value ? slots - first_special.value : 0},
          lender_{untypeds_, first_loan} {}

    void handle(const Request& request, Reply& reply, ClientId who, CapsIn& in, CapsOut& out);

    Lender& lender() { return lender_; }
    const Physmap& physmap() const { return physmap_; }
    const RefusalCounter& refusals() const { return refusals_; }

private:
    bool handle_domain(const Request& request, Reply& reply, CapsIn& in, CapsOut& out);
    bool handle_monitor(const Request& request, Reply& reply, DomId caller);
    std::int32_t allocate(const bulkhead_MemoryAllocate& request, CapsOut& out);
    std::int32_t release(std::uint32_t id);
    std::int32_t add_domain(const bulkhead_MemoryAddDomain& request, CapsIn& in);
    std::int32_t add_to_physmap(DomId caller, const bulkhead_MemoryAddToPhysmap& request);
    void populate(DomId caller, const bulkhead_MemoryPopulate& request, Reply& reply);
    void move(DomId caller, const bulkhead_MemoryMove& request, Reply& reply);
    std::int32_t query(DomId caller, const bulkhead_MemoryQuery& request, std::uint64_t& value) const;

    KernelUntypeds untypeds_;
    KernelStage2 stage2_;
    Physmap physmap_;
    Lender lender_;
    RefusalCounter refusals_;
};

} // namespace bulkhead::memory
