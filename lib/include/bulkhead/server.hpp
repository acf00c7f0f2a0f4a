// SPDX-License-Identifier: Apache-2.0
// The loop of a component: take a request or a signal, handle it, answer. A component is one Service object:
//
//     struct Service {
//         using Request = bulkhead_XRequest;  // with a oneof `request`
//         using Reply = bulkhead_XReply;      // with `result`
//         void handle(const Request&, Reply&, ClientId who, CapsIn&, CapsOut&);
//         void on_event(std::uint32_t bit);   // if it has an EventSet
//         Tsc deadline();                     // if it wants to be woken: 0 = not now
//         void on_timeout();
//     };
//
// It must not know: what any request means.
#pragma once

#include <bulkhead/events.hpp>
#include <bulkhead/message.hpp>
#include <bulkhead/sys.hpp>
#include <bulkhead/xen.hpp>

namespace bulkhead {

/// The capabilities that came with a request. What the handler does not take is deleted after it.
class CapsIn {
public:
    constexpr CapsIn() = default;
    /// Copied out of the UTCB, which the handler may overwrite.
    CapsIn(const Utcb& utcb, std::uint32_t count) : count_{count < Utcb::max_caps ? count : Utcb::max_caps} {
        for (std::uint32_t i = 0; i < count_; ++i) {
            items_[i] = utcb.caps[i];
        }
    }

    std::uint32_t count() const { return count_; }
    /// Where the i-th capability is; no_selector if there is none, or it was taken.
    Selector at(std::uint32_t i) const { return i < count_ ? Selector{items_[i].selector} : no_selector; }
    /// What kind it is: the sender may have sent anything. `null` if there is none.
    ObjectType type(std::uint32_t i) const {
        const auto summary = at(i) == no_selector ? Result<CapSummary>{Status::bad_selector} : sys::inspect(at(i));
        return summary ? summary->type : ObjectType::null;
    }
    /// Moves it to an empty slot of the component's.
    [[nodiscard]] Status take(std::uint32_t i, Selector destination) {
        if (at(i) == no_selector) {
            return Status::bad_selector;
        }
        const Status status = sys::move(slot::cap_space, destination, at(i));
        if (status == Status::ok) {
            items_[i].selector = 0;
        }
        return status;
    }
    /// Deletes what is left.
    void drop() {
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (at(i) != no_selector) {
                (void)sys::remove(at(i)); // the slot is empty or it is ours: either way it is empty now
            }
        }
        count_ = 0;
    }

private:
    CapItem items_[Utcb::max_caps]{};
    std::uint32_t count_{0};
};

/// The capabilities that go with a reply.
class CapsOut {
public:
    /// The caller gets a derived copy. False if there is no room.
    bool copy(Selector from, Rights rights) { return add({from.value, rights, 0, 0}); }
    /// The caller gets the capability itself. If it has no room for it, it gets an error instead of the reply and the
    /// capability is deleted.
    bool move(Selector from, Rights rights = Rights::all) { return add({from.value, rights, 1, 0}); }

    std::uint32_t count() const { return count_; }
    const CapItem& item(std::uint32_t i) const { return items_[i]; }
    /// Forgets all, deleting what was to be moved.
    void drop() {
        for (std::uint32_t i = 0; i < count_; ++i) {
            if (items_[i].move != 0) {
                (void)sys::remove(Selector{items_[i].selector});
            }
        }
        count_ = 0;
    }

private:
    bool add(const CapItem& item) {
        if (count_ == Utcb::max_caps) {
            return false;
        }
        items_[count_++] = item;
        return true;
    }

    CapItem items_[Utcb::max_caps]{};
    std::uint32_t count_{0};
};

/// What a component refused, and replies that nobody could take.
struct ServerCounters {
    std::uint64_t requests;
    std::uint64_t malformed;
    std::uint64_t unknown;
    std::uint64_t undelivered;
};

template <typename Service> class Server {
public:
    using Request = typename Service::Request;
    using Reply = typename Service::Reply;

    /// `window`: Utcb::max_caps slots that are empty and are used for nothing else.
    explicit Server(Service& service, Selector window = slot::first_free) : service_{service}, window_{window} {}

    const ServerCounters& counters() const { return counters_; }

    /// Serves for ever. The first reply goes nowhere (see Syscall::reply_wait).
    [[noreturn]] void run() {
        MessageInfo reply{};
        for (;;) {
            reply = step(reply);
        }
    }

    /// Sends a reply, waits for what comes and handles it; returns the next reply.
    MessageInfo step(MessageInfo reply) {
        open_window();
        const sys::CallResult next = sys::reply_wait(reply, deadline());
        settle();
        switch (next.status) {
        case Status::ok:
            return dispatch(next.info);
        case Status::signalled:
            take_events();
            return {};
        case Status::timeout:
            if constexpr (requires { service_.on_timeout(); }) {
                service_.on_timeout();
            }
            return {};
        default:
            return {};
        }
    }

    /// Handles the request in the UTCB and leaves the reply there.
    MessageInfo dispatch(MessageInfo info) {
        Utcb& utcb = sys::utcb();
        const auto who = static_cast<ClientId>(utcb.badge);
        CapsIn in{utcb, info.caps};
        CapsOut out;
        Request request{};
        Reply reply{};
        ++counters_.requests;
        if (info.length > Utcb::data_size || !decode(std::span<const std::uint8_t>{utcb.data, info.length}, request)) {
            ++counters_.malformed;
            reply.result = -XEN_EINVAL;
        } else if (request.which_request == 0) {
            ++counters_.unknown;
            reply.result = -XEN_ENOSYS;
        } else {
            service_.handle(request, reply, who, in, out);
        }
        in.drop();
        // Requests come first in reply_wait: clients that never stop asking must not keep signals away.
        if (++requests_in_a_row_ >= max_requests_in_a_row) {
            take_events();
        }
        return finish(reply, out);
    }

    /// Tells the service every bit that is set in its EventSet.
    void take_events() {
        requests_in_a_row_ = 0;
        if constexpr (requires { service_.on_event(std::uint32_t{0}); }) {
            (void)drain(own_event_page(), [this](std::uint32_t bit) { service_.on_event(bit); });
        }
    }

    /// Before reply_wait: where capabilities may arrive. The handler may have called others with a window of its own.
    void open_window() {
        Utcb& utcb = sys::utcb();
        utcb.receive_selector = window_.value;
        utcb.receive_count = Utcb::max_caps;
    }
    /// After a reply. A caller that had no room for its capabilities has an error instead, and what was to be moved is
    /// still here: it goes, or every such caller would cost a slot. Looks before it handles the next request, which may
    /// use the same slots.
    void settle() {
        for (std::uint32_t i = 0; i < sent_.count(); ++i) {
            const Selector slot{sent_.item(i).selector};
            if (sent_.item(i).move == 0) {
                continue;
            }
            const auto left = sys::inspect(slot);
            if (left && left->type != ObjectType::null) {
                ++counters_.undelivered;
                (void)sys::remove(slot);
            }
        }
        sent_ = CapsOut{};
    }

private:
    static constexpr std::uint32_t max_requests_in_a_row = 16;

    Tsc deadline() {
        if constexpr (requires { service_.deadline(); }) {
            return service_.deadline();
        } else {
            return Tsc{0};
        }
    }
    MessageInfo finish(const Reply& reply, CapsOut& out) {
        Utcb& utcb = sys::utcb();
        const auto length = encode(reply, utcb.data);
        if (!length) { // cannot be: every reply's largest encoding fits a UTCB
            out.drop();
            return {};
        }
        for (std::uint32_t i = 0; i < out.count(); ++i) {
            utcb.caps[i] = out.item(i);
        }
        sent_ = out;
        return {*length, out.count()};
    }
    Service& service_;
    Selector window_;
    ServerCounters counters_{};
    CapsOut sent_{}; ///< with the reply under way
    std::uint32_t requests_in_a_row_{0};
};

} // namespace bulkhead
