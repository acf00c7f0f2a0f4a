// SPDX-License-Identifier: Apache-2.0
// Event channels and grants between two domains (public/event_channel.h, public/grant_table.h): beside a peer.
#include "../beside.hpp"
#include "event.hpp"

namespace bulkhead::conformance {
namespace {

constexpr const char* event_h = "public/event_channel.h";
constexpr const char* grant_h = "public/grant_table.h";
constexpr const char* memory_h = "public/memory.h";
constexpr Word grant_table_op = __HYPERVISOR_grant_table_op;

std::int64_t bind(std::uint32_t remote_port, std::uint32_t* local = nullptr) {
    evtchn_bind_interdomain b{peer(), remote_port, 0};
    const auto result = event(EVTCHNOP_bind_interdomain, b);
    if (result == 0 && local == nullptr) {
        (void)close(b.local_port);
    } else if (result == 0) {
        clear_pending(b.local_port);
        *local = b.local_port;
    }
    return result;
}
Port bound() {
    std::uint32_t local = 0;
    (void)bind(exchange().offered, &local);
    return Port{local};
}

struct Mapping {
    std::int64_t result;
    std::int16_t status;
    grant_handle_t handle;
};
Mapping map(grant_ref_t reference, std::uint32_t flags, Word at) {
    gnttab_map_grant_ref m{};
    m.dom = peer();
    m.ref = reference;
    m.flags = flags;
    m.host_addr = at;
    m.status = 77;
    const auto result = issue(grant_table_op, GNTTABOP_map_grant_ref, address_of(m), 1);
    return {result, m.status, m.handle};
}
std::int16_t unmap(grant_handle_t handle, Word at) {
    gnttab_unmap_grant_ref u{};
    u.host_addr = at;
    u.handle = handle;
    u.status = 77;
    (void)issue(grant_table_op, GNTTABOP_unmap_grant_ref, address_of(u), 1);
    return u.status;
}
/// A map that must be refused.
template <grant_ref_t Reference, std::uint32_t Flags, std::int16_t Status> std::int64_t refused(Effects& e) {
    const auto m = map(Reference, Flags, window(0));
    e.equal("status", m.status, Status);
    if (m.status == GNTST_okay) {
        (void)unmap(m.handle, window(0));
    }
    return m.result;
}
volatile unsigned char* bytes_at(Word address) {
    return reinterpret_cast<volatile unsigned char*>(address);
}

/// Between the peer's page and scratch[1].
gnttab_copy from_peer(grant_ref_t reference) {
    gnttab_copy c{};
    c.source.u.ref = reference;
    c.source.domid = peer();
    c.dest.u.gmfn = frame_of(scratch[1]);
    c.dest.domid = DOMID_SELF;
    c.len = 16;
    c.flags = GNTCOPY_source_gref;
    c.status = 77;
    return c;
}
gnttab_copy to_peer(grant_ref_t reference) {
    gnttab_copy c{};
    c.source.u.gmfn = frame_of(scratch[1]);
    c.source.domid = DOMID_SELF;
    c.dest.u.ref = reference;
    c.dest.domid = peer();
    c.len = 16;
    c.flags = GNTCOPY_dest_gref;
    c.status = 77;
    return c;
}
std::int64_t copy(gnttab_copy& c) {
    return issue(grant_table_op, GNTTABOP_copy, address_of(c), 1);
}
/// One that must be refused, and reads nothing.
std::int64_t refused_copy(Effects& e, gnttab_copy c, std::int16_t status) {
    const auto result = copy(c);
    e.equal("status", c.status, status);
    e.equal("nothing copied", scratch[1][0], 0);
    return result;
}

constexpr Row rows[] = {
    {"peer/bind_interdomain", event_h,
     [](Effects& e) {
         std::uint32_t local = 0;
         const auto result = bind(exchange().offered, &local);
         const Port port{local};
         const auto s = status_of(local);
         e.equal("status", s.status, EVTCHNSTAT_interdomain);
         e.equal("remote", s.u.interdomain.dom, peer());
         e.equal("remote port", s.u.interdomain.port, exchange().offered);
         return result;
     },
     0},
    {"peer/send, and an answer", event_h,
     [](Effects& e) {
         const Port port = bound();
         const auto heard = exchange().heard;
         const auto result = send(port.number);
         e.check("answer", await_event(port.number));
         e.check("heard", exchange().heard > heard);
         return result;
     },
     0},
    {"peer/bind_interdomain after close", event_h,
     [](Effects& e) {
         { const Port port = bound(); }
         std::uint32_t local = 0;
         const auto result = bind(exchange().offered, &local);
         const Port port{local};
         e.equal("status", status_of(local).status, EVTCHNSTAT_interdomain);
         return result;
     },
     0},
    {"peer/bind_interdomain, port taken", event_h,
     [](Effects&) {
         const Port port = bound();
         return bind(exchange().offered);
     },
     -XEN_EINVAL},
    {"peer/bind_interdomain, port for somebody else", event_h, [](Effects&) { return bind(exchange().others); },
     -XEN_EINVAL},
    {"peer/bind_interdomain, an IPI", event_h, [](Effects&) { return bind(exchange().ipi); }, -XEN_EINVAL},
    {"peer/bind_interdomain, closed port", event_h, [](Effects&) { return bind(exchange().closed); }, -XEN_EINVAL},
    {"peer/bind_interdomain, port 0", event_h, [](Effects&) { return bind(0); }, -XEN_EINVAL},
    {"peer/bind_interdomain, port 2^32-1", event_h, [](Effects&) { return bind(~0u); }, -XEN_EINVAL},
    {"peer/bind_vcpu of a connected port", event_h,
     [](Effects& e) {
         const Port port = bound();
         evtchn_bind_vcpu b{port.number, 1};
         const auto result = event(EVTCHNOP_bind_vcpu, b);
         e.equal("vcpu", status_of(port.number).vcpu, 1);
         return result;
     },
     0},
    {"peer/alloc_unbound in the peer", event_h,
     [](Effects&) {
         evtchn_alloc_unbound a{peer(), DOMID_SELF, 0};
         return event(EVTCHNOP_alloc_unbound, a);
     },
     -XEN_EPERM},
    {"peer/reset of the peer", event_h,
     [](Effects&) {
         evtchn_reset r{peer()};
         return event(EVTCHNOP_reset, r);
     },
     -XEN_EPERM},
    {"peer/map", grant_h,
     [](Effects& e) {
         const auto m = map(writable_ref, GNTMAP_host_map, window(0));
         e.equal("status", m.status, GNTST_okay);
         if (m.status == GNTST_okay) {
             e.equal("seen", bytes_at(window(0))[100], peers_byte);
             bytes_at(window(0))[0] = 1;
             auto c = from_peer(writable_ref);
             e.equal("read back", copy(c), 0);
             e.equal("written", scratch[1][0], 1);
             bytes_at(window(0))[0] = peers_byte;
             e.equal("unmap", unmap(m.handle, window(0)), GNTST_okay);
         }
         return m.result;
     },
     0},
    {"peer/map read-only", grant_h,
     [](Effects& e) {
         const auto m = map(read_only_ref, GNTMAP_host_map | GNTMAP_readonly, window(0));
         e.equal("status", m.status, GNTST_okay);
         if (m.status == GNTST_okay) {
             e.equal("seen", bytes_at(window(0))[page_bytes - 1], peers_byte);
             e.equal("unmap", unmap(m.handle, window(0)), GNTST_okay);
         }
         return m.result;
     },
     0},
    {"peer/map twice at once", grant_h,
     [](Effects& e) {
         const auto a = map(writable_ref, GNTMAP_host_map, window(0));
         const auto b = map(writable_ref, GNTMAP_host_map | GNTMAP_readonly, window(1));
         e.equal("first", a.status, GNTST_okay);
         e.equal("second", b.status, GNTST_okay);
         e.check("two handles", a.handle != b.handle);
         if (a.status == GNTST_okay && b.status == GNTST_okay) {
             bytes_at(window(0))[7] = 9;
             e.equal("the same page", bytes_at(window(1))[7], 9);
             bytes_at(window(0))[7] = peers_byte;
             e.equal("unmap first", unmap(a.handle, window(0)), GNTST_okay);
             e.equal("still there", bytes_at(window(1))[7], peers_byte);
             e.equal("unmap second", unmap(b.handle, window(1)), GNTST_okay);
         }
         return b.result;
     },
     0},
    {"peer/unmap twice", grant_h,
     [](Effects& e) {
         const auto m = map(writable_ref, GNTMAP_host_map, window(0));
         e.equal("unmap", unmap(m.handle, window(0)), GNTST_okay);
         e.equal("again", unmap(m.handle, window(0)), GNTST_bad_handle);
         return m.result;
     },
     0},
    {"peer/map a read-only grant for writing", grant_h, refused<read_only_ref, GNTMAP_host_map, GNTST_general_error>,
     0},
    {"peer/map what somebody else is granted", grant_h, refused<others_ref, GNTMAP_host_map, GNTST_general_error>, 0},
    {"peer/map what is not granted", grant_h, refused<empty_ref, GNTMAP_host_map, GNTST_general_error>, 0},
    {"peer/map a reference past the table", grant_h, refused<0x7fff'ffff, GNTMAP_host_map, GNTST_bad_gntref>, 0},
    {"peer/map reference 2^32-1", grant_h, refused<~0u, GNTMAP_host_map, GNTST_bad_gntref>, 0},
    {"peer/map without a kind", grant_h, refused<writable_ref, 0, GNTST_bad_gntref>, 0},
    {"peer/copy from a grant", grant_h,
     [](Effects& e) {
         auto c = from_peer(writable_ref);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         e.equal("first", scratch[1][0], peers_byte);
         e.equal("last", scratch[1][15], peers_byte);
         e.equal("behind", scratch[1][16], 0);
         return result;
     },
     0},
    {"peer/copy from a read-only grant", grant_h,
     [](Effects& e) {
         auto c = from_peer(read_only_ref);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         e.equal("first", scratch[1][0], peers_byte);
         return result;
     },
     0},
    {"peer/copy to a grant", grant_h,
     [](Effects& e) {
         __builtin_memset(scratch[1], 3, 16);
         auto c = to_peer(writable_ref);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_okay);
         auto back = from_peer(writable_ref);
         back.dest.u.gmfn = frame_of(scratch[2]);
         back.len = 17;
         (void)copy(back);
         e.equal("there", scratch[2][15], 3);
         e.equal("behind", scratch[2][16], peers_byte);
         __builtin_memset(scratch[1], peers_byte, 16);
         (void)copy(c);
         return result;
     },
     0},
    {"peer/copy to a read-only grant", grant_h,
     [](Effects& e) {
         __builtin_memset(scratch[1], 3, 16);
         auto c = to_peer(read_only_ref);
         const auto result = copy(c);
         e.equal("status", c.status, GNTST_general_error);
         auto back = from_peer(read_only_ref);
         (void)copy(back);
         e.equal("unchanged", scratch[1][0], peers_byte);
         return result;
     },
     0},
    {"peer/copy what somebody else is granted", grant_h,
     [](Effects& e) { return refused_copy(e, from_peer(others_ref), GNTST_general_error); }, 0},
    {"peer/copy what is not granted", grant_h,
     [](Effects& e) { return refused_copy(e, from_peer(empty_ref), GNTST_general_error); }, 0},
    {"peer/copy a reference past the table", grant_h,
     [](Effects& e) { return refused_copy(e, from_peer(0x7fff'ffff), GNTST_bad_gntref); }, 0},
    {"peer/copy over a granted page's end", grant_h,
     [](Effects& e) {
         auto c = from_peer(writable_ref);
         c.source.offset = page_bytes - 8;
         return refused_copy(e, c, GNTST_bad_copy_arg);
     },
     0},
    {"peer/copy the peer's frame without a grant", grant_h,
     [](Effects& e) {
         auto c = from_peer(0);
         c.source.u.gmfn = frame_of(ballast);
         c.flags = 0;
         return refused_copy(e, c, GNTST_permission_denied);
     },
     0},
    {"peer/query_size of the peer", grant_h,
     [](Effects& e) {
         gnttab_query_size q{};
         q.dom = peer();
         q.status = 77;
         const auto result = issue(grant_table_op, GNTTABOP_query_size, address_of(q), 1);
         e.equal("status", q.status, GNTST_permission_denied);
         return result;
     },
     0},
    {"peer/get_version of the peer", grant_h,
     [](Effects&) {
         gnttab_get_version g{};
         g.dom = peer();
         return issue(grant_table_op, GNTTABOP_get_version, address_of(g), 1);
     },
     -XEN_EPERM},
    {"peer/current_reservation of the peer", memory_h,
     [](Effects&) {
         domid_t domain = peer();
         return operate(__HYPERVISOR_memory_op, XENMEM_current_reservation, domain);
     },
     -XEN_EPERM},
    {"peer/add_to_physmap of the peer", memory_h,
     [](Effects&) {
         xen_add_to_physmap add{};
         add.domid = peer();
         add.space = XENMAPSPACE_shared_info;
         add.gpfn = frame_of(ballast);
         return operate(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add);
     },
     -XEN_EPERM},
    {"peer/remote_shutdown of the peer", "public/sched.h",
     [](Effects&) {
         sched_remote_shutdown s{peer(), SHUTDOWN_crash};
         return operate(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, s);
     },
     -XEN_EPERM},
    {"peer/HVMOP_get_param of the peer", "public/hvm/params.h",
     [](Effects&) {
         xen_hvm_param p{};
         p.domid = peer();
         p.index = HVM_PARAM_CONSOLE_PFN;
         return operate(__HYPERVISOR_hvm_op, HVMOP_get_param, p);
     },
     -XEN_EPERM},
};

} // namespace

const Group peer_rows{"with a peer", rows};

} // namespace bulkhead::conformance
