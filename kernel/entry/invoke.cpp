// SPDX-License-Identifier: Apache-2.0
// The decoder: one table lookup, then the family of the method.
#include "entry/invoke.hpp"

#include "entry/lookup.hpp"

namespace bulkhead::kernel {

namespace {

/// Methods up to that one, in the order of their table.
struct Family {
    Method last;
    MethodResult (*invoke)(const Invocation&);
};
constexpr Family families[] = {{Method::info, invoke_memory},         {Method::cap_inspect, invoke_capability},
                               {Method::stage2_unmap, invoke_memory}, {Method::portal_bind, invoke_thread},
                               {Method::io_out, invoke_device},       {Method::offers_format, invoke_offers}};
static_assert(static_cast<unsigned>(families[5].last) + 1 == static_cast<unsigned>(Method::count));

} // namespace

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
    for (const Family& family : families) {
        if (info.method <= family.last) {
            return family.invoke(call);
        }
    }
    return {Status::bad_method};
}

} // namespace bulkhead::kernel
