// SPDX-License-Identifier: Apache-2.0
// The benchmark guest: measures operations of whatever hypervisor it runs on and says, for each, on the debug port
//     bench: ROW MIN MEDIAN MAX COUNT
// in ticks of the TSC. Under an emulator that counts instructions one tick is one instruction.
#pragma once

#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"
#include "samples.hpp"

namespace bulkhead::guest::bench {

/// A benchmark whose figures are of something that did not work is worth nothing: ends the guest, and says why.
void expect(bool condition, const char* what);
/// The same for what should return 0.
inline void expect_ok(std::int64_t result, const char* what) {
    expect(result == 0, what);
}

/// Pages to give away, to offer, or to map others' pages over: for one purpose in each boot.
struct alignas(4096) Page {
    unsigned char byte[4096];
};
inline constexpr std::uint32_t page_count = 1000;
extern Page pages[page_count];

template <typename T> std::int64_t event_op(std::uint32_t operation, T& argument) {
    return hypercall(__HYPERVISOR_event_channel_op, operation, argument);
}
template <typename T> std::int64_t grant_op(std::uint32_t operation, T* argument, std::uint32_t count = 1) {
    return hypercall(__HYPERVISOR_grant_table_op, operation, address_of(argument), count);
}

// --- ports that are polled: masked, so that they raise no upcall
std::uint32_t bind_ipi(std::uint32_t vcpu);
void mask(std::uint32_t port);
bool take_pending(std::uint32_t port);
void send(std::uint32_t port);
/// Sleeps until the port is pending, and clears it.
void poll(std::uint32_t port);

void sleep_for(std::uint64_t nanoseconds);
/// An event to a port of one's own, to the end of its upcall.
void measure_own_event(const char* row, std::uint32_t port);

// --- grants
inline constexpr grant_ref_t first_ref = 8;
domid_t peer(); ///< the command line's peer=
inline constexpr std::uint32_t entries_per_frame = 512;
inline constexpr std::uint32_t max_table_frames = 64;
/// So many frames of the table become visible; returns the first entry.
volatile grant_entry_v1_t* show_grant_table(std::uint32_t frame_count);
void offer(volatile grant_entry_v1_t& entry, const Page& page, domid_t to);
/// Gives back the memory of `pages`, to map others' pages there.
void give_back_pages(std::uint32_t count);
/// Page `first_ref` + i of the peer is to be mapped over page i, for the first `count`; at most mapped_at_once.
inline constexpr std::uint32_t mapped_at_once = 256;
void prepare_mapping(std::uint32_t count);
void map_and_unmap(std::uint32_t count);
/// Maps a page of the peer at `at`. False: the peer does not offer it, or not yet.
bool map_page(grant_ref_t ref, const Page& at);
/// Between one's own memory and the peer's page `first_ref`. False as above.
bool copy_from_peer(void* to, std::uint16_t bytes);
bool copy_to_peer(const void* from, std::uint16_t bytes);

// --- the roles, by the command line's run=NAME
void measure_alone();     ///< one vCPU, no other domain needed
void measure_vcpus();     ///< starting vCPUs, interrupts between them
void serve_peer();        ///< offers a port and pages to domain peer=
void measure_with_peer(); ///< measures with the domain that serves
void tell_first_instruction();
void be_active();       ///< works now and then, without end
void measure_scaled();  ///< measures with the domain that serves, while others are active or many ports are open
void be_revoked();      ///< offers pages, is destroyed while they are mapped, and built anew
void map_many();        ///< maps what that domain offers
void measure_latency(); ///< wakes up by its timer, while that domain is destroyed

} // namespace bulkhead::guest::bench
