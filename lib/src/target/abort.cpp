// SPDX-License-Identifier: Apache-2.0
// Where a component ends when it finds itself broken: an undefined instruction, which the spawner sees as a fault with
// this address in it. It must not know: how to say why; a component that is broken talks to no one.

extern "C" {

[[noreturn]] void abort() {
    __builtin_trap();
}

/// Called by functions whose canary was overwritten.
[[noreturn]] void __stack_chk_fail() { // NOLINT(bugprone-reserved-identifier): the compiler's name
    __builtin_trap();
}

/// Called through the virtual table of a half-made object.
[[noreturn]] void __cxa_pure_virtual() { // NOLINT(bugprone-reserved-identifier): the compiler's name
    __builtin_trap();
}

} // extern "C"

/// Where checked accesses of the C++ library end (std::string_view::substr and the like).
namespace std { // NOLINT(cert-dcl58-cpp): the library's own hook, which it expects the run-time to define
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) { // NOLINT(bugprone-reserved-identifier,cert-dcl50-cpp)
    __builtin_trap();
}
} // namespace std
