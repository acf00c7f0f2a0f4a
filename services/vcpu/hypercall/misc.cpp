// SPDX-License-Identifier: Apache-2.0
// The hypercalls with one or two operations: vm_assist, console_io, multicall (public/xen.h).
// It must not know: how a hypercall enters.
#include "argument.hpp"

#include <guest_multicall.layout.hpp>

#include "runstate.hpp"

namespace bulkhead::vcpu {

namespace {

constexpr std::uint32_t chunk_bytes = 128;

xen::Result console_write(Call& call) {
    const auto count = static_cast<std::uint32_t>(call.arg[1]);
    char chunk[chunk_bytes];
    for (std::uint32_t done = 0; done < count;) {
        const std::uint32_t n = count - done < chunk_bytes ? count - done : chunk_bytes;
        if (!call.access.read(call.arg[2] + done, chunk, n)) {
            return -XEN_EFAULT;
        }
        call.d.log.put({chunk, n});
        done += n;
    }
    return 0;
}

/// There is no input.
xen::Result console_read(Call&) {
    return 0;
}

constexpr Operation console_operations[] = {
    {CONSOLEIO_write, console_write},
    {CONSOLEIO_read, console_read},
};

/// An entry's result is written where the entry is, before the next one runs.
xen::Result run_entry(Call& call, std::uint64_t entry_address) {
    return with_in_out<bulkhead_guest_MulticallEntry>(
        call, entry_address, [&](bulkhead_guest_MulticallEntry& entry) -> xen::Result {
            Call inner{call.d, call.v, call.access, entry.op, {}, call.wide, true};
            for (std::size_t i = 0; i < std::size(entry.args); ++i) {
                inner.arg[i] = entry.args[i];
            }
            const auto result = static_cast<std::uint64_t>(dispatch(inner));
            entry.result = call.wide ? result : result & 0xffff'ffff; // as a register would have it
            return 0;
        });
}

} // namespace

xen::Result vm_assist(Call& call) {
    const auto command = static_cast<std::uint32_t>(call.arg[0]);
    if (static_cast<std::uint32_t>(call.arg[1]) != VMASST_TYPE_runstate_update_flag) {
        return -XEN_EINVAL; // the others are for paravirtualised guests
    }
    if (command != VMASST_CMD_enable && command != VMASST_CMD_disable) {
        return -XEN_ENOSYS;
    }
    call.d.runstate_update_flag = command == VMASST_CMD_enable;
    return 0;
}

xen::Result console_io(Call& call) {
    if (static_cast<std::int32_t>(call.arg[1]) < 0) {
        return -XEN_EINVAL;
    }
    return run_operation(call, static_cast<std::uint32_t>(call.arg[0]), console_operations);
}

xen::Result multicall(Call& call) {
    if (call.in_multicall) {
        return -XEN_EINVAL;
    }
    const auto count = static_cast<std::uint32_t>(call.arg[1]);
    for (std::uint32_t i = 0; i < count && !call.d.ended; ++i) {
        const xen::Result result =
            run_entry(call, call.arg[0] + i * layout_bytes<bulkhead_guest_MulticallEntry>(call.wide));
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

} // namespace bulkhead::vcpu
