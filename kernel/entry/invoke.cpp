// SPDX-License-Identifier: Apache-2.0
// The decoder: one table lookup, then the family of the method.
#include "entry/invoke.hpp"

#include "entry/lookup.hpp"

namespace bulkhead::kernel {

MethodResult invoke(Thread& thread, const arch::SyscallArguments& arguments) {
    if (arguments.a1 >= static_cast<std::uint64_t>(Method::count)) {
        return {Status::bad_method};
    }
    const MethodInfo& info = methods[arguments.a1];
    const Found found = find(thread, arguments.a0, info.object, info.rights);
    if (found.status != Status::ok) {
        return {found.status};
    }
    const Invocation call{thread, *found.slot, info.method, arguments.a2, arguments.a3, arguments.a4, arguments.a5};
    switch (info.method) {
    case Method::untyped_retype:
    case Method::cap_mint:
    case Method::cap_move:
    case Method::cap_delete:
    case Method::cap_revoke:
    case Method::cap_inspect:
        return invoke_capability(call);
    case Method::map:
    case Method::unmap:
    case Method::restore:
    case Method::info:
    case Method::stage2_unmap:
        return invoke_memory(call);
    case Method::thread_configure:
    case Method::thread_schedule:
    case Method::thread_bind_events:
    case Method::thread_bind_fault:
    case Method::thread_start:
    case Method::thread_stop:
    case Method::thread_read_fault:
    case Method::portal_bind:
        return invoke_thread(call);
    case Method::vcpu_bind:
    case Method::vcpu_expose:
    case Method::interrupt_bind:
    case Method::interrupt_ack:
    case Method::io_in:
    case Method::io_out:
        return invoke_device(call);
    case Method::count:
        break;
    }
    return {Status::bad_method};
}

} // namespace bulkhead::kernel
