// SPDX-License-Identifier: Apache-2.0
// services/root, the first task: reads what the kernel and the boot image say, makes the system's components with
// exactly the authority that each needs, passes the machine's memory on, and watches.
#include <initializer_list>

#include <bulkhead/log.hpp>

#include "launcher.hpp"
#include "own_objects.hpp"
#include "processor.hpp"
#include "service.hpp"

namespace bulkhead::root {
namespace {

constexpr Machine machine{Selector{boot_slot::io_ports}};
constinit ClerkDesk desk{};
constinit bulkhead_BootManifest manifest{};
constinit Clerk clerk{desk, machine};

void post_line(std::string_view line) {
    clerk.post(line);
}

/// How long the clerk may be in one call: printing waits until every domain is built.
Tsc clerk_patience(std::uint64_t tsc_khz) {
    constexpr std::uint64_t quick_ms = 10'000, printing_ms = 300'000;
    return Tsc{tsc_khz * (manifest.print_capabilities ? printing_ms : quick_ms)};
}

bool start_components(Launcher& launcher, const BootInfo& boot) {
    if (!launcher.start(Part::console)) {
        return false;
    }
    if (const Status status = clerk.hire(clerk_patience(boot.tsc_khz)); status != Status::ok) {
        log("the clerk cannot start: {}", status); // not fatal: the serial line remains
    }
    return launcher.start(Part::grant) && launcher.start(Part::event) && launcher.start(Part::memory) &&
           launcher.start(Part::domain);
}

/// What root needed to start the others and needs no more. Capabilities that were derived from these stay.
void drop_spent_authority() {
    for (const std::uint32_t spent : {boot_slot::interrupts, boot_slot::cpu_time, boot_slot::first_module}) {
        (void)sys::remove(Selector{spent});
    }
}

std::uint64_t image_bytes(const BootInfo& boot) {
    return boot.module_count != 0 ? boot.module_size[0] : 0;
}

/// Everything up to the loop. False: it said why.
bool bring_up(const BootInfo& boot, Launcher& launcher, MemoryPool& pool, BootImage& image, std::uint64_t boot_tsc) {
    if (const BootImageError error = image.read_manifest(manifest); error != BootImageError::none) {
        log("boot image: {}", to_string(error));
        return false;
    }
    log("{} CPUs, {} MiB for components and guests, {} domains", boot.cpu_count, pool.left() >> 20,
        manifest.domains_count);
    log_processor(boot, host_cpuid);
    std::uint64_t bytes = own_object_bytes + Clerk::bytes(); // made first
    if (!launcher.measure(bytes)) {
        return false;
    }
    const std::uint64_t free_bytes = pool.left();
    Status status = pool.reserve(bytes);
    const std::uint64_t modules = image_bytes(boot);
    // What guests get begins and ends at multiples of 2 MiB.
    const std::uint64_t unused = free_bytes - pool.left() - bytes;
    log("memory: {} KiB kernel and root, {} KiB boot image, {} KiB components, {} KiB unused, {} KiB for guests",
        (boot.kernel_bytes - modules) / 1024, modules / 1024, bytes / 1024, unused / 1024, pool.left() / 1024);
    if (status == Status::ok) {
        status = make_own_objects(pool);
    }
    if (status == Status::ok) {
        status = clerk.prepare(pool);
    }
    if (status != Status::ok) {
        log("cannot make root's own objects: {}", status);
        return false;
    }
    const std::uint64_t wall_clock = manifest.wall_clock_ns != 0 ? manifest.wall_clock_ns : machine.read_clock_ns();
    if (!launcher.build(boot_tsc, wall_clock) || !start_components(launcher, boot)) {
        return false;
    }
    drop_spent_authority();
    return true;
}

/// The machine cannot do its work; under test it says so by its exit value.
[[noreturn]] void give_up(const BootInfo& boot) {
    log("giving up");
    clerk.dismiss();
    machine.debug_exit(boot.debug_exit_port, exit_bad);
    for (;;) {
        (void)sys::reply_wait({});
    }
}

[[noreturn]] void work_as_clerk() {
    ClerkWorker worker{desk, machine};
    auto& page = *static_cast<EventPage*>(sys::pointer(root_address::clerk_event_page));
    for (;;) {
        if (worker.work()) {
            (void)sys::signal(root_slot::own_bell);
        } else {
            (void)sys::wait(root_slot::clerk_events);
            (void)drain(page, [](std::uint32_t) {});
        }
    }
}

} // namespace
} // namespace bulkhead::root

extern "C" [[noreturn]] void component_main(std::uint64_t argument) {
    using namespace bulkhead;
    using namespace bulkhead::root;
    if (argument == clerk_argument) {
        work_as_clerk();
    }
    const std::uint64_t boot_tsc = __builtin_ia32_rdtsc();
    log_target().instead = post_line;
    const auto& boot = *static_cast<const BootInfo*>(sys::pointer(boot_info_address));
    if (boot.magic != boot_info_magic || boot.abi_version != kernel_abi_version) {
        log("this is not the kernel that root was built for");
        give_up(boot);
    }
    MemoryPool pool{Selector{boot_slot::first_untyped}, boot.untyped_count, boot.untyped_size, root_slot::system_memory,
                    root_slot::memory_rest};
    BootImage image{Selector{boot_slot::first_module}, image_bytes(boot), root_slot::image_piece,
                    root_address::image_window};
    Launcher launcher{boot, image, manifest, pool};
    if (!bring_up(boot, launcher, pool, image, boot_tsc)) {
        give_up(boot);
    }
    Service service{clerk, machine,
                    EndPolicy{manifest.exit_when_done, manifest.print_capabilities, boot.debug_exit_port}};
    service.begin(launcher.all());
    Server<Service> server{service, root_slot::receive_window};
    server.run();
}
