// SPDX-License-Identifier: Apache-2.0
// A value, or the sentence that tells the user why there is none. It must not know: who prints the sentence, or where.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace bulkhead::tools {

struct Failure {
    std::string message;
};

template <typename T> class [[nodiscard]] Outcome {
public:
    Outcome(T value) : value_{std::move(value)} {}                     // NOLINT(google-explicit-constructor)
    Outcome(Failure failure) : message_{std::move(failure.message)} {} // NOLINT(google-explicit-constructor)

    bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }
    const std::string& message() const { return message_; }

    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }

private:
    std::optional<T> value_;
    std::string message_;
};

struct Done {};

} // namespace bulkhead::tools
