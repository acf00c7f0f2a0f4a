// SPDX-License-Identifier: Apache-2.0
// The simulated machine's inside: real kernel objects, system calls through the kernel's own handlers. What is
// simulated is only who runs: the thread behind a call runs at once, on the host's stack.
#include "sim.hpp"

#include <cstdlib>
#include <new>
#include <stdexcept>

#include <sys/mman.h>

#include "entry/syscall.hpp"
#include "fake.hpp"
#include "object/control.hpp"
#include "object/event_set.hpp"
#include "object/kernel_objects.hpp"
#include "object/mapping.hpp"
#include "object/portal.hpp"
#include "object/vcpu.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::sim {
namespace {

using namespace bulkhead::kernel;

constexpr std::uint32_t own_slots = 2048;
constexpr std::uint32_t address_space_pages = 512;
constexpr Selector machine_untyped{1};
constexpr Selector ram{2};
constexpr std::uint32_t first_own_slot = 8;
constexpr auto both = static_cast<std::uint64_t>(Rights::read | Rights::write);

Machine* the_machine = nullptr;

void require(bool condition, const char* what) {
    if (!condition) {
        throw std::logic_error{std::string{"simulated machine: "} + what};
    }
}

struct Aligned {
    /// Zero, and in the host's memory only where it is touched.
    explicit Aligned(std::uint64_t bytes)
        : mapped{mmap(nullptr, bytes + large_page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)},
          size{bytes} {
        require(mapped != MAP_FAILED, "no memory");
        const auto start = reinterpret_cast<std::uint64_t>(mapped);
        data = static_cast<std::uint8_t*>(mapped) + (large_page_size - start % large_page_size) % large_page_size;
    }
    ~Aligned() { munmap(mapped, size + large_page_size); }
    Aligned(const Aligned&) = delete;
    Aligned& operator=(const Aligned&) = delete;
    void* mapped;
    std::uint64_t size;
    void* data{nullptr};
};

constexpr std::uint64_t round_up(std::uint64_t bytes) {
    return (bytes + large_page_size - 1) & ~(large_page_size - 1);
}

void set_arguments(Thread& thread, const std::uint64_t (&a)[7]) {
    auto& g = thread.frame.gpr;
    g[0] = a[0];
    g[7] = a[1];
    g[6] = a[2];
    g[2] = a[3];
    g[10] = a[4];
    g[8] = a[5];
    g[9] = a[6];
}
Status result_of(const Thread& thread) {
    return static_cast<Status>(thread.frame.gpr[0]);
}
std::uint64_t value_of(const Thread& thread) {
    return thread.frame.gpr[2];
}

/// Restarts what was preempted, as the processor would execute the instruction again.
void enter_kernel(Thread& thread, const std::uint64_t (&arguments)[7]) {
    for (;;) {
        const std::uint64_t rip = thread.frame.rip;
        set_arguments(thread, arguments);
        handle_syscall(thread);
        if (thread.frame.rip == rip) {
            return;
        }
        thread.frame.rip = rip;
    }
}

} // namespace

struct Machine::State {
    explicit State(std::uint64_t memory_bytes)
        : memory{round_up(memory_bytes)},
          space_memory{round_up(CapSpace::bytes(own_slots))}, space{new (space_memory.data) CapSpace{own_slots}} {}

    Slot& slot(Selector at) {
        Slot* const found = space->lookup(at);
        require(found != nullptr, "no such slot");
        return *found;
    }
    template <typename T> T& object(Selector at) { return static_cast<T&>(*slot(at).capability.object()); }
    Thread& thread(const Component& c) { return object<Thread>(c.thread_); }
    Slot& slot_of(const Component& c, Selector at) {
        Slot* const found = object<CapSpace>(c.cap_space_).lookup(at);
        require(found != nullptr, "no such slot");
        return *found;
    }
    Selector make(ObjectType type, std::uint64_t size) {
        const Selector at{next_slot++};
        const Completion made = capabilities.retype(slot(ram), type, size, *space, at, 1);
        require(made.status == Status::ok, "out of memory: ask Machine for more");
        return at;
    }
    void mint(const Component& to, Selector at, Slot& from, Rights rights, std::uint64_t a = 0) {
        require(capabilities.mint(slot_of(to, at), from, rights, a, 0) == Status::ok, "cannot give a capability");
    }
    bool active(const Component& c) const {
        for (const Component* each : running) {
            if (each == &c) {
                return true;
            }
        }
        return false;
    }

    Aligned memory;
    Aligned space_memory;
    CapSpace* space;
    std::uint32_t next_slot{first_own_slot};
    std::vector<std::unique_ptr<Component>> components;
    std::vector<Component*> running; ///< innermost last
};

Machine::Machine(std::uint64_t memory_bytes) {
    require(the_machine == nullptr, "one at a time");
    fake::reset(1);
    state_ = std::make_unique<State>(memory_bytes);
    Capability all;
    all.type = ObjectType::untyped;
    all.rights = Rights::all;
    all.word = reinterpret_cast<std::uint64_t>(state_->memory.data);
    all.size = state_->memory.size;
    capabilities.insert_root(state_->slot(machine_untyped), all);
    const Completion made =
        capabilities.retype(state_->slot(machine_untyped), ObjectType::untyped, all.size, *state_->space, ram, 1);
    require(made.status == Status::ok, "no memory");
    the_machine = this;
}

Machine::~Machine() {
    *cpus[0] = Cpu{};
    static_cast<void>(capabilities.revoke(state_->slot(machine_untyped)));
    static_cast<void>(capabilities.remove(state_->slot(machine_untyped)));
    the_machine = nullptr;
}

Machine& Machine::current() {
    require(the_machine != nullptr, "there is none");
    return *the_machine;
}

Component& Machine::new_component(std::string name) {
    state_->components.push_back(std::make_unique<Component>());
    Component& c = *state_->components.back();
    c.name_ = std::move(name);
    return c;
}

Component& Machine::add(std::string name, std::uint32_t slots) {
    State& s = *state_;
    Component& c = new_component(std::move(name));
    c.cap_space_ = s.make(ObjectType::cap_space, slots);
    c.address_space_ = s.make(ObjectType::address_space, address_space_pages);
    c.thread_ = s.make(ObjectType::thread, 0);
    c.events_ = s.make(ObjectType::event_set, 0);
    c.portal_ = s.make(ObjectType::portal, 0);
    auto& space = s.object<AddressSpace>(c.address_space_);
    Thread& thread = s.thread(c);
    thread.capabilities.set(&s.object<CapSpace>(c.cap_space_));
    thread.memory.set(&space);
    constexpr std::uint64_t somewhere = 0x40'0000; // nothing runs there
    arch::init_frame(thread.frame, somewhere, layout::stack_top.value, 0);
    thread.configured = true;
    thread.budget.present = true;
    auto& events = s.object<EventSet>(c.events_);
    events.bound.set(&thread);
    thread.events.set(&events);
    s.object<kernel::Portal>(c.portal_).handler.set(&thread);
    kernel::scheduler::resume(thread);
    require(kernel::map(s.slot(c.thread_), space, layout::utcb_address.value, both).status == Status::ok, "UTCB");
    require(kernel::map(s.slot(c.events_), space, layout::event_page_address.value, both).status == Status::ok,
            "event page");
    s.mint(c, slot::cap_space, s.slot(c.cap_space_), Rights::control);
    s.mint(c, slot::address_space, s.slot(c.address_space_), Rights::map);
    s.mint(c, slot::thread, s.slot(c.thread_), Rights::none);
    s.mint(c, slot::events, s.slot(c.events_), Rights::read | Rights::write | Rights::derive);
    return c;
}

Component& Machine::add_first_task(std::span<const std::uint64_t> untypeds, std::span<const std::uint8_t> image,
                                   std::uint32_t debug_exit_port) {
    State& s = *state_;
    Component& c = new_component("root");
    c.cap_space_ = s.make(ObjectType::cap_space, 1u << 13);
    c.address_space_ = s.make(ObjectType::address_space, address_space_pages);
    c.thread_ = s.make(ObjectType::thread, 0);
    auto& space = s.object<AddressSpace>(c.address_space_);
    Thread& thread = s.thread(c);
    thread.capabilities.set(&s.object<CapSpace>(c.cap_space_));
    thread.memory.set(&space);
    thread.configured = true;
    thread.budget.present = true;
    kernel::scheduler::resume(thread);
    s.mint(c, Selector{boot_slot::cap_space}, s.slot(c.cap_space_), Rights::all);
    s.mint(c, Selector{boot_slot::address_space}, s.slot(c.address_space_), Rights::all);
    s.mint(c, Selector{boot_slot::thread}, s.slot(c.thread_), Rights::all);
    give_range(c, ObjectType::interrupt, 0, 24, Rights::all, Selector{boot_slot::interrupts});
    give_range(c, ObjectType::io_ports, 0, 0x10000, Rights::all, Selector{boot_slot::io_ports});
    give_range(c, ObjectType::cpu_time, 1, max_priority, Rights::all, Selector{boot_slot::cpu_time});
    require(kernel::map(s.slot(c.thread_), space, root_utcb_address.value, both).status == Status::ok, "UTCB");

    const Selector info_page = s.make(ObjectType::region, page_size);
    require(kernel::map(s.slot(info_page), space, boot_info_address.value, static_cast<std::uint64_t>(Rights::read))
                    .status == Status::ok,
            "boot information");
    auto& info = *new (pointer(c, boot_info_address)) BootInfo{};
    info.magic = boot_info_magic;
    info.abi_version = kernel_abi_version;
    info.cpu_count = 1;
    info.tsc_khz = arch::tsc_khz();
    info.debug_exit_port = debug_exit_port;
    info.untyped_count = static_cast<std::uint32_t>(untypeds.size());
    for (std::uint32_t i = 0; i < info.untyped_count; ++i) {
        info.untyped_size[i] = untypeds[i];
        make(c, ObjectType::untyped, untypeds[i], Selector{boot_slot::first_untyped + i});
    }
    if (!image.empty()) {
        info.module_count = 1;
        info.module_size[0] = image.size();
        const std::uint64_t bytes = (image.size() + page_size - 1) & ~(page_size - 1);
        const Selector module = s.make(ObjectType::region, bytes);
        __builtin_memcpy(reinterpret_cast<void*>(s.slot(module).capability.word), image.data(), image.size());
        s.mint(c, Selector{boot_slot::first_module}, s.slot(module), Rights::read | Rights::derive);
    }
    return c;
}

Component& Machine::adopt(std::string name, Component& holder, Selector cap_space, Selector address_space,
                          Selector thread, Selector events) {
    State& s = *state_;
    Component& c = new_component(std::move(name));
    const auto take = [&](Selector from) {
        const Selector at{s.next_slot++};
        require(capabilities.mint(s.slot(at), s.slot_of(holder, from), Rights::all, 0, 0) == Status::ok, "adopt");
        return at;
    };
    c.cap_space_ = take(cap_space);
    c.address_space_ = take(address_space);
    c.thread_ = take(thread);
    c.events_ = take(events);
    return c;
}

void Machine::make(Component& component, ObjectType type, std::uint64_t size, Selector at) {
    const Selector made = state_->make(type, size);
    require(capabilities.move(state_->slot_of(component, at), state_->slot(made)) == Status::ok, "slot in use");
}

void Machine::give_untyped(Component& component, std::uint64_t bytes, Selector at) {
    make(component, ObjectType::untyped, bytes, at);
}

void Machine::connect(Component& caller, Selector at, Component& callee, ClientId badge) {
    state_->mint(caller, at, state_->slot(callee.portal_), Rights::write,
                 static_cast<std::uint64_t>(badge) | mint_badged);
}

void Machine::connect_master(Component& caller, Selector at, Component& callee) {
    state_->mint(caller, at, state_->slot(callee.portal_), Rights::write | Rights::derive);
}

void Machine::give_sender(Component& holder, Selector at, Component& receiver, std::uint32_t bit) {
    state_->mint(holder, at, state_->slot(receiver.events_), Rights::write, bit | mint_badged);
}

void Machine::give_events(Component& holder, Selector at, Component& receiver, Rights rights) {
    state_->mint(holder, at, state_->slot(receiver.events_), rights);
}

void Machine::give_range(Component& component, ObjectType type, std::uint64_t word, std::uint64_t size, Rights rights,
                         Selector at) {
    Capability range;
    range.type = type;
    range.rights = rights;
    range.word = word;
    range.size = size;
    capabilities.insert_root(state_->slot_of(component, at), range);
}

void Machine::copy(Component& from, Selector source, Component& to, Selector destination, Rights rights) {
    state_->mint(to, destination, state_->slot_of(from, source), rights);
}

// --- who runs

void Machine::enter(Component& component) {
    state_->running.push_back(&component);
}

void Machine::leave() {
    state_->running.pop_back();
}

void Machine::serve(Component& component, std::function<MessageInfo(MessageInfo)> handle,
                    std::function<void()> signalled) {
    start_serving(component, {[] {}, std::move(handle), [] {}, std::move(signalled)});
}

void Machine::start_serving(Component& component, Component::Handler handler) {
    component.handler_ = std::move(handler);
    component.serving_ = true;
    run_as(component, [&] { wait_for_request(component, {}); });
}

/// What a component's loop does between one request and the next time that nothing is there for it.
void Machine::wait_for_request(Component& component, MessageInfo reply) {
    Thread& thread = state_->thread(component);
    for (;;) {
        component.handler_.open();
        enter_kernel(thread, {static_cast<std::uint64_t>(Syscall::reply_wait), 0, reply.pack(), 0, 0, 0, 0});
        const bool waits = thread.state == Thread::State::receiving;
        const Status status = result_of(thread);
        const MessageInfo request = MessageInfo::unpack(value_of(thread));
        component.handler_.settle();
        if (waits) {
            return;
        }
        reply = {};
        if (status == Status::ok) {
            reply = component.handler_.handle(request);
        } else if (component.handler_.signalled) {
            component.handler_.signalled();
        } else {
            // Nobody looks at the bits; they must not wake it again.
            EventPage& page = state_->object<EventSet>(component.events_).page();
            __builtin_memset(page.summary, 0, sizeof page.summary);
        }
    }
}

/// A call has begun: its handler runs to its end.
void Machine::serve_call(Component& component) {
    Thread& thread = state_->thread(component);
    const MessageInfo request = MessageInfo::unpack(value_of(thread));
    run_as(component, [&] { wait_for_request(component, component.handler_.handle(request)); });
}

Component* Machine::find_serving(const void* thread) {
    for (const auto& each : state_->components) {
        if (each->serving_ && &state_->thread(*each) == thread) {
            return each.get();
        }
    }
    return nullptr;
}

/// Components that a signal has woken run until they wait again.
void Machine::deliver_signals() {
    for (std::size_t i = 0; i < state_->components.size(); ++i) {
        Component& each = *state_->components[i];
        Thread& thread = state_->thread(each);
        if (!each.serving_ || state_->active(each) || thread.state != Thread::State::running) {
            continue;
        }
        run_as(each, [&] {
            if (each.handler_.signalled) {
                each.handler_.signalled();
            }
            wait_for_request(each, {});
        });
    }
}

sys::Raw Machine::system_call(const std::uint64_t (&arguments)[7]) {
    require(!state_->running.empty(), "nobody runs: use run_as");
    Thread& thread = state_->thread(*state_->running.back());
    enter_kernel(thread, arguments);
    if (thread.state == Thread::State::calling) {
        Component* const handler = find_serving(thread.callee);
        require(handler != nullptr && thread.callee->caller == &thread, "the component that is called does not serve");
        serve_call(*handler);
    }
    const bool is_wait = arguments[0] == static_cast<std::uint64_t>(Syscall::wait);
    const bool is_receive = arguments[0] == static_cast<std::uint64_t>(Syscall::reply_wait);
    if ((is_wait && thread.state == Thread::State::waiting) ||
        (is_receive && thread.state == Thread::State::receiving)) {
        require(arguments[is_wait ? 2 : 5] != 0, "a component waits for ever");
        on_deadline(thread);
    }
    const sys::Raw result{result_of(thread), value_of(thread)};
    deliver_signals();
    return result;
}

void Machine::kill(Component& component) {
    component.serving_ = false;
    kernel::fault(state_->thread(component), 6, 0, 0);
    deliver_signals();
}

// --- looking at things

Utcb& Machine::utcb() {
    require(!state_->running.empty(), "nobody runs: use run_as");
    return state_->thread(*state_->running.back()).utcb();
}

void* Machine::pointer(UserVirt address) {
    require(!state_->running.empty(), "nobody runs: use run_as");
    return pointer(*state_->running.back(), address);
}

void* Machine::pointer(const Component& component, UserVirt address) const {
    const auto leaf = HostTree{state_->object<AddressSpace>(component.address_space_).root()}.lookup(address.value);
    return leaf.present ? reinterpret_cast<void*>(leaf.frame.value + address.value % leaf.bytes) : nullptr;
}

Rights Machine::rights_at(const Component& component, UserVirt address) const {
    const auto leaf = HostTree{state_->object<AddressSpace>(component.address_space_).root()}.lookup(address.value);
    if (!leaf.present) {
        return Rights::none;
    }
    return Rights::read | (leaf.flags.write ? Rights::write : Rights::none) |
           (leaf.flags.execute ? Rights::execute : Rights::none);
}

void* Machine::guest_pointer(const Component& component, Selector stage2, GuestPhys address) const {
    auto* const space = static_cast<Stage2*>(state_->slot_of(component, stage2).capability.object());
    const auto leaf = NestedTree{space->root()}.lookup(address.value);
    return leaf.present ? reinterpret_cast<void*>(leaf.frame.value + address.value % leaf.bytes) : nullptr;
}

namespace {

/// The lower half of the tree under `table`: what is above is the kernel's.
void collect(HostPhys table, std::uint32_t level, std::uint64_t base, std::vector<Machine::Leaf>& found) {
    const auto* const entries = reinterpret_cast<const std::uint64_t*>(table.value);
    const std::uint64_t span = std::uint64_t{1} << (page_shift + 9 * (level - 1));
    for (std::uint64_t i = 0; i < (level == HostFormat::levels ? 256 : 512); ++i) {
        const std::uint64_t address = base + i * span;
        if (!HostFormat::present(entries[i])) {
            continue;
        }
        const HostPhys to = HostFormat::frame(entries[i]);
        if (!HostFormat::leaf(entries[i], level)) {
            collect(to, level - 1, address, found);
            continue;
        }
        const PageFlags flags = HostFormat::flags(entries[i]);
        found.push_back({address, reinterpret_cast<std::uint8_t*>(to.value), span, flags.write, flags.execute});
    }
}

} // namespace

std::vector<Machine::Leaf> Machine::leaves(const Component& component, Selector space) const {
    std::vector<Leaf> found;
    const auto& object = static_cast<const Space&>(*state_->slot_of(component, space).capability.object());
    collect(object.root(), HostFormat::levels, 0, found);
    return found;
}

CapSummary Machine::inspect(const Component& component, Selector at) const {
    const Capability& c = state_->slot_of(component, at).capability;
    return {c.type, c.rights, c.badged, c.badged ? static_cast<std::uint32_t>(c.badge) : 0};
}

std::uint32_t Machine::used_slots(const Component& component) const {
    auto& space = state_->object<CapSpace>(component.cap_space_);
    std::uint32_t used = 0;
    for (std::uint32_t i = 1; i < space.slot_count(); ++i) {
        used += space.lookup(Selector{i})->empty() ? 0u : 1u;
    }
    return used;
}

std::span<std::uint8_t> Machine::memory_of(const Component& component, Selector at) const {
    const Capability& c = state_->slot_of(component, at).capability;
    switch (c.type) {
    case ObjectType::region:
        return {reinterpret_cast<std::uint8_t*>(c.word), c.size};
    case ObjectType::thread:
        return {reinterpret_cast<std::uint8_t*>(static_cast<Thread*>(c.object())->utcb_frame().value), page_size};
    case ObjectType::event_set:
        return {reinterpret_cast<std::uint8_t*>(static_cast<EventSet*>(c.object())->page_frame().value), page_size};
    case ObjectType::vcpu:
        return {reinterpret_cast<std::uint8_t*>(static_cast<Vcpu*>(c.object())->state_frame().value), page_size};
    default:
        return {};
    }
}

EventPage& Machine::event_page(const Component& component) const {
    return state_->object<EventSet>(component.events_).page();
}

const std::vector<std::pair<std::uint16_t, std::uint32_t>>& Machine::port_writes() const {
    return fake::machine.port_writes;
}

} // namespace bulkhead::sim

namespace bulkhead::sys {

Raw raw(Syscall number, std::uint64_t a0, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
        std::uint64_t a5) {
    return sim::Machine::current().system_call({static_cast<std::uint64_t>(number), a0, a1, a2, a3, a4, a5});
}
Utcb& utcb() {
    return sim::Machine::current().utcb();
}
void* pointer(UserVirt address) {
    return sim::Machine::current().pointer(address);
}

} // namespace bulkhead::sys
