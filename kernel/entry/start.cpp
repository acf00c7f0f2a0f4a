// SPDX-License-Identifier: Apache-2.0
// From a machine that is up to the first task: everything that the kernel does not keep becomes root's capabilities.
#include <bulkhead/abi/boot_info.hpp>

#include <new>

#include "arch/boot_facts.hpp"
#include "entry/root_image.hpp"
#include "entry/run.hpp"
#include "object/control.hpp"
#include "object/kernel_objects.hpp"
#include "object/mapping.hpp"
#include "sched/lock.hpp"
#include "sched/scheduler.hpp"

namespace bulkhead::kernel {

constinit Cpu* cpus[arch::max_cpus]{};
constinit std::uint32_t cpu_count{0};

namespace {

/// Its image, and windows through which it looks at a program of the boot image at a time.
constexpr std::uint64_t root_space_pages = 64;
constexpr std::uint64_t root_stack_bytes = 64 * 1024;
constexpr std::uint32_t root_priority = 60;
/// Slots for the Regions that root itself is made of.
constexpr std::uint32_t first_own_region = 40;
static_assert(first_own_region >= boot_slot::first_untyped + boot_slot::max_untyped);
static_assert(first_own_region + RootImage::max_segments + 2 <= boot_slot::first_free);

/// Builds root out of boot memory.
class RootBuilder {
public:
    explicit RootBuilder(BootFacts& facts) : facts_{facts} {}

    Thread& build() {
        make_objects();
        load_image();
        const HostPhys stack = zeroed(root_stack_bytes);
        add_region(stack, root_stack_bytes, UserVirt{root_stack_top.value - root_stack_bytes},
                   Rights::read | Rights::write);
        info_ = new (arch::to_virtual(zeroed(page_size))) BootInfo{};
        add_region(arch::to_physical(info_), page_size, boot_info_address, Rights::read);
        map_into_root(slot(boot_slot::thread), root_utcb_address, Rights::read | Rights::write);
        give_devices();
        give_modules();
        fill_info();
        give_memory();
        return *thread_;
    }

private:
    HostPhys zeroed(std::uint64_t bytes, std::uint64_t alignment = page_size) {
        const HostPhys memory = facts_.memory.allocate(bytes, alignment);
        invariant(memory.value != 0, "there is memory for the first task");
        __builtin_memset(arch::to_virtual(memory), 0, bytes);
        return memory;
    }

    Slot& slot(std::uint32_t index) { return *space_->lookup(Selector{index}); }

    void put(std::uint32_t index, ObjectType type, Rights rights, std::uint64_t word, std::uint64_t size) {
        Capability c;
        c.type = type;
        c.rights = rights;
        c.word = word;
        c.size = size;
        capabilities.insert_root(slot(index), c);
    }

    void put_object(std::uint32_t index, Object& object, std::uint64_t size) {
        put(index, object.type(), Rights::all, reinterpret_cast<std::uint64_t>(&object), size);
    }

    void make_objects() {
        constexpr std::uint32_t slots = 1u << boot_slots_order;
        const std::uint64_t bytes = (CapSpace::bytes(slots) + page_size - 1) & ~(page_size - 1);
        space_ = new (arch::to_virtual(zeroed(bytes))) CapSpace{slots};
        const HostPhys memory = zeroed(root_space_pages * page_size);
        memory_ = new (arch::to_virtual(memory)) AddressSpace{memory, root_space_pages};
        arch::init_root(memory_->root());
        thread_ = new (arch::to_virtual(zeroed(2 * page_size))) Thread;
        put_object(boot_slot::cap_space, *space_, slots);
        put_object(boot_slot::address_space, *memory_, root_space_pages);
        put_object(boot_slot::thread, *thread_, 0);
    }

    void map_into_root(Slot& what, UserVirt address, Rights rights) {
        Completion done;
        do {
            done = map(what, *memory_, address.value, static_cast<std::uint64_t>(rights));
        } while (done.preempted);
        invariant(done.status == Status::ok, "the first task's pages can be mapped");
    }

    void add_region(HostPhys base, std::uint64_t bytes, UserVirt address, Rights rights) {
        put(next_own_region_, ObjectType::region, rights, base.value, bytes);
        map_into_root(slot(next_own_region_++), address, rights);
    }

    void load_image() {
        if (facts_.module_count == 0) {
            panic("no boot module: the first one must be the root task");
        }
        const BootModule& module = facts_.modules[0];
        const auto* const file = static_cast<const std::uint8_t*>(arch::to_virtual(module.base));
        RootImage image;
        if (!read_root_image(file, module.bytes, image)) {
            panic("the first boot module is not a valid root task (static x86-64 ELF, W^X segments)");
        }
        for (std::uint32_t i = 0; i < image.count; ++i) {
            const RootSegment& s = image.segments[i];
            const HostPhys memory = zeroed(s.bytes);
            __builtin_memcpy(arch::to_virtual(memory), file + s.file_offset, s.file_bytes);
            add_region(memory, s.bytes, UserVirt{s.address}, s.rights);
        }
        // What the file occupied is free again.
        facts_.memory.add({module.base, (module.bytes + page_size - 1) & ~(page_size - 1)});
        thread_->capabilities.set(space_);
        thread_->memory.set(memory_);
        arch::init_frame(thread_->frame, image.entry, root_stack_top.value, boot_info_address.value);
        thread_->configured = true;
        Budget& b = thread_->budget;
        b.present = true;
        b.priority = root_priority;
    }

    void give_devices() {
        put(boot_slot::interrupts, ObjectType::interrupt, Rights::all, 0, arch::interrupt_count());
        put(boot_slot::io_ports, ObjectType::io_ports, Rights::all, 0, 0x10000);
        put(boot_slot::cpu_time, ObjectType::cpu_time, Rights::all, (std::uint64_t{1} << cpu_count) - 1, max_priority);
    }

    void give_modules() {
        for (std::uint32_t i = 1; i < facts_.module_count; ++i) {
            const BootModule& module = facts_.modules[i];
            put(boot_slot::first_module + i - 1, ObjectType::region, Rights::read | Rights::derive, module.base.value,
                (module.bytes + page_size - 1) & ~(page_size - 1));
            info_->module_size[i - 1] = module.bytes;
        }
        info_->module_count = facts_.module_count - 1;
    }

    void fill_info() {
        info_->magic = boot_info_magic;
        info_->abi_version = kernel_abi_version;
        info_->cpu_count = cpu_count;
        info_->tsc_khz = facts_.tsc_khz;
        info_->ram_bytes = facts_.ram_bytes;
        info_->asid_count = arch::asid_count();
        info_->debug_exit_port = facts_.exit_port;
        static_assert(sizeof info_->command_line == sizeof facts_.command_line);
        __builtin_memcpy(info_->command_line, facts_.command_line, sizeof info_->command_line);
    }

    /// Largest ranges first; what finds no slot is lost (firmware reports a handful).
    void give_memory() {
        std::uint64_t given = 0;
        for (std::uint32_t i = 0; i < boot_slot::max_untyped; ++i) {
            PhysRange largest{HostPhys{0}, 0};
            for (const PhysRange& range : facts_.memory.ranges()) {
                largest = range.bytes > largest.bytes ? range : largest;
            }
            if (largest.bytes < large_page_size) {
                break;
            }
            facts_.memory.remove(largest);
            put(boot_slot::first_untyped + i, ObjectType::untyped, Rights::all, largest.base.value, largest.bytes);
            info_->untyped_size[i] = largest.bytes;
            info_->untyped_count = i + 1;
            given += largest.bytes;
        }
        info_->kernel_bytes = facts_.ram_bytes - given;
    }

    BootFacts& facts_;
    CapSpace* space_{nullptr};
    AddressSpace* memory_{nullptr};
    Thread* thread_{nullptr};
    BootInfo* info_{nullptr};
    std::uint32_t next_own_region_{first_own_region};
};

} // namespace

[[noreturn]] void kernel_start(BootFacts& facts) {
    cpu_count = facts.cpu_count;
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        cpus[i] = facts.cpus[i];
        cpus[i]->id = CpuId{i};
        cpus[i]->charged_until = arch::now();
    }
    kernel_lock.acquire();
    Thread& root = RootBuilder{facts}.build();
    scheduler::resume(root);
    arch::release_cpus();
    run();
}

[[noreturn]] void kernel_ap_start() {
    kernel_lock.acquire();
    arch::this_cpu().charged_until = arch::now();
    run();
}

} // namespace bulkhead::kernel
