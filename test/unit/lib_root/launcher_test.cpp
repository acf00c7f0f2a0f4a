// SPDX-License-Identifier: Apache-2.0
// What root makes: address spaces, authority, memory; and what it refuses to make.
#include <fstream>
#include <sstream>

#include <bulkhead/start.hpp>

#include "world.hpp"

using namespace bulkhead;
using namespace bulkhead::root;
using namespace bulkhead::root::test;

namespace {

/// A line of docs/authority.txt, with the two things that matter here.
struct Rule {
    std::string holder, type, rights, badge;
    std::uint32_t first, last;
};

std::vector<Rule> read_rules() {
    std::ifstream file{BULKHEAD_AUTHORITY};
    REQUIRE(file);
    std::vector<Rule> rules;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        std::istringstream words{line};
        std::string cap, slots;
        Rule rule{};
        words >> cap >> rule.holder >> slots >> rule.type >> rule.rights >> rule.badge;
        REQUIRE(words);
        const auto dash = slots.find('-');
        rule.first = static_cast<std::uint32_t>(std::stoul(slots));
        rule.last =
            dash == std::string::npos ? rule.first : static_cast<std::uint32_t>(std::stoul(slots.substr(dash + 1)));
        rules.push_back(rule);
    }
    return rules;
}

bool allows(const Rule& rule, std::string_view holder, std::uint32_t slot, const CapSummary& cap) {
    if (rule.holder != holder || slot < rule.first || slot > rule.last || rule.type != to_string(cap.type)) {
        return false;
    }
    const RightsText rights = to_text(cap.rights);
    for (std::size_t i = 0; i < sizeof rights.letters; ++i) {
        if (rights.letters[i] != '-' && rule.rights[i] != rights.letters[i]) {
            return false;
        }
    }
    if (rule.badge == "*" || !cap.badged) {
        return rule.badge == "*" || rule.badge == "-";
    }
    return rule.badge != "-" && std::stoul(rule.badge, nullptr, 16) <= cap.badge;
}

} // namespace

TEST_CASE("every component is laid out with guards, and nothing is writable and executable", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    constexpr Rights r = Rights::read, rw = Rights::read | Rights::write, rx = Rights::read | Rights::execute;
    for (std::uint32_t p = 0; p < part_count; ++p) {
        const sim::Component& c = w.part(static_cast<Part>(p));
        const auto rights = [&](std::uint64_t address) { return w.machine.rights_at(c, UserVirt{address}); };
        CHECK(rights(0x400000) == r);
        CHECK(rights(0x401000) == rx);
        CHECK(rights(0x402000) == rx);
        CHECK(rights(0x403000) == rw);
        CHECK(rights(0x405000) == rw);
        CHECK(rights(0x406000) == Rights::none);
        CHECK(rights(layout::start_message_address.value) == r);
        CHECK(rights(layout::utcb_address.value) == rw);
        CHECK(rights(layout::event_page_address.value) == rw);
        CHECK(rights(layout::stack_top.value - 1) == rw);
        CHECK(rights(layout::stack_top.value - layout::stack_bytes) == rw);
        CHECK(rights(layout::stack_top.value - layout::stack_bytes - 1) == Rights::none);
        CHECK(rights(layout::stack_top.value) == Rights::none);

        const auto* data = static_cast<const std::uint8_t*>(w.machine.pointer(c, UserVirt{0x403000}));
        CHECK(data[0] == 3);
        CHECK(data[15] == 3);
        CHECK(data[16] == 0);
        CHECK(*static_cast<const std::uint8_t*>(w.machine.pointer(c, UserVirt{0x4027ff})) == 2);
    }
    // Nothing of it is left mapped in root.
    CHECK(w.machine.pointer(*w.root, root_address::spawn_window) == nullptr);
    CHECK(w.machine.pointer(*w.root, root_address::image_window) == nullptr);
}

TEST_CASE("every component reads its start message", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    const auto read = [&](Part part) {
        bulkhead_ComponentStart start{};
        w.machine.run_as(w.part(part), [&] { REQUIRE(read_start_message(start)); });
        return start;
    };
    const auto memory = read(Part::memory);
    CHECK(memory.tsc_khz == 1'000'000);
    CHECK(memory.boot_tsc == 1000);
    CHECK(memory.wall_clock_ns == 1'000'000'000);
    CHECK(memory.untyped_count == 1); // the system's own memory takes the smaller one
    CHECK(memory.image_bytes == 0);
    CHECK(read(Part::domain).image_bytes == w.image->bytes());
    CHECK(read(Part::domain).untyped_count == 0);
}

TEST_CASE("REQ-COMP-002 no component holds more than docs/authority.txt allows", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    const auto rules = read_rules();
    for (std::uint32_t p = 0; p < part_count; ++p) {
        for (std::uint32_t slot = 1; slot < profiles[p].cap_slots; ++slot) {
            const CapSummary cap = w.machine.inspect(w.part(static_cast<Part>(p)), Selector{slot});
            if (cap.type == ObjectType::null) {
                continue;
            }
            const bool good = std::any_of(rules.begin(), rules.end(),
                                          [&](const Rule& rule) { return allows(rule, profiles[p].name, slot, cap); });
            char line[100];
            INFO(format_capability(line, profiles[p].name, Selector{slot}, cap));
            CHECK(good);
        }
    }
}

TEST_CASE("authority is narrowed to what it is for", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    w.machine.run_as(w.part(Part::console), [] {
        CHECK(*sys::info(slot::uart_ports) == (0x3f8 | (std::uint64_t{8} << 32)));
        CHECK(*sys::info(slot::uart_interrupt) == (4 | (std::uint64_t{1} << 32)));
        CHECK(sys::io_out(slot::uart_ports, 0x64, 1, 0xfe) == Status::out_of_range);
    });
    w.machine.run_as(w.part(Part::domain), [&] {
        CHECK(*sys::info(slot::manifest) >= w.image->bytes());
        CHECK(*sys::info(slot::monitor_image) == ((w.manifest.monitor.size + page_size - 1) & ~(page_size - 1)));
        // CPU time: no higher priority than the highest domain's.
        REQUIRE(w.machine.inspect(w.part(Part::domain), Selector{2000}).type == ObjectType::null);
        CHECK(sys::mint(slot::cap_space, Selector{2000}, slot::cpu_time, Rights::control, 16, 1) == Status::no_right);
    });
    w.machine.run_as(w.part(Part::grant), [] {
        CHECK(sys::info(slot::untyped).status() ==
              Status::bad_selector); // whatever the manifest says: it makes nothing
        CHECK(sys::call(slot::memory, {}).status == Status::bad_selector);
    });
}

TEST_CASE("all memory that the system does not need goes to services/memory", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.start();
    std::uint64_t lent = 0;
    w.machine.run_as(w.part(Part::memory), [&] {
        for (std::uint32_t i = 0; i < slot::max_lendable; ++i) {
            const auto bytes = sys::info(Selector{slot::first_lendable.value + i});
            lent += bytes ? *bytes : 0;
        }
    });
    CHECK(lent >= (10u << 20));
    CHECK(lent % large_page_size == 0);
    // Root keeps nothing that it could make memory from.
    CHECK(w.machine.inspect(*w.root, Selector{boot_slot::first_untyped}).type == ObjectType::null);
    CHECK(w.machine.inspect(*w.root, Selector{boot_slot::first_untyped + 1}).type == ObjectType::null);
    CHECK(w.machine.inspect(*w.root, root_slot::memory_rest).type == ObjectType::null);
}

TEST_CASE("mistakes in the image are said and nothing runs", "[root]") {
    const auto fails_with = [](ImageMaker maker, std::string_view why,
                               std::vector<std::uint64_t> untypeds = {16u << 20}) {
        World w{maker.finish(), std::move(untypeds)};
        INFO(why);
        CHECK_FALSE(w.bring_up());
        CHECK(w.logged(why));
    };
    ImageMaker maker = good_image();
    maker.manifest.components[1].name[0] = 'x';
    fails_with(maker, "no component 'grant'");
    maker = good_image();
    maker.manifest.components[0].cpu = 1;
    fails_with(maker, "component memory: cpu, priority or memory out of range");
    maker = good_image();
    maker.manifest.components[0].priority = 56;
    fails_with(maker, "out of range");
    maker = good_image();
    maker.manifest.has_monitor = false;
    fails_with(maker, "no monitor");
    maker = good_image();
    maker.manifest.components[2].elf.size = ~0ull;
    fails_with(maker, "component event: ");
    maker = good_image();
    maker.manifest.components[2].elf = maker.add(Bytes(5000, 0x7f));
    fails_with(maker, "component event: not an ELF file");
    maker = good_image();
    maker.manifest.components[2].elf = maker.add(make_program({{PF_R | PF_X, 0x401000, 16, 16}}, EM_AARCH64));
    fails_with(maker, "component event: not a program for x86-64");
    for (const ProgramSegment& bad :
         {ProgramSegment{PF_R | PF_W | PF_X, 0x401000, 16, 16}, ProgramSegment{PF_R, 0x1000, 16, 16},
          ProgramSegment{PF_R, 0x401000, 16, 65u << 20}, ProgramSegment{PF_R, 0x7000'0000'0000 - 0x1000, 16, 0x2000},
          ProgramSegment{PF_R, 0x7fff'ffff'f000, 16, 16}}) {
        maker = good_image();
        maker.manifest.components[2].elf = maker.add(make_program({bad}));
        fails_with(maker, "component event: its program has a segment that no component may have");
    }
    maker = good_image();
    maker.manifest.components[2].elf =
        maker.add(make_program({{PF_R, 0x401000, 16, 0x2000}, {PF_R | PF_W, 0x402000, 16, 16}}));
    fails_with(maker, "cannot make event: already_mapped");
    maker = good_image();
    maker.manifest.components[2].elf = maker.add(make_program({{PF_R, 0x401000, 0, 0}}));
    fails_with(maker, "cannot make event: bad_argument");
}

TEST_CASE("an image that is none is not believed", "[root]") {
    Bytes image = good_image().finish();
    for (const std::size_t at : {0u, 8u, 12u, 16u, 4096u}) {
        Bytes broken = image;
        broken[at] ^= 0xff;
        broken[at + 3] ^= 0xff;
        World w{broken};
        CHECK_FALSE(w.bring_up());
    }
    image.resize(8192); // cut off within the components
    for (const Bytes& bad : {Bytes{}, image}) {
        World w{bad};
        CHECK_FALSE(w.bring_up());
    }
}

TEST_CASE("what lies behind the system's memory is whole large pages, as many as there are", "[root]") {
    constexpr std::uint64_t all = 17u << 20;
    World w{good_image().finish(), {all}};
    REQUIRE(w.bring_up());
    w.start();
    w.machine.run_as(w.part(Part::memory), [&] {
        const auto bytes = sys::info(slot::first_lendable);
        REQUIRE(bytes);
        CHECK(*bytes % large_page_size == 0);
        CHECK(*bytes >= all - (8u << 20));
        CHECK(sys::retype(slot::first_lendable, ObjectType::region, *bytes, Selector{1900}) == Status::ok);
    });
}

TEST_CASE("a blob is copied through windows smaller than itself", "[root]") {
    World w;
    REQUIRE(w.bring_up());
    w.machine.run_as(*w.root, [&] {
        const bulkhead_Blob& blob = w.manifest.components[0].elf;
        std::span<const std::uint8_t> mapped;
        REQUIRE(w.image->map(blob, mapped) == BootImageError::none);
        const std::vector<std::uint8_t> expected(mapped.begin(), mapped.end());
        std::vector<std::uint8_t> copied(expected.size());
        REQUIRE(w.image->copy(blob, copied, page_size) == BootImageError::none);
        CHECK(copied == expected);
        copied.pop_back();
        CHECK(w.image->copy(blob, copied, page_size) == BootImageError::bad_blob);
        copied.resize(expected.size());
        CHECK(w.image->copy({w.image->bytes(), blob.size}, copied) == BootImageError::bad_blob);
    });
}

TEST_CASE("too little memory is an answer, not a crash", "[root]") {
    World w{good_image().finish(), {2u << 20}};
    CHECK_FALSE(w.bring_up());
}
