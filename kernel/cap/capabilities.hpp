// SPDX-License-Identifier: Apache-2.0
// The operations on capabilities: retype, mint, move, delete, revoke. Self-contained: what an object is made of, how a
// mapping is undone and when to stop for an interrupt it asks its Environment.
//
// Rules that the property tests check after every operation:
//  - rights of a capability are a subset of its parent's, its range lies within its parent's;
//  - every object is named by as many slots as it counts;
//  - two live ranges made from one Untyped overlap only if one descends from the other;
//  - after `revoke` a capability has no descendants and no object that only they named exists.
#pragma once

#include "cap/cap_space.hpp"

namespace bulkhead::kernel {

/// Outcome of one bounded step of something long.
enum class Step : std::uint8_t {
    done,
    more,
    wait ///< not before another CPU has left the object: come back
};

/// Outcome of a preemptible operation: either its Status, or "call again with the same arguments".
struct [[nodiscard]] Completion {
    Status status{Status::ok};
    bool preempted{false};
};

/// What the library must ask for. One implementation in the kernel, others in host tests.
class Environment {
public:
    /// Memory that `size` of an object of this type takes; 0: no such size. Alignment in `alignment`.
    virtual std::uint64_t object_bytes(ObjectType type, std::uint64_t size, std::uint64_t& alignment) = 0;
    virtual void zero(HostPhys memory, std::uint64_t bytes) = 0;
    /// Constructs an object in zeroed memory. Cannot fail; bounded.
    virtual Object* construct(ObjectType type, HostPhys memory, std::uint64_t size) = 0;
    /// One bounded step of ending what the object does. A CapSpace's content is the library's own business.
    virtual Step destroy(Object& object) = 0;
    /// One bounded step of undoing the mapping made through `slot`; `done`: no CPU translates through it any more and
    /// the slot's mapping fields are cleared.
    virtual Step unmap(Slot& slot) = 0;
    /// True if an interrupt waits: stop at the next point where that is possible.
    virtual bool preempt() = 0;

protected:
    ~Environment() = default;
};

class Capabilities {
public:
    constexpr explicit Capabilities(Environment& environment) : environment_{environment} {}

    /// See methods.hpp, `retype`. `destination`: first of `count` consecutive slots.
    Completion retype(Slot& untyped, ObjectType type, std::uint64_t size, CapSpace& space, Selector destination,
                      std::uint32_t count);
    /// See methods.hpp, `mint`. Constant time.
    [[nodiscard]] Status mint(Slot& destination, Slot& source, Rights rights, std::uint64_t a, std::uint64_t b);
    /// See methods.hpp, `move`. Bounded by move_limit children.
    [[nodiscard]] Status move(Slot& destination, Slot& source);
    /// See methods.hpp, `delete`. Preempted with the slot empty already, it goes on with `finish`.
    Completion remove(Slot& slot);
    /// Ends what is still being destroyed.
    Completion finish();
    /// See methods.hpp, `revoke`.
    Completion revoke(Slot& slot);

    /// Puts a first capability, one without a parent, into an empty slot (boot only).
    void insert_root(Slot& slot, const Capability& capability);
    /// Puts a capability that the caller has checked into an empty slot. Constant time.
    void fill(Slot& slot, const Capability& capability, Slot* parent);
    /// One step for objects that a thread left dying, because it destroyed itself.
    Step reap_one();

    static constexpr std::uint32_t move_limit = 64;
    static constexpr std::uint64_t zero_chunk = 64 * 1024;
    static constexpr std::uint32_t max_count = 256;

private:
    Step remove_step(Slot& slot);
    Step reap_step();
    Step destroy_step(Object& object);
    Environment& environment_;
    Object* dying_{nullptr};
};

} // namespace bulkhead::kernel
