// SPDX-License-Identifier: Apache-2.0
// Two guests that share pages by grants. `role=owner` offers pages to domain `peer` and watches what becomes of them;
// `role=user` maps and copies them, tries what it may not, and outlives the owner: what it had mapped is a hole then.
// They talk through the page itself. Both replace mappings by pages of their own. `version=2` in the owner's command
// line: its table is of that version.
#include "cpu.hpp"
#include "events.hpp"
#include "guest.hpp"

namespace bulkhead::guest {
namespace {

constexpr std::uint64_t words_per_page = 512;
struct alignas(4096) Page {
    volatile std::uint64_t word[words_per_page];
};

// Entries of the owner's table.
constexpr grant_ref_t writable_ref = 8, read_only_ref = 9, others_ref = 10, empty_ref = 11, no_page_ref = 12,
                      self_ref = 13, part_ref = 14, transitive_ref = 15; ///< the last two are empty in version 1
constexpr grant_ref_t kept_ref = 1;                                      ///< survives a change of version
constexpr domid_t somebody_else = 9;
/// First word of the writable page: how far they are. Each writes what the other waits for.
enum Phase : std::uint64_t { offered = 0xf00d'0001, written, unmapping, unmapped, copied, mapped_again };

std::uint64_t pattern(std::uint64_t i) {
    return 0x9e37'79b9'7f4a'7c15 * (i + 1);
}

bool good = true;
void check(bool condition, const char* what) {
    if (!condition) {
        good = false;
        console_write(Line{} << "grant: FAIL " << what << '\n');
    }
}
void check_status(std::int64_t status, std::int64_t expected, const char* what) {
    if (status != expected) {
        good = false;
        console_write(Line{} << "grant: FAIL " << what << ": -" << number(-status) << '\n');
    }
}

/// The word's lower half, by an instruction that a monitor understands where nothing is mapped.
std::uint32_t load(const volatile std::uint64_t& word) {
    const volatile void* at = &word;
    std::uint32_t value = 0;
    asm volatile("movl %1, %0" : "=r"(value) : "m"(*static_cast<const volatile std::uint32_t*>(at)));
    return value;
}
constexpr std::uint32_t nothing = ~std::uint32_t{0};

void nap() {
    (void)set_timer(system_time() + 500'000);
    wait_for_event(timer_port());
}
void wait_for(const volatile std::uint64_t& word, std::uint64_t value) {
    while (load(word) != static_cast<std::uint32_t>(value)) {
        nap();
    }
}

template <typename T> std::int64_t grant_op(std::uint32_t operation, T& argument) {
    return hypercall(__HYPERVISOR_grant_table_op, operation, address_of(&argument), 1);
}

constexpr std::uint64_t first_hole = 0x4000'0000; ///< above RAM
constexpr std::uint64_t replaced_at = first_hole + 0x20'0000;
Page kept; ///< goes there

struct Mapped {
    std::int64_t status;
    std::uint32_t handle;
};
Mapped map(domid_t owner, grant_ref_t ref, std::uint64_t at, std::uint32_t flags = GNTMAP_host_map) {
    gnttab_map_grant_ref op{};
    op.host_addr = at;
    op.flags = flags;
    op.ref = ref;
    op.dom = owner;
    check_status(grant_op(GNTTABOP_map_grant_ref, op), 0, "map_grant_ref");
    return {op.status, op.handle};
}
std::int64_t unmap_and_replace(std::uint32_t handle, std::uint64_t host_address, std::uint64_t new_address) {
    gnttab_unmap_and_replace op{};
    op.host_addr = host_address;
    op.new_addr = new_address;
    op.handle = handle;
    check_status(grant_op(GNTTABOP_unmap_and_replace, op), 0, "unmap_and_replace");
    return op.status;
}

// --- the owner

Page table, status, writable, read_only, secret;
bool version_2 = false;

volatile grant_entry_v2_t& wide_entry(grant_ref_t ref) {
    void* first = &table;
    return static_cast<volatile grant_entry_v2_t*>(first)[ref];
}
void offer(grant_ref_t ref, std::uint16_t flags, domid_t to, std::uint64_t frame) {
    if (version_2) {
        wide_entry(ref).full_page.frame = frame;
        wide_entry(ref).hdr.domid = to;
        __atomic_store_n(&wide_entry(ref).hdr.flags, flags, __ATOMIC_RELEASE);
        return;
    }
    void* first = &table;
    auto& entry = static_cast<volatile grant_entry_v1_t*>(first)[ref];
    entry.frame = static_cast<std::uint32_t>(frame);
    entry.domid = to;
    __atomic_store_n(&entry.flags, flags, __ATOMIC_RELEASE);
}
std::uint16_t marks(grant_ref_t ref) {
    if (version_2) {
        void* first = &status;
        return static_cast<volatile grant_status_t*>(first)[ref];
    }
    void* first = &table;
    return static_cast<volatile grant_entry_v1_t*>(first)[ref].flags & (GTF_reading | GTF_writing);
}
void wait_for_marks(grant_ref_t ref, std::uint16_t value) {
    while (marks(ref) != value) {
        nap();
    }
}

/// A page that a guest has granted to itself takes the place of its own mapping.
void replace_by_the_same_page(domid_t self) {
    auto& seen = *at_physical<Page>(replaced_at);
    kept.word[5] = pattern(5000);
    offer(self_ref, GTF_permit_access, self, frame_of(&kept));
    const Mapped mapped = map(self, self_ref, replaced_at);
    check_status(mapped.status, GNTST_okay, "mapping an own page");
    check(seen.word[5] == pattern(5000), "an own page, mapped");
    check(marks(self_ref) == (GTF_reading | GTF_writing), "marks of an own page");
    check_status(unmap_and_replace(mapped.handle, replaced_at, frame_of(&kept) << 12), GNTST_okay,
                 "replacing an own page by itself");
    check(seen.word[5] == pattern(5000), "an own page that has replaced itself");
    check(load(kept.word[5]) == nothing, "a hole where it was");
    check(marks(self_ref) == 0, "marks of an own page that is not mapped any more");
}

void map_frame(std::uint64_t index, const Page& to, std::int64_t expected = 0) {
    xen_add_to_physmap add{};
    add.domid = DOMID_SELF;
    add.space = XENMAPSPACE_grant_table;
    add.idx = static_cast<xen_ulong_t>(index);
    add.gpfn = static_cast<xen_pfn_t>(frame_of(&to));
    check_status(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add), expected,
                 "mapping a frame of the table");
}
std::int64_t set_version(std::uint32_t version) {
    gnttab_set_version set{version};
    const std::int64_t result = grant_op(GNTTABOP_set_version, set);
    check(result != 0 || set.version == version, "the version that was set");
    return result;
}
std::int64_t get_status_frame(std::uint64_t& frame, std::uint32_t count) {
    gnttab_get_status_frames get{};
    get.dom = DOMID_SELF;
    get.nr_frames = count;
    set_xen_guest_handle(get.frame_list, &frame);
    check_status(grant_op(GNTTABOP_get_status_frames, get), 0, "get_status_frames");
    return get.status;
}

/// There and back and there again: one of the first entries stays, the others go.
void change_version(domid_t peer) {
    offer(kept_ref, GTF_permit_access | GTF_readonly, peer, 0x1234);
    offer(empty_ref, GTF_permit_access, peer, 0x1234);
    check_status(set_version(2), 0, "set_version 2");
    version_2 = true;
    map_frame(XENMAPIDX_grant_table_status, status);
    check(wide_entry(kept_ref).hdr.flags == (GTF_permit_access | GTF_readonly) &&
              wide_entry(kept_ref).hdr.domid == peer && wide_entry(kept_ref).full_page.frame == 0x1234,
          "an entry that is kept, in version 2");
    check(wide_entry(empty_ref).hdr.flags == 0, "an entry that is not kept");
    check_status(set_version(1), 0, "set_version 1");
    version_2 = false;
    void* first = &table;
    const auto& kept_entry = static_cast<volatile grant_entry_v1_t*>(first)[kept_ref];
    check(kept_entry.flags == (GTF_permit_access | GTF_readonly) && kept_entry.domid == peer &&
              kept_entry.frame == 0x1234,
          "an entry that is kept, in version 1");
    map_frame(XENMAPIDX_grant_table_status, status, -XEN_EINVAL); // there are none
    std::uint64_t frame = 0;
    check_status(get_status_frame(frame, 1), GNTST_general_error, "get_status_frames in version 1");
    offer(kept_ref, 0, 0, 0);
    check_status(set_version(2), 0, "set_version 2 again");
    version_2 = true;
    map_frame(XENMAPIDX_grant_table_status, status);
    check_status(get_status_frame(frame, 1), GNTST_okay, "get_status_frames");
    check(frame == frame_of(&status), "where the status frame is");
    check_status(get_status_frame(frame, 2), GNTST_general_error, "more status frames than there are");
    // What only copies could use is not offered here.
    wide_entry(part_ref).sub_page.page_off = 0;
    wide_entry(part_ref).sub_page.length = 64;
    offer(part_ref, GTF_permit_access | GTF_sub_page, peer, frame_of(&secret));
    offer(transitive_ref, GTF_transitive, peer, frame_of(&secret));
}

void own(domid_t peer) {
    constexpr domid_t both = 1 + 2; // the two are domains 1 and 2
    map_frame(0, table);
    const bool wanted = number_of("version", 1) == 2;
    check_status(wanted ? 0 : set_version(2), wanted ? 0 : -XEN_ENOSYS, "a version that the domain may not have");
    if (wanted) {
        change_version(peer);
    }
    replace_by_the_same_page(both - peer);
    for (std::uint64_t i = 0; i < words_per_page; ++i) {
        writable.word[i] = pattern(i);
        read_only.word[i] = pattern(i);
        secret.word[i] = pattern(~i);
    }
    writable.word[0] = offered;
    offer(read_only_ref, GTF_permit_access | GTF_readonly, peer, frame_of(&read_only));
    offer(others_ref, GTF_permit_access, somebody_else, frame_of(&secret));
    offer(no_page_ref, GTF_permit_access, peer, 0xfff'ffff);
    offer(writable_ref, GTF_permit_access, peer, frame_of(&writable));

    wait_for(writable.word[0], written);
    check(writable.word[1] == ~pattern(1), "what the user wrote");
    check(marks(writable_ref) == (GTF_reading | GTF_writing), "marks of the writable page");
    check(marks(read_only_ref) == GTF_reading, "marks of the read-only page");
    gnttab_swap_grant_ref swap{writable_ref, empty_ref, 0};
    check_status(grant_op(GNTTABOP_swap_grant_ref, swap), 0, "swap_grant_ref");
    check_status(swap.status, GNTST_eagain, "swapping an entry in use");
    if (version_2) {
        check_status(set_version(1), -XEN_EBUSY, "set_version while something is mapped");
        check(wide_entry(writable_ref).full_page.frame == frame_of(&writable), "a table that could not be changed");
    }
    writable.word[0] = unmapping;
    wait_for_marks(writable_ref, 0);
    wait_for_marks(read_only_ref, 0);
    writable.word[0] = unmapped;
    wait_for(writable.word[0], copied);
    check(writable.word[2] == pattern(2000), "what the user copied here");
    wait_for_marks(writable_ref, 0); // they stay until the copy is over, which may be a moment later
    swap = {others_ref, empty_ref, 0};
    check_status(grant_op(GNTTABOP_swap_grant_ref, swap), 0, "swap_grant_ref");
    check_status(swap.status, GNTST_okay, "swapping entries");
    for (std::uint64_t i = 0; i < words_per_page; ++i) {
        check(read_only.word[i] == pattern(i) && secret.word[i] == pattern(~i), "pages that nobody may write");
    }
    console_write(Line{} << "grant owner: " << (good ? "PASS" : "FAIL") << '\n');
    writable.word[1] = copied; // go on
    wait_for(writable.word[0], mapped_again);
}

// --- the user

Page buffer;

std::int64_t unmap(std::uint32_t handle, std::uint64_t at) {
    gnttab_unmap_grant_ref op{};
    op.host_addr = at;
    op.handle = handle;
    check_status(grant_op(GNTTABOP_unmap_grant_ref, op), 0, "unmap_grant_ref");
    return op.status;
}

gnttab_copy::gnttab_copy_ptr foreign(domid_t owner, grant_ref_t ref, std::uint16_t offset) {
    gnttab_copy::gnttab_copy_ptr end{};
    end.u.ref = ref;
    end.domid = owner;
    end.offset = offset;
    return end;
}
gnttab_copy::gnttab_copy_ptr own_page(const Page& page, std::uint16_t offset) {
    gnttab_copy::gnttab_copy_ptr end{};
    end.u.gmfn = static_cast<xen_pfn_t>(frame_of(&page));
    end.domid = DOMID_SELF;
    end.offset = offset;
    return end;
}
std::int64_t copy(const gnttab_copy::gnttab_copy_ptr& from, const gnttab_copy::gnttab_copy_ptr& to,
                  std::uint16_t length, std::uint16_t flags) {
    gnttab_copy op{};
    op.source = from;
    op.dest = to;
    op.len = length;
    op.flags = flags;
    check_status(grant_op(GNTTABOP_copy, op), 0, "copy");
    return op.status;
}

void try_what_is_not_offered(domid_t owner) {
    constexpr std::uint64_t at = first_hole + 0x10'0000;
    constexpr std::uint32_t reading = GNTMAP_host_map | GNTMAP_readonly;
    check_status(map(owner, read_only_ref, at).status, GNTST_general_error, "mapping a read-only page for writing");
    check_status(map(owner, others_ref, at, reading).status, GNTST_general_error, "mapping another's page");
    check_status(map(owner, empty_ref, at, reading).status, GNTST_general_error, "mapping what is not there");
    check_status(map(owner, part_ref, at, reading).status, GNTST_general_error, "mapping a part of a page");
    check_status(map(owner, transitive_ref, at, reading).status, GNTST_general_error, "mapping through another");
    check_status(map(owner, no_page_ref, at, reading).status, GNTST_bad_page, "mapping a page that is not there");
    check_status(map(owner, 512, at, reading).status, GNTST_bad_gntref, "mapping beyond the table");
    check_status(map(50, writable_ref, at, reading).status, GNTST_bad_domain, "mapping of nobody");
    check_status(map(owner, writable_ref, at, GNTMAP_host_map | GNTMAP_contains_pte).status, GNTST_general_error,
                 "mapping by page-table entry");
    check_status(unmap(1000, at), GNTST_bad_handle, "unmapping what is not mapped");
    check(load(*at_physical<volatile std::uint64_t>(at)) == nothing, "a hole where nothing was mapped");
    constexpr std::uint16_t from_ref = GNTCOPY_source_gref;
    check_status(copy(foreign(owner, others_ref, 0), own_page(buffer, 0), 8, from_ref), GNTST_general_error,
                 "copying another's page");
    check_status(copy(foreign(owner, part_ref, 0), own_page(buffer, 0), 8, from_ref), GNTST_general_error,
                 "copying a part of a page");
    check_status(copy(own_page(buffer, 0), foreign(owner, read_only_ref, 0), 8, GNTCOPY_dest_gref), GNTST_general_error,
                 "copying to a read-only page");
    check_status(copy(foreign(owner, read_only_ref, 4090), own_page(buffer, 0), 8, from_ref), GNTST_bad_copy_arg,
                 "copying across the end of a page");
    auto by_frame = own_page(buffer, 0);
    by_frame.domid = owner;
    check_status(copy(by_frame, own_page(buffer, 0), 8, 0), GNTST_permission_denied, "copying by another's frame");
}

std::int64_t flush(std::uint64_t at, std::uint16_t length) {
    gnttab_cache_flush op{};
    op.a.dev_bus_addr = at;
    op.length = length;
    op.op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL;
    return grant_op(GNTTABOP_cache_flush, op);
}

/// Another's page makes way for one of the guest's own.
void replace(domid_t owner) {
    constexpr std::uint64_t at = replaced_at;
    auto& seen = *at_physical<Page>(at);
    const std::uint64_t from = frame_of(&kept) << 12;
    const Mapped mapped = map(owner, read_only_ref, at, GNTMAP_host_map | GNTMAP_readonly);
    check_status(mapped.status, GNTST_okay, "mapping a page that is to be replaced");
    check_status(flush(at, sizeof(Page)), 0, "flushing a page of another");
    check_status(flush(from, 1), 0, "flushing an own page");
    check_status(flush(at + sizeof(Page), 1), -XEN_EINVAL, "flushing a hole");
    for (std::uint64_t i = 0; i < words_per_page; ++i) {
        kept.word[i] = pattern(i + 3000);
    }
    const auto try_to = [&](std::uint64_t host_address, std::uint64_t new_address) {
        return unmap_and_replace(mapped.handle, host_address, new_address);
    };
    check_status(try_to(at + sizeof(Page), from), GNTST_general_error, "replacing elsewhere");
    check_status(try_to(at, at), GNTST_bad_virt_addr, "replacing by a page of another");
    check_status(try_to(at, at + sizeof(Page)), GNTST_bad_virt_addr, "replacing by a hole");
    check(seen.word[7] == pattern(7) && kept.word[0] == pattern(3000), "pages that were not replaced");
    check_status(try_to(at, from), GNTST_okay, "replacing");
    seen.word[1] = 1; // it was read-only
    check(seen.word[0] == pattern(3000) && seen.word[1] == 1 && seen.word[511] == pattern(3511),
          "the guest's own page");
    check(load(kept.word[0]) == nothing, "a hole where that page was");
    check_status(try_to(at, from), GNTST_bad_handle, "replacing twice");
}

void use(domid_t owner) {
    auto& seen = *at_physical<Page>(first_hole);
    auto& only_read = *at_physical<Page>(first_hole + sizeof(Page));
    Mapped first{};
    while ((first = map(owner, writable_ref, first_hole)).status != GNTST_okay) {
        nap(); // the owner is not ready
    }
    const Mapped second = map(owner, read_only_ref, first_hole + sizeof(Page), GNTMAP_host_map | GNTMAP_readonly);
    check_status(second.status, GNTST_okay, "mapping a read-only page");
    check(seen.word[0] == offered && seen.word[5] == pattern(5) && only_read.word[7] == pattern(7), "what is mapped");
    try_what_is_not_offered(owner);
    seen.word[1] = ~pattern(1);
    seen.word[0] = written;
    wait_for(seen.word[0], unmapping);
    check_status(unmap(first.handle, first_hole + sizeof(Page)), GNTST_general_error, "unmapping elsewhere");
    check_status(unmap(second.handle, first_hole + sizeof(Page)), GNTST_okay, "unmapping");
    check_status(unmap(first.handle, first_hole), GNTST_okay, "unmapping");
    check_status(unmap(first.handle, first_hole), GNTST_bad_handle, "unmapping twice");
    replace(owner);
    check(load(seen.word[0]) == nothing, "a hole where something was mapped");

    constexpr std::uint16_t whole = sizeof(Page);
    do {
        nap();
        check_status(copy(foreign(owner, writable_ref, 0), own_page(buffer, 0), whole, GNTCOPY_source_gref), GNTST_okay,
                     "copying from a page");
    } while (buffer.word[0] != unmapped);
    check(buffer.word[100] == pattern(100), "what was copied");
    buffer.word[0] = copied;
    buffer.word[2] = pattern(2000);
    check_status(copy(own_page(buffer, 16), foreign(owner, writable_ref, 16), 8, GNTCOPY_dest_gref), GNTST_okay,
                 "copying to a page");
    check_status(copy(own_page(buffer, 0), foreign(owner, writable_ref, 0), 8, GNTCOPY_dest_gref), GNTST_okay,
                 "copying to a page");

    do {
        nap();
        check_status(copy(foreign(owner, writable_ref, 0), own_page(buffer, 0), whole, GNTCOPY_source_gref), GNTST_okay,
                     "copying from a page");
    } while (buffer.word[1] != copied);

    // Over a page of the guest's own, which is given up for it; and then the owner goes.
    const auto over = frame_of(&buffer) << 12;
    const Mapped last = map(owner, writable_ref, over);
    check_status(last.status, GNTST_okay, "mapping over memory");
    buffer.word[0] = mapped_again;
    wait_for(buffer.word[0], nothing);
    check_status(unmap(last.handle, over), GNTST_okay, "unmapping what has gone");
    check_status(map(owner, writable_ref, first_hole).status, GNTST_bad_domain, "mapping of one who has gone");
    console_write(Line{} << "grant user: " << (good ? "PASS" : "FAIL") << '\n');
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
