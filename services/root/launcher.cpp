// SPDX-License-Identifier: Apache-2.0
// From the manifest's entries to components that are ready to run.
// It must not know: what components do.
#include "launcher.hpp"

#include <bulkhead/log.hpp>
#include <bulkhead/message.hpp>

namespace bulkhead::root {
namespace {

/// The one that must begin at a multiple of 2 MiB last, so that the others fill what is before it.
constexpr Part all_parts[] = {Part::console, Part::grant, Part::event, Part::memory, Part::domain};
static_assert(std::size(all_parts) == part_count);

constexpr std::uint64_t round_up_to_page(std::uint64_t bytes) {
    return (bytes + page_size - 1) & ~(page_size - 1);
}
/// A component that asks for more than this is a mistake in the manifest.
constexpr std::uint64_t max_own_memory = 1ull << 30;

bool failed(Status status, std::string_view what, std::string_view name) {
    if (status == Status::ok) {
        return false;
    }
    log("cannot {} {}: {}", what, name, status);
    return true;
}

} // namespace

bool Launcher::measure(std::uint64_t& bytes) {
    if (!find_entries()) {
        return false;
    }
    for (const Part part : all_parts) {
        if (!measure_part(part, bytes)) {
            return false;
        }
    }
    return true;
}

bool Launcher::build(std::uint64_t boot_tsc, std::uint64_t wall_clock_ns) {
    boot_tsc_ = boot_tsc;
    wall_clock_ns_ = wall_clock_ns;
    for (const Part part : all_parts) {
        if (!reserve(part) || !spawn_part(part)) {
            return false;
        }
    }
    return !failed(wire_calls(), "give", "portals") && !failed(wire_console(), "give the serial line to", "console") &&
           !failed(wire_domain(), "give authority to", "domain") && !failed(give_memory(), "give memory to", "memory");
}

bool Launcher::start(Part part) {
    return !failed(sys::thread_start(spawned(part).thread), "start", profile(part).name);
}

bool Launcher::find_entries() {
    for (std::uint32_t i = 0; i < manifest_.components_count; ++i) {
        const bulkhead_Component& component = manifest_.components[i];
        for (std::uint32_t p = 0; p < part_count; ++p) {
            if (profiles[p].name == component.name) {
                entries_[p] = &component;
            }
        }
    }
    for (std::uint32_t p = 0; p < part_count; ++p) {
        if (entries_[p] == nullptr) {
            log("the manifest has no component '{}'", profiles[p].name);
            return false;
        }
        if (entries_[p]->cpu >= boot_.cpu_count || entries_[p]->priority > max_component_priority ||
            entries_[p]->memory_bytes > max_own_memory) {
            log("component {}: cpu, priority or memory out of range", profiles[p].name);
            return false;
        }
    }
    if (!image_.contains(manifest_.monitor)) {
        log("the boot image has no monitor");
        return false;
    }
    return true;
}

/// Maps the part's program and fills in everything that does not depend on the message.
bool Launcher::plan_for(Part part, SpawnPlan& plan) {
    const Profile& who = profile(part);
    const bulkhead_Component& what = entry(part);
    std::span<const std::uint8_t> elf;
    if (const BootImageError error = image_.map(what.elf, elf); error != BootImageError::none) {
        log("component {}: {}", who.name, to_string(error));
        return false;
    }
    if (const ElfError error = ElfImage::parse(elf, plan.image);
        error != ElfError::none || plan.image.machine() != elf::machine_x86_64 || !plan.image.is_64()) {
        log("component {}: {}", who.name,
            error != ElfError::none ? to_string(error) : std::string_view{"not a program for x86-64"});
        return false;
    }
    plan.untyped = root_slot::part_untyped(part);
    plan.first_slot = root_slot::part_spawned(part);
    plan.window = root_address::spawn_window;
    plan.cap_slots = who.cap_slots;
    plan.address_space_pages = who.address_space_pages;
    plan.event_rights = who.event_rights;
    plan.cpu_time = Selector{boot_slot::cpu_time};
    plan.cpu = CpuId{what.cpu};
    plan.priority = what.priority;
    plan.budget_us = what.budget_us;
    plan.period_us = what.period_us;
    return true;
}

bool Launcher::measure_part(Part part, std::uint64_t& bytes) {
    SpawnPlan plan{};
    if (!plan_for(part, plan)) {
        return false;
    }
    const std::uint64_t needed = spawn_bytes(plan);
    image_.unmap();
    if (needed == 0) {
        log("component {}: its program has a segment that no component may have", profile(part).name);
        return false;
    }
    spawn_bytes_[static_cast<std::uint32_t>(part)] = needed;
    bytes = MemoryPool::end_of(MemoryPool::end_of(bytes, needed), own_memory(part));
    return true;
}

bool Launcher::reserve(Part part) {
    const std::uint64_t needed = spawn_bytes_[static_cast<std::uint32_t>(part)];
    if (failed(pool_.make(ObjectType::untyped, needed, root_slot::part_untyped(part)), "find memory for",
               profile(part).name)) {
        return false;
    }
    const std::uint64_t own = round_up_to_page(own_memory(part));
    return own == 0 || !failed(pool_.make(ObjectType::untyped, own, root_slot::part_memory(part)),
                               "find memory of its own for", profile(part).name);
}

std::uint32_t Launcher::encode_start(Part part, std::span<std::uint8_t> bytes) const {
    bulkhead_ComponentStart start{};
    start.tsc_khz = boot_.tsc_khz;
    start.cpu_count = boot_.cpu_count;
    start.boot_tsc = boot_tsc_;
    start.wall_clock_ns = wall_clock_ns_;
    start.untyped_count = part == Part::memory ? pool_.pieces() : 0;
    start.image_bytes = part == Part::domain ? image_.bytes() : 0;
    const auto length = encode(start, bytes);
    return length ? *length : 0;
}

bool Launcher::spawn_part(Part part) {
    SpawnPlan plan{};
    if (!plan_for(part, plan)) {
        return false;
    }
    std::uint8_t message[bulkhead_ComponentStart_size];
    plan.start_message = std::span<const std::uint8_t>{message, encode_start(part, message)};
    const std::uint32_t index = static_cast<std::uint32_t>(part);
    plan.fault_events = root_slot::scratch;
    Status status = sys::mint_badge(slot::cap_space, root_slot::scratch, root_slot::events, Rights::write,
                                    root_event::first_part_fault + index);
    if (status == Status::ok) {
        status = spawn(plan, spawned_[index]);
        (void)sys::remove(root_slot::scratch); // the thread remembers the bit
    }
    image_.unmap();
    return !failed(status, "make", profile(part).name);
}

Status Launcher::wire_calls() {
    for (const Call& call : calls) {
        const Status status = sys::mint_badge(space(call.caller), call.slot, spawned(call.callee).portal, Rights::write,
                                              static_cast<std::uint64_t>(profile(call.caller).id));
        if (status != Status::ok) {
            return status;
        }
    }
    for (const Master& master : masters) {
        const Status status =
            sys::mint(space(Part::domain), master.slot, spawned(master.callee).portal, Rights::write | Rights::derive);
        if (status != Status::ok) {
            return status;
        }
    }
    constexpr auto own_badge = static_cast<std::uint64_t>(ClientId::root);
    Status status =
        sys::mint_badge(slot::cap_space, root_slot::console, spawned(Part::console).portal, Rights::write, own_badge);
    if (status == Status::ok) {
        status =
            sys::mint_badge(slot::cap_space, root_slot::domain, spawned(Part::domain).portal, Rights::write, own_badge);
    }
    return status;
}

Status Launcher::wire_console() {
    const Status status = sys::mint(space(Part::console), slot::uart_ports, Selector{boot_slot::io_ports},
                                    Rights::read | Rights::write, uart_first_port, uart_port_count);
    if (status != Status::ok) {
        return status;
    }
    return sys::mint(space(Part::console), slot::uart_interrupt, Selector{boot_slot::interrupts}, Rights::control,
                     uart_interrupt_line, 1);
}

Status Launcher::wire_domain() {
    std::uint32_t highest = 0;
    for (std::uint32_t i = 0; i < manifest_.domains_count; ++i) {
        const std::uint32_t wanted = manifest_.domains[i].priority;
        highest = wanted > highest ? wanted : highest;
    }
    const std::uint64_t every_cpu = boot_.cpu_count >= 64 ? ~0ull : (1ull << boot_.cpu_count) - 1;
    const Selector to = space(Part::domain);
    struct Gift {
        Selector destination, source;
        Rights rights;
        std::uint64_t a, b;
    };
    const Gift gifts[] = {
        {slot::root, root_slot::portal, Rights::write, static_cast<std::uint64_t>(ClientId::domain) | mint_badged, 0},
        {slot::cpu_time, Selector{boot_slot::cpu_time}, Rights::control, highest, every_cpu},
        {slot::monitor_image, image_.region(), Rights::read, manifest_.monitor.offset,
         round_up_to_page(manifest_.monitor.size)},
        {slot::manifest, image_.region(), Rights::read | Rights::derive, 0, 0},
        {slot::console_events, spawned(Part::console).events, Rights::write | Rights::derive, 0, 0},
    };
    for (const Gift& gift : gifts) {
        const Status status = sys::mint(to, gift.destination, gift.source, gift.rights, gift.a, gift.b);
        if (status != Status::ok) {
            return status;
        }
    }
    return Status::ok;
}

/// Every component's own memory, then all the rest to services/memory.
Status Launcher::give_memory() {
    for (const Part part : all_parts) {
        if (own_memory(part) == 0) {
            continue;
        }
        const Status status = sys::move(space(part), slot::untyped, root_slot::part_memory(part));
        if (status != Status::ok) {
            return status;
        }
    }
    std::uint32_t given = 0;
    return pool_.give_rest(space(Part::memory), slot::first_lendable, slot::max_lendable, given);
}

} // namespace bulkhead::root
