// SPDX-License-Identifier: Apache-2.0
// The table of tokens, and when a slice is over. It must not know: what operations do.
#include "continuation.hpp"

#include "call.hpp"

namespace bulkhead::vcpu {

bool Continuations::take(const Key& key, std::uint32_t vcpu, Progress& progress) {
    Token* found = nullptr;
    for (Token& token : tokens_) {
        if (token.used && token.key == key && (found == nullptr || token.vcpu == vcpu)) {
            found = &token;
        }
    }
    if (found == nullptr) {
        return false;
    }
    progress = found->progress;
    found->used = false;
    --count_;
    return true;
}

std::uint32_t Continuations::free_places(std::uint64_t now_ns) const {
    std::uint32_t places = 0;
    for (const Token& token : tokens_) {
        places += !token.used || is_stale(token, now_ns) ? 1u : 0u;
    }
    return places;
}

bool Continuations::put(const Key& key, std::uint32_t vcpu, const Progress& progress, std::uint64_t now_ns,
                        std::uint32_t tokens) {
    if (free_places(now_ns) < tokens) {
        return false;
    }
    Token* place = nullptr;
    for (Token& token : tokens_) {
        if (!token.used) {
            place = &token;
            break;
        }
        if (is_stale(token, now_ns) && (place == nullptr || token.left_at < place->left_at)) {
            place = &token;
        }
    }
    if (place == nullptr) {
        return false;
    }
    count_ += place->used ? 0u : 1u;
    *place = {true, vcpu, now_ns, key, progress};
    return true;
}

namespace {

Continuations::Key key_of(const Call& call) {
    const VcpuState& s = *call.v.state;
    Continuations::Key key{s.rip, s.gpr[static_cast<std::uint32_t>(Gpr::rsp)], call.number, {}, call.in_multicall};
    static_assert(std::tuple_size_v<decltype(key.argument)> == Call::max_arguments);
    for (std::uint32_t i = 0; i < Call::max_arguments; ++i) {
        key.argument[i] = call.arg[i];
    }
    return key;
}

} // namespace

bool resume_words(Call& call, Continuations::Progress& progress) {
    if (call.started.value == 0) {
        call.started = call.d.processor.now();
    }
    return call.d.continuations.count() != 0 && call.d.continuations.take(key_of(call), call.v.id, progress);
}

bool suspend_words(Call& call, const Continuations::Progress& progress) {
    const std::uint64_t worked = call.d.processor.now().value - call.started.value;
    if (worked < call.d.config.tsc_khz * slice_us / 1000) {
        return false;
    }
    // The multicall around an entry leaves a token of its own.
    const std::uint32_t tokens = call.in_multicall ? 2 : 1;
    call.again = call.d.continuations.put(key_of(call), call.v.id, progress, call.d.now_ns(), tokens);
    return call.again;
}

} // namespace bulkhead::vcpu
