// SPDX-License-Identifier: Apache-2.0
// A machine on the build host: the real kernel's objects, capabilities, calls, signals and mappings, under the fake
// architecture, with components whose code is the test's. sys::raw, sys::utcb and sys::pointer act for the component
// that runs: a call runs the handler of the component behind the portal, to its end, before it returns. There is no
// scheduling, no vCPU and no time.
//
//     sim::Machine machine;
//     sim::Component& grant = machine.add("grant");
//     sim::Component& client = machine.add("client");
//     machine.connect(client, slot::grant, grant, ClientId::memory);
//     Server<grant::Service> server{service};
//     machine.serve(grant, server);
//     machine.run_as(client, [&] { REQUIRE(rpc(slot::grant, request, reply) == Status::ok); });
//
// It must not know: any component.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <bulkhead/sys.hpp>

namespace bulkhead::sim {

class Machine;

/// Something that holds capabilities and runs. Made by Machine::add.
class Component {
public:
    const std::string& name() const { return name_; }

private:
    friend class Machine;
    struct Handler {
        std::function<void()> open;                     ///< before it waits
        std::function<MessageInfo(MessageInfo)> handle; ///< a request is in its UTCB; leaves the reply there
        std::function<void()> settle;                   ///< after the reply
        std::function<void()> signalled;                ///< bits are set in its event page
    };
    std::string name_;
    Selector cap_space_{}, address_space_{}, thread_{}, events_{}, portal_{}; ///< in the machine's own space
    Handler handler_;
    bool serving_{false};
};

class Machine {
public:
    static constexpr std::uint64_t default_memory = 32u << 20;
    static constexpr std::uint32_t default_slots = 4096;

    explicit Machine(std::uint64_t memory_bytes = default_memory);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// A component with the standard slots (slots.hpp), UTCB and event page.
    Component& add(std::string name, std::uint32_t slots = default_slots);
    /// A first task as the kernel makes it: the slots and the page of boot_info.hpp. `untypeds`: sizes, largest first,
    /// multiples of 2 MiB. `image`: content of the second boot module.
    Component& add_first_task(std::span<const std::uint64_t> untypeds, std::span<const std::uint8_t> image,
                              std::uint32_t debug_exit_port);
    /// A component that `holder` has made of objects in these slots: it can be served, inspected and killed like the
    /// others.
    Component& adopt(std::string name, Component& holder, Selector cap_space, Selector address_space, Selector thread,
                     Selector events);

    /// Gives it memory of its own in slot::untyped, or elsewhere.
    void give_untyped(Component& component, std::uint64_t bytes, Selector at = slot::untyped);
    /// Gives `caller` a portal of `callee`, badged; or an unbadged one with the right to derive.
    void connect(Component& caller, Selector at, Component& callee, ClientId badge);
    void connect_master(Component& caller, Selector at, Component& callee);
    /// Gives `holder` a capability to another one's event set: badged [write], or unbadged with these rights.
    void give_sender(Component& holder, Selector at, Component& receiver, std::uint32_t bit);
    void give_events(Component& holder, Selector at, Component& receiver, Rights rights);
    /// Makes an object in a slot of the component, with all rights.
    void make(Component& component, ObjectType type, std::uint64_t size, Selector at);
    /// Puts a range that no Untyped covers: IoPorts, Interrupt (word = first, size = count), CpuTime (mask, priority).
    void give_range(Component& component, ObjectType type, std::uint64_t word, std::uint64_t size, Rights rights,
                    Selector at);
    /// Copies a capability with these rights from one component to another.
    void copy(Component& from, Selector source, Component& to, Selector destination, Rights rights);

    /// Runs `work` as that component.
    template <typename F> void run_as(Component& component, F&& work) {
        enter(component);
        const Leave leave{*this};
        work();
    }

    /// Requests to the component's portal go to `server` (a Server<...>), and so do signals to its event set.
    template <typename S> void serve(Component& component, S& server) {
        start_serving(component, {[&server] { server.open_window(); },
                                  [&server](MessageInfo info) { return server.dispatch(info); },
                                  [&server] { server.settle(); }, [&server] { server.take_events(); }});
    }
    /// The same with bare functions: `handle` gets a request in the UTCB and leaves the reply there.
    void serve(Component& component, std::function<MessageInfo(MessageInfo)> handle,
               std::function<void()> signalled = {});
    /// Stops the component's thread, as a fault would: its callers get `aborted`.
    void kill(Component& component);

    /// What a slot of the component holds; type null for an empty one.
    CapSummary inspect(const Component& component, Selector at) const;
    /// How many slots of the component are not empty.
    std::uint32_t used_slots(const Component& component) const;
    /// The bytes that a Region, or a page that an object shares, consists of, wherever it is mapped.
    std::span<std::uint8_t> memory_of(const Component& component, Selector at) const;
    /// What the component's address space shows there: nullptr if nothing is mapped.
    void* pointer(const Component& component, UserVirt address) const;
    /// Which of those rights the mapping there has; none if there is no mapping.
    Rights rights_at(const Component& component, UserVirt address) const;
    /// Guest-physical page -> host memory, through a Stage2's tables; nullptr if nothing is mapped.
    void* guest_pointer(const Component& component, Selector stage2, GuestPhys address) const;
    /// Everything that an AddressSpace or Stage2 translates, by its tables.
    struct Leaf {
        std::uint64_t address;
        std::uint8_t* memory;
        std::uint64_t bytes;
        bool writable, executable;
    };
    std::vector<Leaf> leaves(const Component& component, Selector space) const;
    /// The component's event page, to look at without draining.
    EventPage& event_page(const Component& component) const;
    /// Ports that components wrote.
    const std::vector<std::pair<std::uint16_t, std::uint32_t>>& port_writes() const;

    /// One system call of the running component.
    sys::Raw system_call(const std::uint64_t (&arguments)[7]);
    Utcb& utcb();
    void* pointer(UserVirt address);
    static Machine& current();

private:
    struct State;
    struct Leave {
        Machine& machine;
        ~Leave() { machine.leave(); }
    };

    void enter(Component& component);
    void leave();
    Component& new_component(std::string name);
    void start_serving(Component& component, Component::Handler handler);
    void wait_for_request(Component& component, MessageInfo reply);
    void serve_call(Component& component);
    void deliver_signals();
    Component* find_serving(const void* thread);

    std::unique_ptr<State> state_;
};

} // namespace bulkhead::sim
