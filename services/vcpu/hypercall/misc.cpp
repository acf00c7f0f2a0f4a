// SPDX-License-Identifier: Apache-2.0
// The hypercalls with one or two operations: vm_assist, console_io, multicall (public/xen.h).
// It must not know: how a hypercall enters.
#include "argument.hpp"

#include <guest_multicall.layout.hpp>

#include "continuation.hpp"
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

/// A multicall under way: the entry that is next, or its copy while its own operation is not finished.
struct Multicall {
    std::uint64_t op, args[Call::max_arguments];
    std::uint32_t index;
    bool under_way;
};

/// An entry's result is written where the entry is, before the next one runs.
xen::Result run_entry(Call& call, Multicall& m) {
    using Entry = bulkhead_guest_MulticallEntry;
    const std::uint64_t address = call.arg[0] + m.index * layout_bytes<Entry>(call.wide);
    Entry entry{};
    if (!m.under_way) {
        if (!read_argument(call, address, entry) || !results_writable<Entry>(call, address)) {
            return -XEN_EFAULT;
        }
        m.op = entry.op;
        for (std::size_t i = 0; i < std::size(entry.args); ++i) {
            m.args[i] = entry.args[i];
        }
    }
    Call inner{call.d, call.v, call.wide};
    inner.started = call.started;
    inner.number = m.op;
    inner.in_multicall = true;
    for (std::size_t i = 0; i < std::size(m.args); ++i) {
        inner.arg[i] = m.args[i];
    }
    const auto result = static_cast<std::uint64_t>(dispatch(inner));
    m.under_way = inner.again;
    if (m.under_way) {
        return 0;
    }
    entry.result = call.wide ? result : result & 0xffff'ffff; // as a register would have it
    return write_results(call, address, entry);
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
    return run_operation<console_operations>(call, static_cast<std::uint32_t>(call.arg[0]));
}

xen::Result multicall(Call& call) {
    if (call.in_multicall) {
        return -XEN_EINVAL;
    }
    const auto count = static_cast<std::uint32_t>(call.arg[1]);
    Multicall m{};
    (void)resume(call, m);
    while (m.index < count && !call.d.ended) {
        if (const xen::Result result = run_entry(call, m); result != 0) {
            return result;
        }
        m.index += m.under_way ? 0u : 1u;
        if (m.index < count && suspend(call, m)) {
            return 0;
        }
    }
    return 0;
}

} // namespace bulkhead::vcpu
