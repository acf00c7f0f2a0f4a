// SPDX-License-Identifier: Apache-2.0
// Exceptions and interrupts of a tiny guest. An exception inside `attempt` ends the attempt and tells its vector; any
// other is the end of the guest, with a report.
#pragma once

#include "arch.hpp"

namespace bulkhead::guest {

/// Fills and loads the IDT.
void install_traps();
/// Loads it on another CPU.
void load_traps();

using InterruptHandler = void (*)();
/// Who is called for that vector (an exception's, too); interrupts without a handler are counted and ignored.
void set_interrupt_handler(std::uint8_t vector, InterruptHandler handler);
std::uint64_t stray_interrupts();

extern "C" unsigned attempt_call(void (*function)(void*), void* argument);

/// Runs `body`. Returns 0, or 1 + the vector of the exception that ended it.
template <typename F> [[nodiscard]] unsigned attempt(F&& body) {
    auto* argument = &body;
    return attempt_call([](void* f) { (*static_cast<decltype(argument)>(f))(); }, argument);
}

} // namespace bulkhead::guest
