// SPDX-License-Identifier: Apache-2.0
// Rows of the capability space.
#include "operations.hpp"

namespace bulkhead::operations {
namespace {

constexpr std::uint32_t descendants = 1000;

Status mint_signal(Selector destination, Selector source, std::uint32_t bit) {
    return sys::mint_badge(slot::cap_space, destination, source, Rights::write, bit);
}

} // namespace

void measure_capabilities() {
    sample("invoke_info", rounds, [] {
        const Timed info = timed([] { return sys::invoke_status(slot::cap_space, Method::info); });
        expect_ok(info.status, "invoke_info");
        return info.ticks;
    });

    expect_ok(sys::mint(slot::cap_space, own_slot::parent, own_slot::events, Rights::all), "a parent");
    sample("mint", rounds, [] {
        const Timed mint = timed([] { return mint_signal(derived(0), own_slot::parent, 1); });
        expect(mint.status == Status::ok && sys::remove(derived(0)) == Status::ok, "mint");
        return mint.ticks;
    });
    sample("delete", rounds, [] {
        expect_ok(mint_signal(derived(0), own_slot::parent, 1), "mint for delete");
        const Timed remove = timed([] { return sys::remove(derived(0)); });
        expect_ok(remove.status, "delete");
        return remove.ticks;
    });
    sample("revoke_1000", long_rounds, [] {
        for (std::uint32_t i = 0; i < descendants; ++i) {
            expect_ok(mint_signal(derived(i), own_slot::parent, i), "mint for revoke");
        }
        const Timed revoke = timed([] { return sys::revoke(own_slot::parent); });
        expect(revoke.status == Status::ok && is_empty(derived(descendants - 1)), "revoke_1000");
        return revoke.ticks;
    });
}

} // namespace bulkhead::operations
