// SPDX-License-Identifier: Apache-2.0
// `role=owner` offers a page to domain `peer` and reboots a little later, again and again. `role=user` copies from that
// page all the time, until it has been taken away in the middle of a copy: that copy fails, and the user goes on. It
// tells the owner's next life, by a copy the other way, that this is the last.
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t words_per_page = 512;
struct alignas(4096) Page {
    volatile std::uint64_t word[words_per_page];
};
Page table, page;

constexpr grant_ref_t ref = 8;
constexpr std::uint64_t over = 0x600d'b1e5; ///< in the page
constexpr std::uint64_t life_ns = 3'000'000, user_lives_ns = 1'000'000'000;

void own(domid_t peer) {
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.gpfn = static_cast<xen_pfn_t>(frame_of(&table));
    if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add) != 0) {
        console_write(Line{} << "vanish owner: FAIL\n");
        shut_down(ShutdownReason::crash);
    }
    void* const first = &table;
    auto& entry = static_cast<volatile grant_entry_v1_t*>(first)[ref];
    entry.frame = static_cast<std::uint32_t>(frame_of(&page));
    entry.domid = peer;
    __atomic_store_n(&entry.flags, std::uint16_t{GTF_permit_access}, __ATOMIC_RELEASE);
    // Not always at the same moment of a copy.
    (void)set_timer(system_time() + life_ns + first_instruction() * 7919 % (life_ns / 8));
    wait_for_event(timer_port());
    shut_down(page.word[0] == over ? ShutdownReason::poweroff : ShutdownReason::reboot);
}

constexpr std::uint32_t batch = 32;

/// Copies the whole page so often. True: once it was there, and then not any more.
bool copy_until_it_vanishes(domid_t owner, std::uint32_t& good) {
    static gnttab_copy op[batch];
    for (gnttab_copy& each : op) {
        each = {};
        each.source.u.ref = ref;
        each.source.domid = owner;
        each.dest.u.gmfn = static_cast<xen_pfn_t>(frame_of(&page));
        each.dest.domid = DOMID_SELF;
        each.len = sizeof(Page);
        each.flags = GNTCOPY_source_gref;
    }
    if (hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, address_of(op), batch) != 0) {
        console_write(Line{} << "vanish user: FAIL copy\n");
    }
    bool vanished = false;
    for (std::uint32_t i = 0; i < batch; ++i) {
        good += op[i].status == GNTST_okay ? 1 : 0;
        // One page is laid open for all: what fails after a success is the copy itself.
        vanished |= i != 0 && op[i - 1].status == GNTST_okay && op[i].status == GNTST_general_error;
    }
    return vanished;
}

void use(domid_t owner) {
    const std::uint64_t end = system_time() + user_lives_ns;
    std::uint32_t good = 0;
    bool vanished = false;
    while (!vanished && system_time() < end) {
        vanished = copy_until_it_vanishes(owner, good);
    }
    gnttab_copy last{};
    last.source.u.gmfn = static_cast<xen_pfn_t>(frame_of(&page));
    last.source.domid = DOMID_SELF;
    last.dest.u.ref = ref;
    last.dest.domid = owner;
    last.len = sizeof(std::uint64_t);
    last.flags = GNTCOPY_dest_gref;
    page.word[0] = over;
    do {
        (void)set_timer(system_time() + life_ns / 8);
        wait_for_event(timer_port());
        (void)hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_copy, address_of(&last), 1);
    } while (last.status != GNTST_okay && system_time() < end);
    console_write(Line{} << "vanish user: " << (vanished && good != 0 ? "PASS" : "FAIL") << ", " << good
                         << " copies\n");
}

} // namespace

void guest_main() {
    set_up_events();
    const auto peer = static_cast<domid_t>(number_of("peer", 0));
    if (word_is("role", "owner")) {
        own(peer);
    } else {
        use(peer);
    }
}

} // namespace bulkhead::guest
