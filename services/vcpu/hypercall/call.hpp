// SPDX-License-Identifier: Apache-2.0
// A hypercall under way, and the tables in which its operation is looked up. Results are those of Xen's public headers.
// It must not know: registers and calling conventions (edge.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <bulkhead/xen.hpp>

#include "domain.hpp"

namespace bulkhead::vcpu {

struct Call {
    static constexpr std::uint32_t max_arguments = 6;

    /// Number and arguments are for the caller to fill in.
    Call(Domain& domain, Vcpu& vcpu, bool wide_caller)
        : d{domain}, v{vcpu}, access{domain.access(vcpu)}, wide{wide_caller} {}

    Domain& d;
    Vcpu& v;
    GuestAccess access;
    std::uint64_t number;
    std::uint64_t arg[max_arguments];
    bool wide;                ///< the caller runs 64-bit code: the layouts are the 64-bit ones
    bool in_multicall{false}; ///< one does not nest in another
    Tsc started{0};           ///< when this slice began, of an operation that may have several; 0: of none yet
    bool again{false};        ///< the operation is not finished: the guest executes its instruction again
};

struct Operation {
    std::uint64_t number;
    xen::Result (*run)(Call&);
};

/// The same by number: operations are found at once. All of Xen's numbers are small; a larger one does not compile.
inline constexpr std::size_t operation_numbers = 64;
template <std::size_t count> constexpr auto by_number(const Operation (&operations)[count]) {
    std::array<xen::Result (*)(Call&), operation_numbers> table{};
    for (const Operation& operation : operations) {
        table.at(operation.number) = operation.run;
    }
    return table;
}
/// Runs the operation of that number, -ENOSYS if there is none. The whole number counts.
template <const auto& operations> xen::Result run_operation(Call& call, std::uint64_t number) {
    static constexpr auto table = by_number(operations);
    const auto run = number < table.size() ? table[number] : nullptr;
    return run != nullptr ? run(call) : -XEN_ENOSYS;
}
/// One hypercall, by call.number.
xen::Result dispatch(Call& call);

/// ExitReason::hypercall: takes number and arguments from the registers, puts the result there, finishes the
/// instruction; or leaves all as it is, for the call to go on later.
void handle_hypercall(Domain& d, Vcpu& v);

// The hypercalls that have operations, one file each.
xen::Result memory_op(Call& call);
xen::Result multicall(Call& call);
xen::Result set_timer_op(Call& call);
xen::Result xen_version(Call& call);
xen::Result console_io(Call& call);
xen::Result grant_table_op(Call& call);
xen::Result vm_assist(Call& call);
xen::Result vcpu_op(Call& call);
xen::Result sched_op(Call& call);
xen::Result event_channel_op(Call& call);
xen::Result hvm_op(Call& call);

inline xen::Result not_permitted(Call&) {
    return -XEN_EPERM;
}

/// The domain that a guest means. `self` is resolved; other reserved numbers are nobody.
struct DomainName {
    bool exists; ///< as far as an unprivileged domain may know
    bool own;
    std::uint32_t id;
};
inline DomainName name_domain(const Call& call, std::uint32_t id) {
    const std::uint32_t own = call.d.config.domain.value;
    if (id == DOMID_SELF) {
        return {true, true, own};
    }
    return {id < DOMID_FIRST_RESERVED, id == own, id};
}
/// 0 for the caller's own domain; -ESRCH or -EPERM for others.
inline xen::Result own_domain_only(const Call& call, std::uint32_t id) {
    const DomainName name = name_domain(call, id);
    return name.own ? 0 : name.exists ? -XEN_EPERM : -XEN_ESRCH;
}

} // namespace bulkhead::vcpu
