// SPDX-License-Identifier: Apache-2.0
// Whatever owners write, whoever maps, unmaps, revokes or dies: what is mapped is what was offered when it was mapped
// and has a pin, and nothing else is mapped.
// REQ-GRANT-002 REQ-GRANT-003
#include <map>
#include <memory>
#include <random>

#include "offers.hpp"

namespace bulkhead::kernel::test {

namespace {

constexpr std::uint32_t owners = 2, entries = 6, destinations = 4, places = 5, records = 12;
constexpr std::uint64_t first_peer = 7;

std::uint64_t address_of(std::uint32_t place) {
    return 0x40'0000 + place * std::uint64_t{0x10'1000};
}

struct Mapping {
    std::uint32_t owner, entry, destination, place;
    bool write;
    HostPhys frame;
};

class Model {
public:
    Model(std::uint32_t seed, OfferFormat format) : format_{format}, random_{seed} {
        for (auto& owner : owners_) {
            renew(owner);
        }
        for (std::uint32_t i = 0; i < destinations; ++i) {
            renew_destination(i);
        }
        s_.start(mapper_);
        s_.choose();
        for (auto& owner : owners_) {
            configure(owner);
        }
    }

    void step() {
        const std::uint32_t what = below(100);
        if (what < 30) {
            write_entry();
        } else if (what < 72) {
            map();
        } else if (what < 86) {
            end_mapping(below(records) + 1);
        } else if (what < 92 || rebuilds_ == 0) {
            scribble();
        } else {
            --rebuilds_;
            rebuild();
        }
        check();
    }

private:
    struct Owner {
        std::unique_ptr<Guest> guest;
        bool scribbled[entries]{};
    };
    struct Destination {
        std::uint32_t space{0}, badged{0};
    };

    std::uint32_t below(std::uint32_t limit) {
        return std::uniform_int_distribution<std::uint32_t>{0, limit - 1}(random_);
    }
    static bool is_guest(std::uint32_t destination) { return destination % 2 == 0; }
    static std::uint64_t peer_of(std::uint32_t destination) { return first_peer + destination / 2; }

    void renew(Owner& owner) {
        owner = {};
        owner.guest = std::make_unique<Guest>(s_, 1, 1);
    }
    void configure(Owner& owner) {
        REQUIRE(owner.guest->configure(mapper_) == Status::ok);
        REQUIRE(owner.guest->format(mapper_, format_) == Status::ok);
    }

    // --- an entry of either version, as one of version 1
    bool wide() const { return format_ == OfferFormat::version_2; }
    void put(Owner& owner, std::uint32_t entry, std::uint64_t value) const {
        if (wide()) {
            owner.guest->offer_wide(entry, value & 0xffff'ffff, value >> 32);
            owner.guest->status(entry) = static_cast<std::uint16_t>(value & (in_use | written));
        } else {
            owner.guest->entry(entry) = value;
        }
    }
    std::uint64_t get(const Owner& owner, std::uint32_t entry) const {
        if (!wide()) {
            return owner.guest->entry(entry);
        }
        const std::uint64_t header = owner.guest->wide_entry(entry)[0] & ~(in_use | written);
        return header | owner.guest->wide_entry(entry)[1] << 32 | owner.guest->status(entry);
    }
    void renew_destination(std::uint32_t i) {
        Destination& d = destinations_[i];
        d.space = s_.make(is_guest(i) ? ObjectType::stage2 : ObjectType::address_space, 12);
        d.badged = s_.next_free();
        REQUIRE(capabilities.mint(s_.slot(d.badged), s_.slot(d.space), Rights::write, peer_of(i) | mint_badged, 0) ==
                Status::ok);
    }
    std::uint64_t any_entry() {
        const std::uint64_t kinds[] = {permit, permit, permit | readonly, 0, 2, 3, wide() ? permit | offer::part : 0};
        return entry_for(first_peer + below(2), below(Guest::ram_pages + 2), kinds[below(7)]);
    }
    std::uint32_t pins(std::uint32_t owner, std::uint32_t entry, bool writable_only) const {
        std::uint32_t count = 0;
        for (const auto& [record, mapping] : mappings_) {
            count += mapping.owner == owner && mapping.entry == entry && (mapping.write || !writable_only) ? 1u : 0u;
        }
        return count;
    }

    /// As a guest that keeps the rules: an entry in use is left alone.
    void write_entry() {
        const std::uint32_t owner = below(owners), entry = below(entries);
        if (pins(owner, entry, false) == 0) {
            put(owners_[owner], entry, any_entry());
            owners_[owner].scribbled[entry] = false;
        }
    }
    void scribble() {
        const std::uint32_t owner = below(owners), entry = below(entries);
        put(owners_[owner], entry, any_entry() | (below(4) << 3));
        owners_[owner].scribbled[entry] = true;
    }
    void map() {
        const std::uint32_t owner = below(owners), entry = below(entries), to = below(destinations);
        const std::uint32_t place = below(places), record = below(records) + 1;
        const bool write = below(2) != 0;
        Guest& guest = *owners_[owner].guest;
        const std::uint64_t value = get(owners_[owner], entry);
        const std::uint64_t gfn = value >> 32;
        bool free_place = true;
        for (const auto& [at, mapping] : mappings_) {
            free_place = free_place && (mapping.destination != to || mapping.place != place);
        }
        const bool good = mappings_.count(record) == 0 && !s_.slot(track_).empty() && tracked(record).empty() &&
                          free_place && (value & (3 | offer::part)) == permit &&
                          ((value >> 16) & 0xffff) == peer_of(to) && (!write || (value & readonly) == 0) &&
                          gfn < Guest::ram_pages;
        const Status status =
            s_.invoke(mapper_, guest.offers, Method::offers_map, entry | (write ? offer_write : 0),
                      destinations_[to].badged | std::uint64_t{track_} << 32, address_of(place), record);
        CHECK((status == Status::ok) == good);
        if (status == Status::ok) {
            mappings_[record] = {owner, entry, to, place, write, guest.frame(gfn)};
        }
    }
    void end_mapping(std::uint32_t record) {
        if (below(3) == 0 && mappings_.count(record) != 0) {
            REQUIRE(kernel::unmap(tracked(record)).status == Status::ok); // its slot stays full
        } else {
            (void)s_.invoke(mapper_, track_, Method::cap_delete, record);
        }
        mappings_.erase(record);
    }
    template <typename F> void forget_if(F&& gone) {
        for (auto at = mappings_.begin(); at != mappings_.end();) {
            at = gone(at->second) ? mappings_.erase(at) : std::next(at);
        }
    }
    void rebuild() {
        fake::machine.interrupt_waiting = below(2) != 0; // preempted at every chance, or never
        const std::uint32_t victim = below(destinations);
        Owner& owner = owners_[victim % owners];
        switch (below(3)) {
        case 0:
            REQUIRE(s_.invoke(mapper_, space, Method::cap_revoke, owner.guest->ram) == Status::ok);
            break;
        case 1:
            REQUIRE(s_.invoke(mapper_, space, Method::cap_delete, owner.guest->offers) == Status::ok);
            break;
        default:
            REQUIRE(s_.invoke(mapper_, space, Method::cap_delete, destinations_[victim].badged) == Status::ok);
            REQUIRE(s_.invoke(mapper_, space, Method::cap_delete, destinations_[victim].space) == Status::ok);
            fake::machine.interrupt_waiting = false;
            renew_destination(victim);
            return forget_if([&](const Mapping& m) { return m.destination == victim; });
        }
        fake::machine.interrupt_waiting = false;
        forget_if([&](const Mapping& m) { return m.owner == victim % owners; });
        check();
        renew(owner);
        configure(owner);
    }

    Slot& tracked(std::uint32_t record) { return *s_.object<CapSpace>(track_).lookup(Selector{record}); }
    void check() {
        for (std::uint32_t to = 0; to < destinations; ++to) {
            for (std::uint32_t place = 0; place < places; ++place) {
                check_place(to, place);
            }
        }
        for (std::uint32_t o = 0; o < owners; ++o) {
            if (s_.slot(owners_[o].guest->offers).empty()) {
                continue;
            }
            auto& offers = s_.object<Offers>(owners_[o].guest->offers);
            for (std::uint32_t e = 0; e < entries; ++e) {
                const std::uint32_t all = pins(o, e, false), writable = pins(o, e, true);
                CHECK(offers.pins(e).all == all);
                CHECK(offers.pins(e).writable == writable);
                if (!owners_[o].scribbled[e]) {
                    const std::uint64_t marks = get(owners_[o], e) & (in_use | written);
                    CHECK(marks == ((all != 0 ? in_use : 0) | (writable != 0 ? written : 0)));
                }
            }
        }
    }
    void check_place(std::uint32_t to, std::uint32_t place) {
        const Mapping* expected = nullptr;
        for (const auto& [record, mapping] : mappings_) {
            expected = mapping.destination == to && mapping.place == place ? &mapping : expected;
        }
        const auto look = [&](auto leaf) {
            CHECK(leaf.present == (expected != nullptr));
            if (leaf.present && expected != nullptr) {
                CHECK(leaf.frame == expected->frame);
                CHECK(leaf.flags.write == expected->write);
            }
        };
        const std::uint32_t space = destinations_[to].space;
        if (is_guest(to)) {
            look(NestedTree{s_.object<Stage2>(space).root()}.lookup(address_of(place)));
        } else {
            look(HostTree{s_.object<AddressSpace>(space).root()}.lookup(address_of(place)));
        }
    }

    OfferFormat format_;
    std::mt19937 random_;
    System s_;
    Thread& mapper_{s_.thread(40)};
    std::uint32_t track_{s_.make(ObjectType::cap_space, records + 1)};
    Owner owners_[owners];
    Destination destinations_[destinations];
    std::map<std::uint32_t, Mapping> mappings_; ///< by record
    std::uint32_t rebuilds_{24};
};

} // namespace

TEST_CASE("what is mapped is what was offered, whatever happens", "[kernel]") {
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
        const OfferFormat format = seed % 2 == 0 ? OfferFormat::version_2 : OfferFormat::version_1;
        INFO("seed " << seed << ", version " << static_cast<unsigned>(format));
        Model model{seed, format};
        for (int i = 0; i < 600; ++i) {
            INFO("step " << i);
            model.step();
        }
    }
}

} // namespace bulkhead::kernel::test
