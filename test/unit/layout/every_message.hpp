// SPDX-License-Identifier: Apache-2.0
// All messages that have layouts, so that no test has to name them: a new structure is tested without more.
#pragma once

#include <guest_event_channel.layout.hpp>
#include <guest_grant_table.layout.hpp>
#include <guest_hvm.layout.hpp>
#include <guest_memory.layout.hpp>
#include <guest_multicall.layout.hpp>
#include <guest_sched.layout.hpp>
#include <guest_shared.layout.hpp>
#include <guest_vcpu.layout.hpp>
#include <guest_version.layout.hpp>

namespace bulkhead::test {

template <typename F, typename... Message> void for_each_of(guest::Messages<Message...>, F& f) {
    (f.template operator()<Message>(), ...);
}

/// Calls f.operator()<Message>() for each.
template <typename F> void for_each_message(F f) {
    for_each_of(guest::messages_of_guest_event_channel{}, f);
    for_each_of(guest::messages_of_guest_grant_table{}, f);
    for_each_of(guest::messages_of_guest_hvm{}, f);
    for_each_of(guest::messages_of_guest_memory{}, f);
    for_each_of(guest::messages_of_guest_multicall{}, f);
    for_each_of(guest::messages_of_guest_sched{}, f);
    for_each_of(guest::messages_of_guest_vcpu{}, f);
    for_each_of(guest::messages_of_guest_version{}, f);
}

} // namespace bulkhead::test
