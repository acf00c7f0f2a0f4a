// SPDX-License-Identifier: Apache-2.0
// Hypercalls that run long. Such an operation works for a slice of time, leaves a token with its progress here and
// returns: RIP is still at the instruction and no register has changed, so the vCPU takes its interrupts, whose
// handlers may make hypercalls of their own, and then executes the instruction again, which goes on from the token. A
// token belongs to the call that left it: same place, same stack, same registers. Nothing is kept in the guest, and no
// bit of an operation's number means anything here. It must not know: what operations do, or what their progress is.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

namespace bulkhead::vcpu {

struct Call;

class Continuations {
public:
    /// Calls of one domain that can be under way at once: nested in interrupt handlers, or of tasks that the guest
    /// switches between while one is interrupted.
    static constexpr std::uint32_t max_tokens = 32;
    /// A guest that has not come back for so long has probably given the call up. Its token goes when room is needed.
    static constexpr std::uint64_t stale_after_ns = 30'000'000'000;
    static constexpr std::uint32_t max_words = 16;

    struct Key {
        std::uint64_t rip, rsp, number;
        std::array<std::uint64_t, 6> argument;
        bool in_multicall; ///< the entry that is under way, not the multicall itself
        bool operator==(const Key&) const = default;
    };
    using Progress = std::array<std::uint64_t, max_words>;

    /// The progress of that call, whose token is gone then. False: the call is new. A task that was interrupted on one
    /// vCPU may go on on another: where stacks look alike, the vCPU's own token goes first.
    [[nodiscard]] bool take(const Key& key, std::uint32_t vcpu, Progress& progress);
    /// Leaves a token. False: there is no room for `tokens` more (the call goes on without a pause, which costs nobody
    /// but its own domain).
    [[nodiscard]] bool put(const Key& key, std::uint32_t vcpu, const Progress& progress, std::uint64_t now_ns,
                           std::uint32_t tokens = 1);

    std::uint32_t count() const { return count_; }

private:
    struct Token {
        bool used{false};
        std::uint32_t vcpu{0};
        std::uint64_t left_at{0};
        Key key{};
        Progress progress{};
    };

    std::uint32_t free_places(std::uint64_t now_ns) const;
    static bool is_stale(const Token& token, std::uint64_t now_ns) {
        return now_ns >= token.left_at && now_ns - token.left_at >= stale_after_ns;
    }

    std::array<Token, max_tokens> tokens_{};
    std::uint32_t count_{0}; ///< in use
};

// --- for operations

/// How long an operation works before it lets others in.
inline constexpr std::uint64_t slice_us = 50;

/// Whether this is the next slice of an operation that has begun; `progress` is then what it left.
[[nodiscard]] bool resume_words(Call& call, Continuations::Progress& progress);
/// True: the operation returns now, whatever value, and will be called again. To be asked after each bounded piece of
/// work while there is more.
[[nodiscard]] bool suspend_words(Call& call, const Continuations::Progress& progress);

template <typename T> [[nodiscard]] bool resume(Call& call, T& progress) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Continuations::Progress));
    Continuations::Progress words;
    if (!resume_words(call, words)) {
        return false;
    }
    __builtin_memcpy(&progress, words.data(), sizeof progress);
    return true;
}
template <typename T> [[nodiscard]] bool suspend(Call& call, const T& progress) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(Continuations::Progress));
    Continuations::Progress words{};
    __builtin_memcpy(words.data(), &progress, sizeof progress);
    return suspend_words(call, words);
}

} // namespace bulkhead::vcpu
