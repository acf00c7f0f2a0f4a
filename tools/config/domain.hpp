// SPDX-License-Identifier: Apache-2.0
// One domain as its xl.cfg file describes it: the keys that are taken, their types, defaults and limits.
// It must not know: the machine, the other domains, or what is inside the kernel file.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/cpu_set.hpp"
#include "config/diagnostics.hpp"

namespace bulkhead::tools {

/// Numbered as bulkhead.Action in abi/proto/manifest.proto.
enum class Action : std::uint8_t { destroy = 0, restart = 1, preserve = 2 };

using Uuid = std::array<std::uint8_t, 16>;

/// xl's default, and the most that this version gives (to guests that use the FIFO ABI), port 0 not counted.
inline constexpr std::uint32_t default_event_channels = 1023;
inline constexpr std::uint32_t most_event_channels = 16383;
/// By the build option BULKHEAD_GRANT_V2.
inline constexpr std::uint32_t most_grant_version = BULKHEAD_MAX_GRANT_VERSION;

struct DomainConfig {
    std::string file;
    std::map<std::string, Position, std::less<>> places; ///< of the value of each key that was set

    std::string name;
    std::string kernel; ///< path, ready to open
    std::string ramdisk;
    std::string command_line;
    std::uint64_t memory_bytes{0};
    std::uint32_t vcpus{1};
    std::uint32_t max_event_channels{default_event_channels};
    std::uint32_t max_grant_version{1};
    std::vector<CpuSet> cpus; ///< empty: anywhere; one: all vCPUs; else one for each vCPU
    Action on_poweroff{Action::destroy};
    Action on_reboot{Action::restart};
    Action on_crash{Action::destroy};
    Uuid uuid{};

    /// Where `key` got its value, or the file as a whole.
    Position where(std::string_view key) const;
};

/// Names of output streams that are not domains'.
inline constexpr std::string_view system_stream_name = "bulkhead";

/// The domain that `text` describes, as far as it can be made out; whatever is wrong with it is in `diagnostics`.
/// Relative paths start at the directory of `file`.
DomainConfig parse_domain(const std::string& file, std::string_view text, Diagnostics& diagnostics);

} // namespace bulkhead::tools
