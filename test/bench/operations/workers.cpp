// SPDX-License-Identifier: Apache-2.0
// More threads: two instances of this program, made as root makes components, and a thread of its own.
// It must not know: what is measured.
#include <bulkhead/events.hpp>
#include <bulkhead/spawn.hpp>

#include "operations.hpp"
#include "test/first_task/second_thread.hpp"

namespace bulkhead::operations {
namespace {

// Above the kernel's priority for the first task.
constexpr std::uint32_t priority = 62;
constexpr std::uint64_t worker_memory = 4ull << 20;
constexpr UserVirt image_window{0x2000'0000'0000};
constexpr UserVirt spawn_window{0x2100'0000'0000};
/// In the first task and in the waiter.
constexpr UserVirt shared_address{0x7000'4000'0000};
constexpr Rights both = Rights::read | Rights::write;

struct Shared {
    std::uint64_t ran_at;
};
volatile Shared& shared() {
    return *static_cast<volatile Shared*>(sys::pointer(shared_address));
}

constexpr Selector worker_slot(std::uint32_t worker, std::uint32_t offset) {
    return Selector{own_slot::first_worker.value + worker * own_slot::slots_per_worker + offset};
}

Spawned spawn_worker(const ElfImage& image, std::uint32_t worker, Work what) {
    make(ObjectType::untyped, worker_memory, worker_slot(worker, 0));
    SpawnPlan plan{};
    plan.image = image;
    plan.untyped = worker_slot(worker, 0);
    plan.first_slot = worker_slot(worker, 1);
    plan.window = spawn_window;
    plan.cap_slots = 64;
    plan.address_space_pages = spawn_table_pages + 4;
    plan.cpu_time = Selector{boot_slot::cpu_time};
    plan.priority = priority;
    plan.argument = static_cast<std::uint64_t>(what);
    Spawned result{};
    expect_ok(spawn(plan, result), "a worker is made");
    return result;
}

/// A thread of this program's.
Selector start_near_server(std::uint32_t worker) {
    const SecondThread slots{worker_slot(worker, 0), worker_slot(worker, 1), worker_slot(worker, 2)};
    expect_ok(start_second_thread(own_slot::memory, slots, priority, static_cast<std::uint64_t>(Work::serve)),
              "a thread of its own starts");
    return slots.portal;
}

[[noreturn]] void serve() {
    MessageInfo message{};
    for (;;) {
        message = sys::reply_wait(message).info;
    }
}

[[noreturn]] void wait_for_signals() {
    for (;;) {
        (void)sys::wait(slot::events);
        shared().ran_at = ticks_now();
        (void)drain(own_event_page(), [](std::uint32_t) {});
    }
}

} // namespace

Workers start_workers(Selector image, std::uint64_t image_bytes) {
    expect_ok(sys::map(image, slot::address_space, image_window.value, Rights::read), "its own file can be read");
    ElfImage program;
    expect(ElfImage::parse({static_cast<const std::uint8_t*>(sys::pointer(image_window)), image_bytes}, program) ==
               ElfError::none,
           "its own file is a program");
    const Spawned server = spawn_worker(program, 0, Work::serve);
    expect_ok(sys::thread_start(server.thread), "the server starts");

    const Spawned waiter = spawn_worker(program, 1, Work::wait);
    const Selector second_place = worker_slot(1, 1 + spawn_slots);
    const Selector bell = worker_slot(1, 2 + spawn_slots);
    make(ObjectType::region, page_size, own_slot::shared);
    expect_ok(sys::mint(slot::cap_space, second_place, own_slot::shared, both), "the shared page, once more");
    expect_ok(sys::map(own_slot::shared, slot::address_space, shared_address.value, both), "the shared page");
    expect_ok(sys::map(second_place, waiter.address_space, shared_address.value, both), "the waiter's shared page");
    expect_ok(sys::mint_badge(slot::cap_space, bell, waiter.events, Rights::write, 0), "the waiter's signal");
    expect_ok(sys::thread_start(waiter.thread), "the waiter starts");
    return {server.portal, start_near_server(2), bell};
}

void work(Work what) {
    if (what == Work::serve) {
        serve();
    }
    wait_for_signals();
}

std::uint64_t waiter_ran_at() {
    return shared().ran_at;
}

} // namespace bulkhead::operations
