// SPDX-License-Identifier: Apache-2.0
// The clerk's work and root's way to deal with it.
// It must not know: why root wants something.
#include "clerk.hpp"

#include <bulkhead/events.hpp>
#include <bulkhead/log.hpp>
#include <bulkhead/rpc.hpp>

#include <console.pb.h>
#include <domain.pb.h>

#include "slots.hpp"

namespace bulkhead::root {

// --- the clerk's thread

bool ClerkWorker::work() {
    bool did_something = false;
    char line[max_log_line];
    std::size_t length = 0;
    while (desk_.lines.pop(line, length)) {
        send_line({line, length});
        desk_.progress.fetch_add(1, std::memory_order_release);
        did_something = true;
    }
    const std::uint32_t wanted = desk_.wanted.exchange(0, std::memory_order_acquire);
    if ((wanted & static_cast<std::uint32_t>(Errand::print_monitors)) != 0) {
        bulkhead_DomainRequest request{};
        request.which_request = bulkhead_DomainRequest_print_capabilities_tag;
        bulkhead_DomainReply reply{};
        (void)rpc(root_slot::domain, request, reply); // a domain component that is gone has no monitors
    }
    if ((wanted & static_cast<std::uint32_t>(Errand::flush)) != 0) {
        bulkhead_ConsoleRequest request{};
        request.which_request = bulkhead_ConsoleRequest_flush_tag;
        bulkhead_ConsoleReply reply{};
        (void)rpc(root_slot::console, request, reply); // a console that is gone has nothing to send
    }
    if (wanted != 0) {
        desk_.finished.fetch_or(wanted, std::memory_order_release);
        desk_.progress.fetch_add(1, std::memory_order_release);
        did_something = true;
    }
    return did_something;
}

void ClerkWorker::send_line(std::string_view line) {
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_log_tag;
    FormatBuffer text{std::span<char>{request.request.log.text, sizeof request.request.log.text - 1}};
    text.append("{}\n", line);
    bulkhead_ConsoleReply reply{};
    if (rpc(root_slot::console, request, reply) != Status::ok) {
        machine_.write_serial(text.view()); // better in the wrong place than not at all
    }
}

// --- root's thread

std::uint64_t Clerk::bytes() {
    constexpr std::uint64_t two_objects_of_two_pages = 4 * page_size;
    return two_objects_of_two_pages + root_address::clerk_stack_bytes;
}

Status Clerk::prepare(MemoryPool& pool) {
    Status status = pool.make(ObjectType::thread, 0, root_slot::clerk_thread);
    if (status == Status::ok) {
        status = pool.make(ObjectType::event_set, 0, root_slot::clerk_events);
    }
    if (status == Status::ok) {
        status = pool.make(ObjectType::region, root_address::clerk_stack_bytes, root_slot::clerk_stack);
    }
    if (status == Status::ok) {
        status = sys::mint_badge(slot::cap_space, root_slot::clerk_bell, root_slot::clerk_events, Rights::write, 0);
    }
    if (status == Status::ok) {
        status =
            sys::mint_badge(slot::cap_space, root_slot::own_bell, root_slot::events, Rights::write, root_event::clerk);
    }
    return status;
}

Status Clerk::hire(Tsc patience) {
    patience_ = patience;
    constexpr Rights both = Rights::read | Rights::write;
    constexpr Selector space = slot::address_space;
    Status status = sys::map(root_slot::clerk_thread, space, root_address::clerk_utcb.value, both);
    if (status == Status::ok) {
        status = sys::map(root_slot::clerk_events, space, root_address::clerk_event_page.value, both);
    }
    if (status == Status::ok) {
        status = sys::map(root_slot::clerk_stack, space,
                          root_address::clerk_stack_top.value - root_address::clerk_stack_bytes, both);
    }
    if (status == Status::ok) {
        status = sys::thread_configure(root_slot::clerk_thread, slot::cap_space, space,
                                       UserVirt{reinterpret_cast<std::uint64_t>(&component_entry)},
                                       root_address::clerk_stack_top, clerk_argument);
    }
    if (status == Status::ok) {
        status = sys::thread_schedule(root_slot::clerk_thread, Selector{boot_slot::cpu_time}, CpuId{0}, clerk_priority,
                                      0, 0);
    }
    if (status == Status::ok) {
        status = sys::mint_badge(slot::cap_space, root_slot::scratch, root_slot::events, Rights::write,
                                 root_event::clerk_fault);
    }
    if (status == Status::ok) {
        status = sys::thread_bind_fault(root_slot::clerk_thread, root_slot::scratch);
        (void)sys::remove(root_slot::scratch); // the thread remembers the bit
    }
    if (status == Status::ok) {
        status = sys::thread_start(root_slot::clerk_thread);
    }
    hired_ = status == Status::ok;
    return status;
}

void Clerk::write_directly(std::string_view line) const {
    machine_.write_serial(line);
    machine_.write_serial("\n");
}

void Clerk::post(std::string_view line) {
    if (!hired_) {
        write_directly(line);
        return;
    }
    if (!desk_.lines.push(line)) {
        ++lost_;
        return;
    }
    (void)sys::signal(root_slot::clerk_bell);
}

void Clerk::ask(Errand errand) {
    const auto bit = static_cast<std::uint32_t>(errand);
    if (!hired_) {
        given_up_ |= bit;
        return;
    }
    outstanding_ |= bit;
    desk_.wanted.fetch_or(bit, std::memory_order_release);
    (void)sys::signal(root_slot::clerk_bell);
}

bool Clerk::take_finished(Errand errand) {
    const auto bit = static_cast<std::uint32_t>(errand);
    const std::uint32_t done = desk_.finished.fetch_and(~bit, std::memory_order_acquire) | given_up_;
    given_up_ &= ~bit;
    if ((done & bit) == 0) {
        return false;
    }
    outstanding_ &= ~bit;
    return true;
}

bool Clerk::busy() const {
    return hired_ && (!desk_.lines.empty() || outstanding_ != 0);
}

Tsc Clerk::deadline(Tsc now) {
    if (!busy()) {
        watching_ = false;
        return Tsc{0};
    }
    const std::uint32_t progress = desk_.progress.load(std::memory_order_acquire);
    if (!watching_ || progress != seen_progress_) {
        watching_ = true;
        seen_progress_ = progress;
        since_ = now;
    }
    return Tsc{since_.value + patience_.value};
}

void Clerk::check(Tsc now) {
    const Tsc when = deadline(now);
    if (when.value != 0 && now.value >= when.value) {
        dismiss();
        post("[root] a component does not answer: log lines of root go to the serial line directly");
    }
}

void Clerk::dismiss() {
    if (!hired_) {
        return;
    }
    (void)sys::thread_stop(root_slot::clerk_thread);
    hired_ = false;
    given_up_ |= outstanding_;
    machine_.write_serial("\n\x1e"
                          "0"); // whatever the console was sending, what follows is the system's log
    char line[max_log_line];
    std::size_t length = 0;
    while (desk_.lines.pop(line, length)) {
        write_directly({line, length});
    }
    if (lost_ != 0) {
        char text[max_log_line];
        write_directly(format_to(text, "[root] {} lines lost", lost_));
    }
}

} // namespace bulkhead::root
