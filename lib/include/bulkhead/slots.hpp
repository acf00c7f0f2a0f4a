// SPDX-License-Identifier: Apache-2.0
// Where every component finds what it was given: capability slots and addresses that the spawner (services/root for the
// system's components, services/domain for monitors) and the component agree on.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead::slot {

// Every component
inline constexpr Selector cap_space{1};
inline constexpr Selector address_space{2};
inline constexpr Selector thread{3};
inline constexpr Selector events{4};  ///< own EventSet [read | derive]; its page is mapped at `event_page_address`
inline constexpr Selector untyped{5}; ///< memory for the component's own use, if its manifest entry gives some

// Portals, badged with the component's ClientId; a component has those that the authority manifest lists
inline constexpr Selector console{8};
inline constexpr Selector memory{9};
inline constexpr Selector grant{10};
inline constexpr Selector event{11};
inline constexpr Selector domain{12};
inline constexpr Selector root{13};

// services/console
inline constexpr Selector uart_ports{16};
inline constexpr Selector uart_interrupt{17};

// services/memory: Untypeds to lend, from here on
inline constexpr Selector first_lendable{64};
inline constexpr std::uint32_t max_lendable = 16;

// services/domain
inline constexpr Selector cpu_time{16};
inline constexpr Selector monitor_image{17};  ///< Region [read]: ELF of services/vcpu
inline constexpr Selector manifest{18};       ///< Region [read]: the whole boot image
inline constexpr Selector console_events{19}; ///< console's EventSet [write | derive]
inline constexpr Selector master_console{
    24}; ///< unbadged portals [write | derive], from which monitors' badged ones are minted
inline constexpr Selector master_memory{25};
inline constexpr Selector master_grant{26};
inline constexpr Selector master_event{27};
inline constexpr Selector master_domain{28};
inline constexpr Selector own_portal{29}; ///< portal whose handler is the component's main thread [control]

// services/vcpu (a monitor)
inline constexpr std::uint32_t max_vcpus = 32;
inline constexpr Selector vcpu{16};       ///< first vCPU; vCPU n at vcpu + n
inline constexpr Selector stage2{48};     ///< its domain's [map]: where pages of RAM go that are not where they began
inline constexpr Selector guest_ram{49};  ///< and + 1: the domain's RAM as it is mapped in stage 2 [rwx | derive]
inline constexpr Selector own_offers{51}; ///< the domain's Offers [write], if its table may be of version 2
/// Where pages that others offer may go, badged with the domain's number: its Stage2 and this AddressSpace [write]; and
/// the CapSpace [control] of what has gone there: the window's pages, and max_foreign_pages that the guest maps.
inline constexpr Selector offers_to_guest{52};
inline constexpr Selector offers_to_monitor{53};
inline constexpr Selector foreign_pages{54};
inline constexpr std::uint32_t max_foreign_pages = 1024;
inline constexpr Selector moved_pages{64}; ///< pieces of it that are mapped elsewhere
inline constexpr std::uint32_t max_moved_runs = 32;
/// With more than one vCPU: the event set of vCPU n's thread [read | write], for bit 0, at vcpu_events + n. The first
/// one's is `events`, too.
inline constexpr Selector vcpu_events{96};
inline constexpr Selector vcpu_bell{128}; ///< likewise, a second event set of that thread, for the monitor's lock
/// By its number, the Offers [map] of each domain whose pages this one has asked for.
inline constexpr Selector offers_of_others{160};
/// What the domain's connected event channels are signalled by: EventSet [write], badged by its receiver.
inline constexpr Selector first_sender{4096};
inline constexpr std::uint32_t max_senders = 1024;       ///< connections that a domain can have at once
inline constexpr Selector console_sender = first_sender; ///< of the console's port, from the beginning
inline constexpr std::uint32_t monitor_slots = first_sender.value + max_senders;

// every component: scratch slots for its own use begin here
inline constexpr Selector first_free{1024};

} // namespace bulkhead::slot

namespace bulkhead::layout {

inline constexpr UserVirt start_message_address{0x7000'0000'0000}; ///< read-only: StartHeader, then a Protobuf message
inline constexpr UserVirt utcb_address{0x7000'0000'2000};          ///< main thread
inline constexpr UserVirt event_page_address{0x7000'0000'4000};
inline constexpr UserVirt stack_top{0x7000'0010'0000}; ///< 64 KiB below it, then a guard page
inline constexpr std::uint64_t stack_bytes = 64 * 1024;

// Further threads of a component (monitors have one for each vCPU): thread n has its own UTCB, event page, a page more
// for a second event set, and stack at thread_stride * n above those of the first. crt0 counts on that.
inline constexpr std::uint64_t thread_stride = 0x2'0000;
inline constexpr UserVirt bell_page_address{0x7000'0000'6000};
static_assert(thread_stride >= 2 * stack_bytes && (stack_top.value - 1) % thread_stride > thread_stride / 2 &&
                  bell_page_address.value % thread_stride < thread_stride / 2 - 2 * page_size,
              "stacks lie in the upper halves of the strides, with an empty page below");
constexpr UserVirt of_thread(UserVirt of_first, std::uint32_t thread) {
    return UserVirt{of_first.value + thread * thread_stride};
}

// monitors
inline constexpr UserVirt vcpu_state_address{0x7000'1000'0000}; ///< vCPU n at + n * 4096
inline constexpr UserVirt shared_info_address{0x7000'2000'0000};
inline constexpr UserVirt grant_table_address{0x7000'2100'0000}; ///< its own domain's grant table and status frames
/// Where a page is that another domain offers, while something is copied from it; and one while it is copied to.
inline constexpr UserVirt grant_window{0x7000'2200'0000};
inline constexpr std::uint32_t grant_window_pages = 2;
inline constexpr UserVirt hole_bits_address{0x7000'3000'0000}; ///< a bit per page of RAM: the guest does not have it
inline constexpr UserVirt guest_window{
    0x1000'0000'0000}; ///< guest-physical address g at guest_window + g, where g is RAM

struct StartHeader {
    std::uint32_t magic;  ///< start_magic
    std::uint32_t length; ///< bytes of the encoded message that follows
};
inline constexpr std::uint32_t start_magic = 0x74'72'74'73; // "strt"

} // namespace bulkhead::layout

namespace bulkhead {

/// Badge of every portal that a component calls: who is asking.
enum class ClientId : std::uint64_t {
    root = 1,
    memory = 2,
    grant = 3,
    event = 4,
    domain = 5,
    console = 6,
    first_domain = 0x100, ///< monitor of domain d: first_domain + d
};

/// A domain's number: 1 to max_domains; 0 is nobody, the Xen ABI's DOMID_SELF is resolved at the monitor's edge.
using DomId = Strong<struct DomIdTag, std::uint16_t>;
/// An event-channel port; 0 is never a port.
using Port = Strong<struct PortTag, std::uint32_t>;
/// A guest frame number.
using Gfn = Strong<struct GfnTag, std::uint64_t>;
inline constexpr std::uint32_t max_domains = 64;
/// Frames that a domain's grant table can have: as many as Xen gives a domain that asks for nothing else.
inline constexpr std::uint32_t max_grant_frames = 64;
/// Status frames of a version 2 table with so many frames: 2 bytes for each entry of 16. They lie behind the table.
constexpr std::uint32_t grant_status_frames(std::uint32_t frames) {
    return (frames + 7) / 8;
}
inline constexpr std::uint32_t max_grant_status_frames = grant_status_frames(max_grant_frames);
/// What a domain may ask for at most, by the build option BULKHEAD_GRANT_V2.
inline constexpr std::uint32_t max_grant_version = BULKHEAD_MAX_GRANT_VERSION;

} // namespace bulkhead
