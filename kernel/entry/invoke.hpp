// SPDX-License-Identifier: Apache-2.0
// Methods of objects: decoded by the table in methods.hpp, then one function each.
#pragma once

#include <bulkhead/abi/methods.hpp>

#include "cap/capabilities.hpp"
#include "object/thread.hpp"

namespace bulkhead::kernel {

/// A decoded invocation: the table's checks on type and rights have passed.
struct Invocation {
    Thread& thread; ///< who asks
    Slot& slot;     ///< of the invoked capability
    Method method;
    std::uint64_t a, b, c, d;
};

struct [[nodiscard]] MethodResult {
    Status status{Status::ok};
    std::uint64_t value{0};
    bool preempted{false};

    static MethodResult from(const Completion& completion) { return {completion.status, 0, completion.preempted}; }
};

MethodResult invoke(Thread& thread, const arch::SyscallArguments& arguments);

MethodResult invoke_capability(const Invocation& call);
MethodResult invoke_memory(const Invocation& call);
MethodResult invoke_thread(const Invocation& call);
MethodResult invoke_device(const Invocation& call);
MethodResult invoke_offers(const Invocation& call);

} // namespace bulkhead::kernel
