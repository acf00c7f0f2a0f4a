// SPDX-License-Identifier: Apache-2.0
// Mapping, unmapping and looking at other domains' pages: every status that public/grant_table.h has for it, and what
// the guests see.
// REQ-GRANT-002 REQ-GRANT-003 REQ-GRANT-004
#include "domains.hpp"

using namespace bulkhead;
using namespace bulkhead::grant;
using bulkhead::grant::test::entry_of;
using bulkhead::grant::test::World;

namespace {

constexpr std::uint64_t where = 0x123'4000, elsewhere = 0x200'0000;
constexpr std::uint32_t read_only = GNTMAP_host_map | GNTMAP_readonly;

struct Fixture : World {
    Fixture() {
        for (std::uint32_t id = 1; id <= domains; ++id) {
            add(id);
        }
        entry(1, 8) = entry_of(2, 5);
        entry(1, 9) = entry_of(2, 6, GTF_permit_access | GTF_readonly);
        entry(1, 10) = entry_of(3, 7);
        entry(1, 11) = entry_of(2, 5, GTF_accept_transfer);
        entry(1, 12) = entry_of(2, 0x1000);
    }
};

} // namespace

TEST_CASE_METHOD(Fixture, "a page that was offered is mapped, marked as in use, and let go", "[grant]") {
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    CHECK(seen(2, where >> page_shift) == page(1, 5));
    CHECK(entry(1, 8) == entry_of(2, 5, GTF_permit_access | GTF_reading | GTF_writing));
    const auto again = map(2, 1, 8, elsewhere + 0x123, read_only); // an address within the page names the page
    REQUIRE(again.status == GNTST_okay);
    CHECK(again.handle != mapped.handle);
    CHECK(seen(2, elsewhere >> page_shift) == page(1, 5));
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay);
    CHECK(seen(2, where >> page_shift) == nullptr);
    CHECK(entry(1, 8) == entry_of(2, 5, GTF_permit_access | GTF_reading));
    CHECK(unmap(2, again.handle, elsewhere, elsewhere) == GNTST_okay);
    CHECK(entry(1, 8) == entry_of(2, 5));
    CHECK(unmap(2, again.handle, elsewhere) == GNTST_bad_handle);
}

TEST_CASE_METHOD(Fixture, "what map_grant_ref refuses", "[grant]") {
    CHECK(map(2, 1, 8, where, 0).status == GNTST_bad_gntref);
    CHECK(map(2, 1, 8, where, GNTMAP_readonly).status == GNTST_bad_gntref);
    for (const int flag : {GNTMAP_device_map, GNTMAP_application_map, GNTMAP_contains_pte}) {
        const auto flags = static_cast<std::uint32_t>(GNTMAP_host_map | flag);
        CHECK(map(2, 1, 8, where, flags).status == GNTST_general_error);
    }
    CHECK(map(2, 4, 8, where).status == GNTST_bad_domain);
    CHECK(map(2, 0, 8, where).status == GNTST_bad_domain);
    CHECK(map(2, DOMID_SELF, 8, where).status == GNTST_bad_domain);
    CHECK(map(2, 1, 600, where).status == GNTST_bad_gntref); // the table has not grown that far
    CHECK(map(2, 1, 0xffff'ffff, where).status == GNTST_bad_gntref);
    CHECK(map(2, 1, 0x1'0008, where).status == GNTST_bad_gntref);
    CHECK(map(2, 1, 7, where).status == GNTST_general_error);  // an empty entry
    CHECK(map(2, 1, 10, where).status == GNTST_general_error); // for another domain
    CHECK(map(2, 1, 11, where).status == GNTST_general_error); // for something else
    CHECK(map(2, 1, 9, where).status == GNTST_general_error);  // for writing
    CHECK(map(2, 1, 12, where).status == GNTST_bad_page);
    CHECK(map(2, 1, 8, std::uint64_t{1} << 48).status == GNTST_general_error);
    CHECK(map(2, 1, 8, ~std::uint64_t{0}).status == GNTST_general_error);
    const auto occupied = map(2, 1, 8, 3 * page_size);
    CHECK(occupied.status == GNTST_general_error);
    CHECK(occupied.occupied);
    CHECK(seen(2, 3) == page(2, 3));
    CHECK(entry(1, 8) == entry_of(2, 5));
    CHECK(entry(1, 9) == entry_of(2, 6, GTF_permit_access | GTF_readonly));
    REQUIRE(map(2, 1, 9, where, read_only).status == GNTST_okay);
    REQUIRE(grow(memory, 1, 1) == 0); // its owner sees that frame from now on
    CHECK(map(2, 1, 600, elsewhere).status == GNTST_general_error);
    entry(1, 600) = entry_of(2, 8);
    CHECK(map(2, 1, 600, elsewhere).status == GNTST_okay);
}

TEST_CASE_METHOD(Fixture, "what unmap_grant_ref refuses", "[grant]") {
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    CHECK(unmap(2, mapped.handle + 1, where) == GNTST_bad_handle);
    CHECK(unmap(2, ~0u, where) == GNTST_bad_handle);
    CHECK(unmap(3, mapped.handle, where) == GNTST_bad_handle); // handles are each domain's own
    CHECK(unmap(2, mapped.handle, elsewhere) == GNTST_general_error);
    CHECK(unmap(2, mapped.handle, where, elsewhere) == GNTST_general_error);
    CHECK(unmap(2, mapped.handle, 0) == GNTST_okay); // and nothing done
    CHECK(seen(2, where >> page_shift) == page(1, 5));
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay);
}

TEST_CASE_METHOD(Fixture, "unmapping can be asked about, and where something is mapped", "[grant]") {
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    entry(2, 1) = entry_of(2, 3);
    const auto own = map(2, 2, 1, elsewhere);
    REQUIRE(own.status == GNTST_okay);
    const auto check = [&](std::uint32_t handle, std::uint64_t address) {
        return foreign[2].check_unmap({handle, address, 0});
    };
    CHECK(check(mapped.handle, where).status == GNTST_okay);
    CHECK_FALSE(check(mapped.handle, where).own);
    CHECK(check(own.handle, elsewhere).own);
    CHECK(check(mapped.handle, elsewhere).status == GNTST_general_error);
    CHECK(check(~0u, where).status == GNTST_bad_handle);
    CHECK(seen(2, where >> page_shift) == page(1, 5)); // nothing was done
    CHECK(foreign[2].is_mapped(where + 0xfff));
    CHECK_FALSE(foreign[2].is_mapped(where + page_size));
    CHECK_FALSE(foreign[2].is_mapped(~std::uint64_t{0}));
    CHECK_FALSE(foreign[3].is_mapped(where));
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay);
    CHECK_FALSE(foreign[2].is_mapped(where));
    CHECK(foreign[2].is_mapped(elsewhere));
}

TEST_CASE_METHOD(Fixture, "a mapping that memory of the mapper's own has replaced goes without it", "[grant]") {
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    machine.run_as(builder, [&] {
        const Selector piece = part(2, 30);
        constexpr Rights all_access = Rights::read | Rights::write | Rights::execute;
        REQUIRE(sys::mint(slot::cap_space, piece, ram(2), all_access, 4 * page_size, page_size) == Status::ok);
        REQUIRE(sys::map(piece, stage2(2), where, all_access) == Status::ok);
    });
    CHECK(seen(2, where >> page_shift) == page(2, 4));
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay);
    CHECK(seen(2, where >> page_shift) == page(2, 4));
    CHECK(entry(1, 8) == entry_of(2, 5)); // and the owner sees that it is not used any more
}

TEST_CASE_METHOD(Fixture, "a domain has so many mappings and no more, and takes none from others", "[grant]") {
    std::vector<std::uint32_t> held;
    for (std::uint32_t i = 0; i < handles; ++i) {
        const auto mapped = map(2, 1, 8, where + i * page_size);
        REQUIRE(mapped.status == GNTST_okay);
        held.push_back(mapped.handle);
    }
    CHECK(map(2, 1, 8, elsewhere).status == GNTST_no_space);
    CHECK(map(3, 1, 10, where).status == GNTST_okay);
    REQUIRE(unmap(2, held[2], where + 2 * page_size) == GNTST_okay);
    REQUIRE(unmap(2, held[0], where) == GNTST_okay);
    CHECK(map(2, 1, 8, elsewhere).status == GNTST_okay);
    CHECK(map(2, 1, 8, where).status == GNTST_okay);
    CHECK(map(2, 1, 8, elsewhere + page_size).status == GNTST_no_space);
}

TEST_CASE_METHOD(Fixture, "an owner that goes takes its pages along, mapped or not", "[grant]") {
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    REQUIRE(open(2, dest, 1, 8) == GNTST_okay);
    REQUIRE(window_of(2).size() == 1);
    SECTION("in good order") {
        CHECK(remove(1) == 0);
    }
    SECTION("without a word") {
        revoke(1);
        CHECK(open(2, source, 1, 8) == GNTST_general_error); // the component still knows of it
        CHECK(remove(1) == 0);
    }
    CHECK(seen(2, where >> page_shift) == nullptr);
    CHECK(window_of(2).empty());
    CHECK(map(2, 1, 8, elsewhere).status == GNTST_bad_domain);
    close(2);
    revoke(1);
    add(1); // its next life
    entry(1, 8) = entry_of(2, 9);
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay); // of the earlier life: there is nothing left of it
    const auto anew = map(2, 1, 8, where);
    REQUIRE(anew.status == GNTST_okay);
    CHECK(seen(2, where >> page_shift) == page(1, 9));
}

TEST_CASE_METHOD(Fixture, "a mapper that goes lets go of everything", "[grant]") {
    REQUIRE(map(2, 1, 8, where).status == GNTST_okay);
    REQUIRE(open(2, dest, 1, 8) == GNTST_okay);
    REQUIRE(open(2, source, 1, 9) == GNTST_okay);
    CHECK(entry(1, 8) == entry_of(2, 5, GTF_permit_access | GTF_reading | GTF_writing));
    revoke(2);
    CHECK(entry(1, 8) == entry_of(2, 5));
    CHECK(entry(1, 9) == entry_of(2, 6, GTF_permit_access | GTF_readonly));
}

TEST_CASE_METHOD(Fixture, "a monitor sees a page to copy from and one to copy to, until it asks for others",
                 "[grant]") {
    entry(2, 1) = entry_of(2, 3); // offered to itself: a copy may name it so
    REQUIRE(open(2, dest, 1, 8) == GNTST_okay);
    REQUIRE(open(2, source, 1, 9) == GNTST_okay);
    auto shown = window_of(2);
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].address == layout::grant_window.value);
    CHECK(shown[0].memory == page(1, 6));
    CHECK_FALSE(shown[0].writable);
    CHECK(shown[1].address == layout::grant_window.value + page_size);
    CHECK(shown[1].memory == page(1, 5));
    CHECK(shown[1].writable);
    CHECK(entry(1, 8) == entry_of(2, 5, GTF_permit_access | GTF_reading | GTF_writing));
    CHECK(entry(1, 9) == entry_of(2, 6, GTF_permit_access | GTF_readonly | GTF_reading));
    SECTION("the same again is there already") {
        CHECK(open(2, source, 1, 9) == GNTST_okay);
        CHECK(window_of(2).size() == 2);
    }
    SECTION("what is refused leaves nothing there") {
        CHECK(open(2, dest, 1, 9) == GNTST_general_error); // for writing
        CHECK(window_of(2).size() == 1);
        CHECK(open(2, dest, 1, 10) == GNTST_general_error);
        CHECK(open(2, dest, 4, 8) == GNTST_bad_domain);
        CHECK(open(2, dest, 0, 8) == GNTST_bad_domain);
        CHECK(open(2, dest, 65, 8) == GNTST_bad_domain);
        CHECK(open(2, dest, 1, 600) == GNTST_bad_gntref);
        CHECK(open(2, dest, 1, 12) == GNTST_bad_page);
        CHECK(window_of(2).size() == 1);
        CHECK(entry(1, 8) == entry_of(2, 5));
    }
    SECTION("one's own") {
        REQUIRE(open(2, source, 2, 1) == GNTST_okay);
        shown = window_of(2);
        REQUIRE(shown.size() == 2);
        CHECK(shown[0].memory == page(2, 3));
    }
    close(2);
    CHECK(window_of(2).empty());
    CHECK(entry(1, 8) == entry_of(2, 5));
    CHECK(entry(1, 9) == entry_of(2, 6, GTF_permit_access | GTF_readonly));
}

TEST_CASE_METHOD(Fixture, "the component is asked for an owner once, and again when that is another one", "[grant]") {
    REQUIRE(map(2, 1, 8, where).status == GNTST_okay);
    machine.kill(grant);
    CHECK(map(2, 1, 8, elsewhere).status == GNTST_okay);
    CHECK(map(2, 1, 7, elsewhere + page_size).status == GNTST_general_error);
    CHECK(map(2, 1, 600, elsewhere + page_size).status == GNTST_general_error); // nobody knows how long the table is
    CHECK(map(2, 3, 8, elsewhere + page_size).status == GNTST_general_error);
}

TEST_CASE_METHOD(World, "version 2: mapped, marked, refused and let go like version 1", "[grant]") {
    if constexpr (max_grant_version < 2) {
        return;
    }
    may_change_version = true;
    for (std::uint32_t id = 1; id <= domains; ++id) {
        add(id);
    }
    change_to_version_2(1);
    offer_wide(1, 8, 2, 5);
    offer_wide(1, 9, 2, 6, GTF_permit_access | GTF_readonly);
    offer_wide(1, 10, 2, 7, GTF_permit_access | GTF_sub_page);
    offer_wide(1, 11, 2, 7, GTF_transitive);
    offer_wide(1, 12, 2, std::uint64_t{1} << 52 | 7);
    const auto mapped = map(2, 1, 8, where);
    REQUIRE(mapped.status == GNTST_okay);
    CHECK(seen(2, where >> page_shift) == page(1, 5));
    CHECK(status(1, 8) == (GTF_reading | GTF_writing));
    CHECK(map(2, 1, 9, elsewhere).status == GNTST_general_error);
    CHECK(map(2, 1, 10, elsewhere).status == GNTST_general_error);
    CHECK(map(2, 1, 11, elsewhere).status == GNTST_general_error);
    CHECK(map(2, 1, 12, elsewhere).status == GNTST_bad_page);
    CHECK(map(3, 1, 8, elsewhere).status == GNTST_general_error);
    CHECK(map(2, 1, 256, elsewhere).status == GNTST_bad_gntref); // a table of one frame
    machine.run_as(builder, [&] { CHECK(sys::offers_format(own_offers(1), OfferFormat::version_1) == Status::busy); });
    CHECK(open(2, dest, 1, 8) == GNTST_okay);
    CHECK(open(2, source, 1, 10) == GNTST_general_error);
    CHECK(open(2, source, 1, 9) == GNTST_okay);
    CHECK(status(1, 9) == GTF_reading);
    close(2);
    CHECK(unmap(2, mapped.handle, where) == GNTST_okay);
    CHECK(status(1, 8) == 0);
    CHECK(status(1, 9) == 0);
    CHECK(seen(2, where >> page_shift) == nullptr);
}
