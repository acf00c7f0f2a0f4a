// SPDX-License-Identifier: Apache-2.0
// The steps of building a domain, in the order of their table; see the header.
#include "builder.hpp"

#include <bulkhead/client.hpp>
#include <bulkhead/message.hpp>
#include <bulkhead/xen.hpp>

#include "acpi.hpp"
#include "guest_loader.hpp"
#include "neighbours.hpp"
#include "vault.hpp"
#include "vcpu_setup.hpp"

namespace bulkhead::domain {
namespace {

/// The port that services/event gives first; the monitor is told before it can be asked for.
constexpr Port console_port{1};

constexpr std::uint64_t range_address(std::uint32_t range) {
    return range == 0 ? 0 : guest_layout::high_base;
}

class Build {
public:
    Build(const Workshop& workshop, BootImage& kernels, BootImage& ramdisks, DomainRecord& domain,
          std::uint32_t crash_after_exits)
        : workshop_{workshop}, kernels_{kernels}, ramdisks_{ramdisks}, domain_{domain}, config_{*domain.config},
          slots_{domain.id}, crash_after_exits_{crash_after_exits} {}

    BuildFailure run() {
        struct Step {
            std::string_view name;
            bool (Build::*run)();
        };
        constexpr Step steps[] = {
            {"kernel image", &Build::read_kernel},
            {"ramdisk", &Build::check_ramdisk},
            {"memory layout", &Build::plan},
            {"memory", &Build::allocate},
            {"loading", &Build::load},
            {"vault", &Build::make_vault},
            {"guest-physical space", &Build::make_stage2},
            {"monitor", &Build::spawn_monitor},
            {"monitor's memory", &Build::give_memory},
            {"monitor's guest-physical space", &Build::give_stage2},
            {"vCPUs", &Build::make_vcpus},
            {"monitor's portals", &Build::give_portals},
            {"registration with memory", &Build::tell_memory},
            {"registration with grant", &Build::tell_grant},
            {"registration with event", &Build::tell_event},
            {"registration with console", &Build::tell_console},
            {"sealing", &Build::seal},
            {"start", &Build::start},
        };
        for (const Step& step : steps) {
            if (!(this->*step.run)()) {
                failure_.step = step.name;
                return failure_;
            }
        }
        return {};
    }

private:
    // Each says whether it went well, and leaves the reason if not.
    bool refuse(std::string_view reason) {
        failure_.reason = reason;
        return false;
    }
    bool good(Status status) { return status == Status::ok || refuse(to_string(status)); }
    bool good(std::int32_t answer) {
        failure_.error = answer;
        return answer == 0 || refuse(answer == -XEN_ENOMEM ? "not enough memory" : "refused");
    }

    bool read_kernel() {
        if (const BootImageError error = kernels_.map(config_.kernel, kernel_); error != BootImageError::none) {
            return refuse(to_string(error));
        }
        const ImageError error = parse_pvh_image(kernel_, image_);
        if (error == ImageError::bad_elf) {
            return refuse(to_string(image_.elf_error));
        }
        return error == ImageError::none || refuse(to_string(error));
    }

    bool check_ramdisk() {
        return config_.ramdisk.size == 0 || ramdisks_.contains(config_.ramdisk) ||
               refuse(to_string(BootImageError::bad_blob));
    }

    bool plan() {
        if (config_.vcpus == 0 || config_.vcpus > max_vcpus) {
            return refuse("impossible number of vCPUs");
        }
        const PlanInput input{config_.memory_bytes, config_.ramdisk.size, command_line().size()};
        const PlanError error = plan_memory(input, image_, plan_);
        return error == PlanError::none || refuse(to_string(error));
    }

    bool allocate() {
        prepare_spawn();
        const std::uint64_t monitor = spawn_bytes(spawn_);
        if (monitor == 0) {
            return refuse("the monitor's image cannot be used");
        }
        if (!good(neighbours::allocate(domain_.id, domain_bytes(plan_, config_.vcpus, monitor), slots_.memory())) ||
            (plan_.high_bytes != 0 &&
             !good(neighbours::allocate(domain_.id, plan_.high_bytes, slots_.high_memory())))) {
            return false;
        }
        const auto low = sys::info(slots_.memory());
        domain_.beside_ram = low && *low > plan_.low_bytes ? *low - plan_.low_bytes : 0;
        return true;
    }

    /// RAM is made first: the loan begins at a large page, so it needs no alignment.
    bool load() {
        if (!good(make(ObjectType::region, plan_.low_bytes, slots_.ram(0)))) {
            return false;
        }
        if (plan_.high_bytes != 0 &&
            !good(sys::retype(slots_.high_memory(), ObjectType::region, plan_.high_bytes, slots_.ram(1)))) {
            return false;
        }
        const Selector low = slots_.ram(0);
        if (!good(sys::map(low, slot::address_space, ram_window.value, Rights::read | Rights::write))) {
            return false;
        }
        const std::span<std::uint8_t> ram{static_cast<std::uint8_t*>(sys::pointer(ram_window)), plan_.low_bytes};
        const bool loaded = (load_guest(ram, image_, plan_, {kernel_, command_line(), config_.vcpus}) ||
                             refuse("the plan does not fit the images")) &&
                            copy_ramdisk(ram);
        return good(sys::unmap(low)) && loaded;
    }

    bool copy_ramdisk(std::span<std::uint8_t> ram) {
        if (config_.ramdisk.size == 0) {
            return true;
        }
        const auto to = ram.subspan(plan_.ramdisk.begin, plan_.ramdisk.size());
        const BootImageError error = ramdisks_.copy(config_.ramdisk, to);
        return error == BootImageError::none || refuse(to_string(error));
    }

    bool make_vault() {
        domain_.sealed_count = 0;
        return good(make(ObjectType::cap_space, vault_slots, slots_.vault()));
    }

    bool make_stage2() {
        constexpr Rights all_access = Rights::read | Rights::write | Rights::execute;
        constexpr Rights divisible = all_access | Rights::derive;
        if (!good(make(ObjectType::stage2, stage2_pages(plan_), slots_.stage2()))) {
            return false;
        }
        for (std::uint32_t range = 0; range < range_count(); ++range) {
            const Selector copy = slots_.ram_for_stage2(range);
            if (!good(sys::mint(slot::cap_space, copy, slots_.ram(range), divisible)) ||
                !good(sys::map(copy, slots_.stage2(), range_address(range), all_access))) {
                return false;
            }
        }
        return good(make(ObjectType::region, page_size, slots_.console_ring())) &&
               good(sys::map(slots_.console_ring(), slots_.stage2(), guest_layout::console_gfn.value << page_shift,
                             Rights::read | Rights::write));
    }

    bool spawn_monitor() {
        if (!write_start_message()) {
            return refuse("the start message does not fit");
        }
        spawn_.start_message = {start_message_, start_length_};
        if (!good(ensure_fault_events()) || !good(spawn(spawn_, spawned_))) {
            return false;
        }
        domain_.thread = spawned_.thread;
        domain_.cap_space = spawned_.cap_space;
        return true;
    }

    bool give_memory() {
        const Rights rights = Rights::read | Rights::write;
        for (std::uint32_t range = 0; range < range_count(); ++range) {
            const std::uint64_t address = layout::guest_window.value + range_address(range);
            if (!good(sys::map(slots_.ram(range), spawned_.address_space, address, rights))) {
                return false;
            }
        }
        if (!good(make(ObjectType::region, (max_grant_frames + max_grant_status_frames) * page_size,
                       slots_.grant_frames())) ||
            !good(sys::mint(slot::cap_space, grant_window_copy, slots_.grant_frames(), rights)) ||
            !good(sys::map(grant_window_copy, spawned_.address_space, layout::grant_table_address.value, rights))) {
            return false;
        }
        return good(make(ObjectType::region, page_size, slots_.shared_info())) &&
               good(
                   sys::map(slots_.shared_info(), spawned_.address_space, layout::shared_info_address.value, rights)) &&
               good(make(ObjectType::region, hole_bytes(plan_), slots_.holes())) &&
               good(sys::map(slots_.holes(), spawned_.address_space, layout::hole_bits_address.value, rights));
    }

    /// What the guest gives back and gets again only its own monitor can map, which sees that memory anyway.
    bool give_stage2() {
        for (std::uint32_t range = 0; range < range_count(); ++range) {
            const Selector place{slot::guest_ram.value + range};
            if (!good(sys::move(spawned_.cap_space, place, slots_.ram_for_stage2(range)))) {
                return false;
            }
        }
        return good(sys::mint(spawned_.cap_space, slot::stage2, slots_.stage2(), Rights::map));
    }

    bool make_vcpus() { return good(domain::make_vcpus(domain_, spawn_, spawned_)); }

    /// Whose badge says which domain is asking.
    bool give_portals() {
        struct Portal {
            Selector destination, master;
        };
        constexpr Portal portals[] = {{slot::console, slot::master_console},
                                      {slot::memory, slot::master_memory},
                                      {slot::grant, slot::master_grant},
                                      {slot::event, slot::master_event},
                                      {slot::domain, slot::master_domain}};
        const auto badge = static_cast<std::uint64_t>(monitor_of(domain_.id));
        for (const Portal& portal : portals) {
            if (!good(sys::mint_badge(spawned_.cap_space, portal.destination, portal.master, Rights::write, badge))) {
                return false;
            }
        }
        return true;
    }

    bool tell_memory() {
        return good(
            neighbours::add_memory(domain_.id, {slots_.stage2(), slots_.shared_info(), slots_.grant_frames()}, plan_));
    }

    bool tell_grant() {
        const Selector more_ram = range_count() == 2 ? slots_.ram(1) : no_selector;
        const std::uint64_t badge = domain_.id.value;
        // What goes to services/grant maps what this domain offers, and has no place for it. Its monitor has the places
        // for what others offer.
        return good(make(ObjectType::offers, max_grant_frames, in_the_making)) &&
               good(sys::offers_configure(in_the_making, slots_.grant_frames(), slots_.stage2(), slots_.ram(0),
                                          more_ram)) &&
               good(sys::mint(slot::cap_space, offers, in_the_making, Rights::map | Rights::derive)) &&
               (config_.max_grant_version < 2 ||
                good(sys::mint(spawned_.cap_space, slot::own_offers, in_the_making, Rights::write))) &&
               good(sys::remove(in_the_making)) &&
               good(make(ObjectType::cap_space, foreign_page_slots, in_the_making)) &&
               good(sys::mint(spawned_.cap_space, slot::foreign_pages, in_the_making, Rights::control)) &&
               good(sys::remove(in_the_making)) &&
               good(
                   sys::mint_badge(spawned_.cap_space, slot::offers_to_guest, slots_.stage2(), Rights::write, badge)) &&
               good(sys::mint_badge(spawned_.cap_space, slot::offers_to_monitor, spawned_.address_space, Rights::write,
                                    badge)) &&
               good(neighbours::add_grant(domain_.id, offers, max_grant_frames, config_.max_grant_version));
    }

    bool tell_event() {
        constexpr std::uint32_t default_channels = 1023; // xl's
        const std::uint32_t channels = config_.max_event_channels != 0 ? config_.max_event_channels : default_channels;
        Port port{};
        if (!good(neighbours::add_events(domain_.id, spawned_.events, config_.vcpus, channels)) ||
            !good(neighbours::allocate_console_port(domain_.id, port, slots_.console_sender()))) {
            return false;
        }
        if (port != console_port) {
            return refuse("the console's port is not the first");
        }
        // The other direction: what the guest sends on its console port is a bit of the console's.
        return good(sys::mint_badge(spawned_.cap_space, slot::console_sender, slot::console_events, Rights::write,
                                    domain_.id.value));
    }

    bool tell_console() {
        return good(
            neighbours::add_console(domain_.id, domain_.name(), slots_.console_ring(), slots_.console_sender()));
    }

    bool seal() {
        const Selector single[] = {slots_.ram(0),         slots_.ram(1),  slots_.stage2(),       slots_.shared_info(),
                                   slots_.console_ring(), slots_.holes(), slots_.grant_frames(), grant_window_copy};
        for (const Selector each : single) {
            if (!good(put_into_vault(domain_, each))) {
                return false;
            }
        }
        for (std::uint32_t i = 0; i < spawn_slots; ++i) {
            const Selector each{slots_.spawned().value + i};
            if (each != spawned_.thread && each != spawned_.cap_space && !good(put_into_vault(domain_, each))) {
                return false;
            }
        }
        // The handle keeps the vault alive. The Untypeds go too: nothing more is to be made from them.
        return good(sys::mint(slot::cap_space, slots_.vault_handle(), slots_.vault(), Rights::none)) &&
               good(sys::remove(slots_.vault())) && good(sys::remove(slots_.memory())) &&
               (plan_.high_bytes == 0 || good(sys::remove(slots_.high_memory())));
    }

    bool start() {
        for (std::uint32_t i = 0; i < config_.vcpus; ++i) {
            if (!good(sys::thread_start(vcpu_thread(domain_, i)))) {
                return false;
            }
        }
        return true;
    }

    // --- parts of steps

    std::uint32_t range_count() const { return plan_.high_bytes == 0 ? 1 : 2; }
    std::string_view command_line() const { return config_.command_line; }

    Status make(ObjectType type, std::uint64_t size, Selector at) {
        return sys::retype(slots_.memory(), type, size, at);
    }

    /// The bit of this component's EventSet that says that the monitor has faulted.
    Status ensure_fault_events() {
        const auto there = sys::inspect(slots_.fault_events());
        if (there && there->type == ObjectType::event_set) {
            return Status::ok;
        }
        return sys::mint_badge(slot::cap_space, slots_.fault_events(), slot::events, Rights::write,
                               fault_bit(domain_.id, 0));
    }

    void prepare_spawn() {
        spawn_.image = workshop_.monitor;
        spawn_.untyped = slots_.memory();
        spawn_.first_slot = slots_.spawned();
        spawn_.window = spawn_window;
        spawn_.cap_slots = slot::monitor_slots;
        spawn_.address_space_pages = static_cast<std::uint32_t>(monitor_pages(plan_));
        spawn_.with_portal = false;
        spawn_.cpu_time = slot::cpu_time;
        spawn_.cpu = cpu_of_vcpu(config_, 0);
        spawn_.priority = config_.priority;
        spawn_.budget_us = config_.budget_us;
        spawn_.period_us = config_.period_us;
        spawn_.fault_events = slots_.fault_events();
    }

    bool write_start_message() {
        bulkhead_MonitorStart message{};
        message.domain = domain_.id.value;
        static_assert(sizeof message.name == sizeof config_.name && sizeof message.uuid == sizeof config_.uuid);
        __builtin_memcpy(message.name, config_.name, sizeof message.name);
        message.vcpus = config_.vcpus;
        message.tsc_khz = workshop_.start.tsc_khz;
        message.boot_tsc = workshop_.start.boot_tsc;
        message.wall_clock_ns = workshop_.start.wall_clock_ns;
        const std::uint64_t bytes[] = {plan_.low_bytes, plan_.high_bytes};
        message.ram_count = static_cast<pb_size_t>(range_count());
        for (std::uint32_t range = 0; range < range_count(); ++range) {
            message.ram[range] = {range_address(range), bytes[range]};
        }
        message.entry = image_.entry.value;
        message.start_info = plan_.start.start_info.value;
        message.console_gfn = guest_layout::console_gfn.value;
        message.console_port = console_port.value;
        message.crash_after_exits = crash_after_exits_;
        message.max_grant_version = config_.max_grant_version;
        __builtin_memcpy(&message.uuid, &config_.uuid, sizeof message.uuid);
        const auto length = encode(message, start_message_);
        start_length_ = length ? *length : 0;
        return length.ok();
    }

    const Workshop& workshop_;
    BootImage& kernels_;
    BootImage& ramdisks_;
    DomainRecord& domain_;
    const bulkhead_Domain& config_;
    const DomainSlots slots_;
    const std::uint32_t crash_after_exits_;

    std::span<const std::uint8_t> kernel_{};
    PvhImage image_{};
    MemoryPlan plan_{};
    SpawnPlan spawn_{};
    Spawned spawned_{};
    std::uint8_t start_message_[512]{};
    std::uint32_t start_length_{0};
    BuildFailure failure_{};
};
static_assert(2 + 2 + 5 + spawn_slots - 2 + max_vcpus * sealed_per_vcpu < vault_slots,
              "the vault holds what is sealed; slot 0 is never used");
static_assert(bulkhead_MonitorStart_size <= 512);

} // namespace

BuildFailure build_domain(const Workshop& workshop, BootImage& kernels, BootImage& ramdisks, DomainRecord& domain,
                          std::uint32_t crash_after_exits) {
    const BuildFailure failure = Build{workshop, kernels, ramdisks, domain, crash_after_exits}.run();
    kernels.unmap();
    if (failure.failed()) {
        (void)take_down_domain(domain);
    }
    return failure;
}

} // namespace bulkhead::domain
