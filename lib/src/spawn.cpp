// SPDX-License-Identifier: Apache-2.0
// The steps of making a component. Each piece of memory is mapped in the spawner's window, filled, unmapped and then
// mapped in the component with the rights that it has there: it is never writable in one place and executable in
// another. It must not know: which component it makes.
#include <bulkhead/spawn.hpp>

namespace bulkhead {
namespace {

/// Where a component's image may lie: not at address 0, and below everything that the spawner puts there.
constexpr std::uint64_t image_floor = 0x1'0000;
constexpr std::uint64_t image_ceiling = layout::start_message_address.value;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to) {
    return (value + to - 1) & ~(to - 1);
}

/// A loadable segment in whole pages.
struct Piece {
    std::uint64_t address; ///< page-aligned
    std::uint64_t bytes;   ///< whole pages
    std::uint64_t lead;    ///< bytes of the first page before the segment
    Rights rights;
};

/// False: no component may have such a segment.
bool to_piece(const ElfSegment& segment, Piece& piece) {
    if (segment.writable && segment.executable) {
        return false;
    }
    if (segment.memory_bytes > max_component_bytes || segment.virtual_address < image_floor ||
        segment.virtual_address > image_ceiling - max_component_bytes - page_size) {
        return false;
    }
    piece.lead = segment.virtual_address % page_size;
    piece.address = segment.virtual_address - piece.lead;
    piece.bytes = round_up(piece.lead + segment.memory_bytes, page_size);
    piece.rights = Rights::read;
    if (segment.writable) {
        piece.rights = piece.rights | Rights::write;
    }
    if (segment.executable) {
        piece.rights = piece.rights | Rights::execute;
    }
    return true;
}

bool is_loaded(const ElfSegment& segment) {
    return segment.type == elf::pt_load && segment.memory_bytes != 0;
}

class Spawner {
public:
    Spawner(const SpawnPlan& plan, Spawned& spawned)
        : plan_{plan}, spawned_{spawned}, next_slot_{plan.first_slot.value} {}

    Status run() {
        using StepFunction = Status (Spawner::*)();
        constexpr StepFunction steps[] = {&Spawner::make_objects,     &Spawner::load_segments, &Spawner::map_stack,
                                          &Spawner::write_start_page, &Spawner::share_pages,   &Spawner::fill_cap_space,
                                          &Spawner::prepare_thread};
        for (const StepFunction step : steps) {
            if (const Status status = (this->*step)(); status != Status::ok) {
                return status;
            }
        }
        return Status::ok;
    }

private:
    Status make(ObjectType type, std::uint64_t size, Selector& made) {
        const Selector at{next_slot_};
        const Status status = sys::retype(plan_.untyped, type, size, at);
        if (status == Status::ok) {
            made = at;
            ++next_slot_;
        }
        return status;
    }

    Status make_objects() {
        spawned_ = Spawned{};
        Status status = make(ObjectType::cap_space, plan_.cap_slots, spawned_.cap_space);
        if (status == Status::ok) {
            status = make(ObjectType::address_space, plan_.address_space_pages, spawned_.address_space);
        }
        if (status == Status::ok) {
            status = make(ObjectType::thread, 0, spawned_.thread);
        }
        if (status == Status::ok) {
            status = make(ObjectType::event_set, 0, spawned_.events);
        }
        if (status == Status::ok && plan_.with_portal) {
            status = make(ObjectType::portal, 0, spawned_.portal);
        }
        return status;
    }

    /// Makes memory of zeros, copies `bytes` to its offset `lead`, and maps it in the component.
    Status place(std::uint64_t address, std::uint64_t size, std::uint64_t lead, std::span<const std::uint8_t> bytes,
                 Rights rights) {
        Selector memory;
        if (const Status status = make(ObjectType::region, size, memory); status != Status::ok) {
            return status;
        }
        if (!bytes.empty()) {
            if (const Status status = fill(memory, lead, bytes); status != Status::ok) {
                return status;
            }
        }
        return sys::map(memory, spawned_.address_space, address, rights);
    }

    Status fill(Selector memory, std::uint64_t lead, std::span<const std::uint8_t> bytes) {
        const Status status = sys::map(memory, slot::address_space, plan_.window.value, Rights::read | Rights::write);
        if (status != Status::ok) {
            return status;
        }
        auto* const to = static_cast<std::uint8_t*>(sys::pointer(plan_.window));
        __builtin_memcpy(to + lead, bytes.data(), bytes.size());
        return sys::unmap(memory);
    }

    Status load_segments() {
        std::uint32_t loaded = 0;
        for (std::uint32_t i = 0; i < plan_.image.segment_count(); ++i) {
            const ElfSegment segment = plan_.image.segment(i);
            if (!is_loaded(segment)) {
                continue;
            }
            Piece piece{};
            const auto contents = plan_.image.contents(segment);
            if (loaded == max_loaded_segments || !to_piece(segment, piece) || contents.size() > segment.memory_bytes) {
                return Status::bad_argument;
            }
            const Status status = place(piece.address, piece.bytes, piece.lead, contents, piece.rights);
            if (status != Status::ok) {
                return status;
            }
            ++loaded;
        }
        return loaded != 0 ? Status::ok : Status::bad_argument;
    }

    /// Nothing is mapped below it: an overflow faults.
    Status map_stack() {
        return place(layout::stack_top.value - layout::stack_bytes, layout::stack_bytes, 0, {},
                     Rights::read | Rights::write);
    }

    Status write_start_page() {
        if (plan_.start_message.size() > max_start_message) {
            return Status::bad_argument;
        }
        std::uint8_t page[page_size];
        const layout::StartHeader header{layout::start_magic, static_cast<std::uint32_t>(plan_.start_message.size())};
        __builtin_memcpy(page, &header, sizeof header);
        __builtin_memcpy(page + sizeof header, plan_.start_message.data(), plan_.start_message.size());
        return place(layout::start_message_address.value, page_size, 0,
                     std::span<const std::uint8_t>{page, sizeof header + plan_.start_message.size()}, Rights::read);
    }

    /// The pages that the kernel shares with the component belong to its thread and its event set.
    Status share_pages() {
        const Rights both = Rights::read | Rights::write;
        const Status status = sys::map(spawned_.thread, spawned_.address_space, layout::utcb_address.value, both);
        if (status != Status::ok) {
            return status;
        }
        return sys::map(spawned_.events, spawned_.address_space, layout::event_page_address.value, both);
    }

    Status fill_cap_space() {
        struct Standard {
            Selector destination, source;
            Rights rights;
        };
        const Standard standard[] = {
            {slot::cap_space, spawned_.cap_space, Rights::control},
            {slot::address_space, spawned_.address_space, Rights::map},
            {slot::thread, spawned_.thread, plan_.thread_rights},
            {slot::events, spawned_.events, plan_.event_rights},
        };
        for (const Standard& each : standard) {
            const Status status = sys::mint(spawned_.cap_space, each.destination, each.source, each.rights);
            if (status != Status::ok) {
                return status;
            }
        }
        return Status::ok;
    }

    Status prepare_thread() {
        Status status = sys::thread_configure(spawned_.thread, spawned_.cap_space, spawned_.address_space,
                                              UserVirt{plan_.image.entry()}, layout::stack_top, plan_.argument);
        if (status == Status::ok) {
            status = sys::thread_schedule(spawned_.thread, plan_.cpu_time, plan_.cpu, plan_.priority, plan_.budget_us,
                                          plan_.period_us);
        }
        if (status == Status::ok) {
            status = sys::thread_bind_events(spawned_.thread, spawned_.events);
        }
        if (status == Status::ok && plan_.fault_events != no_selector) {
            status = sys::thread_bind_fault(spawned_.thread, plan_.fault_events);
        }
        if (status == Status::ok && plan_.with_portal) {
            status = sys::portal_bind(spawned_.portal, spawned_.thread);
        }
        return status;
    }

    const SpawnPlan& plan_;
    Spawned& spawned_;
    std::uint32_t next_slot_;
};

} // namespace

std::uint64_t spawn_bytes(const SpawnPlan& plan) {
    constexpr std::uint64_t fixed_objects = 16 * page_size; // headers, thread, event set, portal
    std::uint64_t total = fixed_objects + layout::stack_bytes + page_size +
                          round_up(std::uint64_t{plan.cap_slots} * cap_slot_bytes, page_size) +
                          std::uint64_t{plan.address_space_pages} * page_size;
    for (std::uint32_t i = 0; i < plan.image.segment_count(); ++i) {
        const ElfSegment segment = plan.image.segment(i);
        Piece piece{};
        if (!is_loaded(segment)) {
            continue;
        }
        if (!to_piece(segment, piece)) {
            return 0;
        }
        total +=
            piece.bytes + (piece.bytes % large_page_size == 0 ? large_page_size : 0); // whole large pages are aligned
    }
    return total;
}

Status spawn(const SpawnPlan& plan, Spawned& spawned) {
    return Spawner{plan, spawned}.run();
}

} // namespace bulkhead
