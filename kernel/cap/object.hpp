// SPDX-License-Identifier: Apache-2.0
// What every kernel object has: a count of the capabilities that name it, a slot that keeps its memory reserved while
// it is being destroyed, slots of its own if it is made to hold capabilities, and the list of internal references that
// must not outlive it.
#pragma once

#include "cap/slot.hpp"

namespace bulkhead::kernel {

class Reference;

class Object {
public:
    explicit Object(ObjectType type, Slot* content = nullptr, std::uint32_t content_count = 0)
        : type_{type}, content_count_{content_count}, content_{content} {}
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    ObjectType type() const { return type_; }
    /// Its last capability has gone; nothing may start to use it.
    bool dying() const { return dying_; }
    /// How many slots name it.
    std::uint32_t capability_count() const { return capabilities_; }

private:
    friend class Capabilities;
    friend class Reference;

    ObjectType type_;
    bool dying_{false};
    std::uint32_t capabilities_{0}; ///< slots that name this object
    std::uint32_t content_count_;
    std::uint32_t cursor_{0}; ///< slots of `content_` emptied so far
    Slot* content_;           ///< what goes with it, in this order
    Object* next_dying_{nullptr};
    Reference* referrers_{nullptr};
    /// Takes over the last capability: the object stays a descendant of its Untyped, so its memory cannot be reused,
    /// until it is gone.
    Slot last_;
};

/// A pointer from one object to another that becomes null when the other is destroyed. Not copyable, not movable: it is
/// linked by address.
class Reference {
public:
    Reference() = default;
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;

    Object* get() const { return object_; }
    void set(Object* object) {
        clear();
        if (object == nullptr) {
            return;
        }
        object_ = object;
        next_ = object->referrers_;
        if (next_ != nullptr) {
            next_->previous_ = this;
        }
        object->referrers_ = this;
    }
    void clear() {
        if (object_ == nullptr) {
            return;
        }
        if (previous_ != nullptr) {
            previous_->next_ = next_;
        } else {
            object_->referrers_ = next_;
        }
        if (next_ != nullptr) {
            next_->previous_ = previous_;
        }
        object_ = nullptr;
        next_ = previous_ = nullptr;
    }

private:
    Object* object_{nullptr};
    Reference* next_{nullptr};
    Reference* previous_{nullptr};
};

/// A typed Reference.
template <typename T> class Ref {
public:
    T* get() const { return static_cast<T*>(reference_.get()); }
    T* operator->() const { return get(); }
    explicit operator bool() const { return reference_.get() != nullptr; }
    void set(T* object) { reference_.set(object); }
    void clear() { reference_.clear(); }

private:
    Reference reference_;
};

} // namespace bulkhead::kernel
