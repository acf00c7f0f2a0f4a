// SPDX-License-Identifier: Apache-2.0
// A value or the Status that says why there is none. Errors are values: nothing here panics or throws.
#pragma once

#include <bulkhead/abi/types.hpp>

namespace bulkhead {

template <typename T> class [[nodiscard]] Result {
public:
    // NOLINTNEXTLINE(google-explicit-constructor): return value;
    constexpr Result(T value) : value_{value}, status_{Status::ok} {}
    // NOLINTNEXTLINE(google-explicit-constructor): return Status::busy;
    constexpr Result(Status status) : value_{}, status_{status} {}

    constexpr bool ok() const { return status_ == Status::ok; }
    constexpr explicit operator bool() const { return ok(); }
    constexpr Status status() const { return status_; }
    /// Only meaningful when ok(); a default-constructed T otherwise.
    constexpr const T& value() const { return value_; }
    constexpr const T& operator*() const { return value_; }
    constexpr const T* operator->() const { return &value_; }

private:
    T value_;
    Status status_;
};

} // namespace bulkhead
