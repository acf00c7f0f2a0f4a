// SPDX-License-Identifier: Apache-2.0
// What the tests' machines want of Catch2, where libFuzzer runs them: a broken expectation ends the program.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace bulkhead::fuzz {

[[noreturn]] inline void broken(const char* expectation, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: %s\n", file, line, expectation);
    std::abort();
}

} // namespace bulkhead::fuzz

// NOLINTBEGIN(cppcoreguidelines-macro-usage): Catch2's interface is macros.
#define REQUIRE(...) ((__VA_ARGS__) ? (void)0 : ::bulkhead::fuzz::broken(#__VA_ARGS__, __FILE__, __LINE__))
#define REQUIRE_FALSE(...) REQUIRE(!(__VA_ARGS__))
#define CHECK(...) REQUIRE(__VA_ARGS__)
#define FAIL(text) ::bulkhead::fuzz::broken(text, __FILE__, __LINE__)
#define INFO(...) ((void)0)
// NOLINTEND(cppcoreguidelines-macro-usage)
