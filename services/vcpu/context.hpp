// SPDX-License-Identifier: Apache-2.0
// The neutral vCPU context (abi/proto/vcpu_context.proto): to and from the monitor's registers, and to and from bytes
// without losing what a newer writer put in. It must not know: how a context is stored or sent.
#pragma once

#include <span>

#include <vcpu_context.pb.h>

#include <bulkhead/abi/vcpu.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::vcpu {

/// A context that was read, with the fields of it that this version does not know.
struct SavedContext {
    static constexpr std::size_t max_unknown = 1024;

    bulkhead_VcpuContext known{};
    std::uint8_t unknown[max_unknown]{}; ///< as they were encoded, in their order
    std::size_t unknown_bytes{0};
};

/// bad_argument: the bytes are no context, or a field is out of range; out_of_range: more unknown fields than can be
/// kept. `context` is then to be forgotten.
[[nodiscard]] Status load_context(std::span<const std::uint8_t> bytes, SavedContext& context);
/// The length; out_of_range: it does not fit. What was unknown comes last.
[[nodiscard]] Result<std::uint32_t> save_context(const SavedContext& context, std::span<std::uint8_t> bytes);

/// The registers that the context means. False: a field that no register can hold.
[[nodiscard]] bool to_state(const bulkhead_VcpuContext& context, VcpuState& state);
/// A context with every field present.
bulkhead_VcpuContext to_context(const VcpuState& state);

} // namespace bulkhead::vcpu
