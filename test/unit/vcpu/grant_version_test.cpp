// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_set_version, get_status_frames and swap_grant_ref with tables of version 2: what the monitor does to its
// guest's table, and when the kernel is told how to read it. What they do in Xen is public/grant_table.h's "version 2"
// and do_grant_table_op of 4.17.
// REQ-GRANT-001 REQ-GRANT-004 REQ-GRANT-007
#include <catch2/catch.hpp>

#include "machine.hpp"

using namespace bulkhead;
using namespace bulkhead::vcpu;
using bulkhead::vcpu::test::Machine;

namespace {

constexpr std::uint16_t peer = 7;

struct Guest : Machine {
    alignas(4096) std::uint8_t table[(max_grant_frames + max_grant_status_frames) * page_size]{};
    std::vector<bulkhead_GrantRequest> asked;
    std::vector<OfferFormat> formats;
    std::int32_t set_result{0};
    std::uint32_t frames{2};
    Status format_result{Status::ok};
    /// Seen when the table is closed, and when it is opened again.
    std::function<void(OfferFormat)> at_format = [](OfferFormat) {};

    Guest() {
        enter_long_mode();
        d().grant.table = table;
        d().config.max_grant_version = 2;
        grant = [this](const bulkhead_GrantRequest& request, bulkhead_GrantReply& reply) {
            asked.push_back(request);
            reply.frames = frames;
            reply.version = d().grant.version;
            if (request.which_request == bulkhead_GrantRequest_set_version_tag) {
                reply.result = set_result;
            }
        };
        offers_format = [this](OfferFormat format) {
            formats.push_back(format);
            at_format(format);
            return format_result;
        };
    }
    std::uint64_t& word(std::uint32_t index) { return reinterpret_cast<std::uint64_t*>(table)[index]; }
    std::uint16_t& status(std::uint32_t ref) {
        return reinterpret_cast<std::uint16_t*>(table + max_grant_frames * page_size)[ref];
    }
    void put_wide(std::uint32_t ref, std::uint64_t header, std::uint64_t frame) {
        word(2 * ref) = header;
        word(2 * ref + 1) = frame;
    }
    xen::Result set_version(std::uint32_t version, std::uint32_t& now) {
        store(test::scratch, gnttab_set_version{version});
        const xen::Result result = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, test::scratch, 1);
        now = load<gnttab_set_version>(test::scratch).version;
        return result;
    }
    gnttab_get_status_frames get_status(std::uint32_t count, domid_t domain = DOMID_SELF,
                                        std::uint64_t list = test::scratch + 0x100) {
        gnttab_get_status_frames get{};
        get.nr_frames = count;
        get.dom = domain;
        get.frame_list.p = reinterpret_cast<std::uint64_t*>(list);
        store(test::scratch, get);
        CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, test::scratch, 1) == 0);
        return load<gnttab_get_status_frames>(test::scratch);
    }
};

constexpr std::uint64_t offer(std::uint64_t flags) {
    return flags | std::uint64_t{peer} << 16;
}

} // namespace

TEST_CASE_METHOD(Guest, "to version 2: the first entries are kept, the others go, while nobody reads the table",
                 "[grant]") {
    word(0) = offer(GTF_permit_access | GTF_readonly) | std::uint64_t{0x1234} << 32;
    word(1) = offer(GTF_permit_access | GTF_sub_page) | std::uint64_t{0xffff'ffff}
                                                            << 32; // the flag says nothing in version 1
    word(2) = offer(GTF_accept_transfer) | std::uint64_t{0x1} << 32;
    word(8) = offer(GTF_permit_access) | std::uint64_t{0x1234} << 32;
    word(1023) = offer(GTF_permit_access);
    word(1024) = 77; // beyond the table as it is
    at_format = [&](OfferFormat format) {
        CHECK((word(8) == 0) == (format != OfferFormat::closed)); // closed before anything changes
    };
    std::uint32_t now = 0;
    CHECK(set_version(2, now) == 0);
    CHECK(now == 2);
    CHECK(formats == std::vector{OfferFormat::closed, OfferFormat::version_2});
    CHECK(word(0) == offer(GTF_permit_access | GTF_readonly));
    CHECK(word(1) == 0x1234);
    CHECK(word(2) == offer(GTF_permit_access));
    CHECK(word(3) == 0xffff'ffff);
    for (std::uint32_t i = 4; i < 1024; ++i) {
        REQUIRE(word(i) == 0);
    }
    CHECK(word(1024) == 77);
    // Asked first, told last.
    REQUIRE(asked.size() == 3);
    CHECK(asked[0].request.set_version.check);
    CHECK_FALSE(asked[2].request.set_version.check);
    CHECK(asked[2].request.set_version.version == 2);
    // Again: it is that version.
    CHECK(set_version(2, now) == 0);
    CHECK(formats.size() == 2);
}

TEST_CASE_METHOD(Guest, "back to version 1: what it cannot say is -ERANGE, and nothing has changed", "[grant]") {
    d().grant.version = 2;
    put_wide(0, offer(GTF_permit_access), 0x55);
    put_wide(1, 0, ~std::uint64_t{0});
    put_wide(8, offer(GTF_transitive), 0); // only the first entries count
    std::uint32_t now = 0;
    SECTION("a frame of more than 32 bits") {
        put_wide(7, offer(GTF_permit_access), std::uint64_t{1} << 32);
    }
    SECTION("a transitive entry") {
        put_wide(7, offer(GTF_transitive), 0);
    }
    SECTION("a part of a page, which would become the whole of it") {
        put_wide(7, offer(GTF_permit_access | GTF_sub_page), 0);
    }
    SECTION("all can be said") {
        status(300) = GTF_reading; // by the guest: nothing is mapped
        CHECK(set_version(1, now) == 0);
        CHECK(now == 1);
        CHECK(formats == std::vector{OfferFormat::closed, OfferFormat::version_1});
        CHECK(word(0) == (offer(GTF_permit_access) | std::uint64_t{0x55} << 32));
        for (std::uint32_t i = 1; i < 1024; ++i) {
            REQUIRE(word(i) == 0);
        }
        CHECK(status(300) == 0);
        return;
    }
    CHECK(set_version(1, now) == -XEN_ERANGE);
    CHECK(now == 2);
    CHECK(formats.empty());
    CHECK(word(16) == offer(GTF_transitive));
}

TEST_CASE_METHOD(Guest, "a version that cannot be set changes nothing", "[grant]") {
    word(8) = offer(GTF_permit_access);
    std::uint32_t now = 0;
    SECTION("the domain may not have it") {
        set_result = -XEN_ENOSYS;
        CHECK(set_version(2, now) == -XEN_ENOSYS);
        CHECK(formats.empty());
    }
    SECTION("there is no such version") {
        CHECK(set_version(0, now) == -XEN_EINVAL);
        CHECK(now == 1);
        CHECK(set_version(3, now) == -XEN_EINVAL);
        CHECK(formats.empty());
    }
    SECTION("something is mapped") {
        format_result = Status::busy;
        CHECK(set_version(2, now) == -XEN_EBUSY);
    }
    CHECK(now == 1);
    CHECK(d().grant.version == 1);
    CHECK(word(8) == offer(GTF_permit_access));
    CHECK_FALSE(d().ended);
}

TEST_CASE_METHOD(Guest, "status frames: where they are, and gone with version 2", "[grant]") {
    CHECK(get_status(0).status == GNTST_okay);
    CHECK(get_status(1).status == GNTST_general_error); // version 1 has none
    d().grant.version = 2;
    frames = 9; // two status frames
    REQUIRE(d().memory.set_overlay(Gfn{0x400}, d().grant.status_frame(1)));
    CHECK(get_status(2).status == GNTST_okay);
    CHECK(load<std::uint64_t>(test::scratch + 0x100) == ~std::uint64_t{0}); // nowhere yet
    CHECK(load<std::uint64_t>(test::scratch + 0x108) == 0x400);
    CHECK(get_status(3).status == GNTST_general_error);
    CHECK(get_status(0xffff'ffff).status == GNTST_general_error);
    CHECK(get_status(1, 9).status == GNTST_permission_denied);
    CHECK(get_status(1, DOMID_IO).status == GNTST_bad_domain);
    CHECK(get_status(1, DOMID_SELF, test::unmapped).status == GNTST_bad_virt_addr);
    CHECK(get_status(2, DOMID_SELF, ~std::uint64_t{0} - 7).status == GNTST_bad_virt_addr); // the second is nowhere
    CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, test::scratch, 2) == -XEN_EINVAL);
    CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_get_status_frames, test::unmapped, 1) == -XEN_EFAULT);

    std::vector<std::uint64_t> gone;
    memory = [&](const bulkhead_MemoryRequest& request, bulkhead_MemoryReply&) {
        REQUIRE(request.which_request == bulkhead_MemoryRequest_remove_from_physmap_tag);
        gone.push_back(request.request.remove_from_physmap.gfn);
    };
    std::uint32_t now = 0;
    CHECK(set_version(1, now) == 0);
    CHECK(gone == std::vector<std::uint64_t>{0x400});
    CHECK(d().memory.place_of_overlay(d().grant.status_frame(1)) == GuestMemory::nowhere);
}

TEST_CASE_METHOD(Guest, "swapping version 2 entries: no entry that is in use", "[grant]") {
    d().grant.version = 2;
    put_wide(8, offer(GTF_permit_access), 0x11);
    put_wide(9, offer(GTF_permit_access | GTF_readonly), std::uint64_t{1} << 40);
    put_wide(10, offer(GTF_permit_access), 0x33);
    status(10) = GTF_reading;
    const auto swap = [&](std::uint32_t a, std::uint32_t b) {
        store(test::scratch, gnttab_swap_grant_ref{a, b, 77});
        CHECK(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_swap_grant_ref, test::scratch, 1) == 0);
        return load<gnttab_swap_grant_ref>(test::scratch).status;
    };
    CHECK(swap(8, 9) == GNTST_okay);
    CHECK(word(16) == offer(GTF_permit_access | GTF_readonly));
    CHECK(word(17) == std::uint64_t{1} << 40);
    CHECK(word(18) == offer(GTF_permit_access));
    CHECK(word(19) == 0x11);
    CHECK(swap(9, 10) == GNTST_eagain);
    CHECK(swap(10, 9) == GNTST_eagain);
    CHECK(word(18) == offer(GTF_permit_access));
    CHECK(word(19) == 0x11);
    CHECK(word(20) == offer(GTF_permit_access));
    CHECK(swap(511, 8) == GNTST_okay);
    CHECK(swap(512, 8) == GNTST_bad_gntref); // two frames have 512
}
