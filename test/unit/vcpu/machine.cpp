// SPDX-License-Identifier: Apache-2.0
// The kernel and the components of the monitor's tests.
#include "machine.hpp"

#include <cstdlib>
#include <cstring>

#include <catch2/catch.hpp>

namespace bulkhead::vcpu::test {

namespace {

Machine* current = nullptr;
Utcb thread_utcb{};

template <typename T> T* new_pages(std::size_t bytes) {
    void* memory = std::aligned_alloc(page_size, bytes);
    std::memset(memory, 0, bytes);
    return static_cast<T*>(memory);
}

Tsc fake_now() {
    return Tsc{Machine::tsc};
}

constexpr std::uint64_t present = 1, writable = 2;

} // namespace

Machine::Machine(bool start_it, std::uint32_t vcpus)
    : ram_{new_pages<std::uint8_t>(ram_bytes), std::free}, shared_{new_pages<shared_info>(page_size), std::free},
      states_{new_pages<std::uint8_t>(max_vcpus * page_size), std::free},
      events_{new_pages<EventPage>(page_size), std::free}, vcpus_{vcpus} {
    current = this;
    tsc = 1'000'000;
    sys::utcb() = {};
    memory = [](const bulkhead_MemoryRequest&, bulkhead_MemoryReply&) {};
    grant = [](const bulkhead_GrantRequest&, bulkhead_GrantReply&) {};
    offers_format = [](OfferFormat) {
        FAIL("nobody changes how the grant table is read");
        return Status::no_right;
    };
    event = [](const bulkhead_EventRequest&, bulkhead_EventReply&) { return 0u; };
    on_wait = [] {};
    write_start_info();
    void* states = states_.get();
    Mappings mappings{ram(), shared_.get(), static_cast<VcpuState*>(states), {}, {}, holes_};
    for (std::uint32_t i = 0; i < max_vcpus; ++i) {
        mappings.events[i] = mappings.bells[i] = events_.get();
    }
    monitor_ = std::make_unique<Monitor>(Processor{fake_cpuid, fake_now}, mappings);
    d().log.set_sink([](std::span<const char> line) { current->log.emplace_back(line.data(), line.size()); });
    if (start_it) {
        REQUIRE(monitor_->start(start_message()) == nullptr);
    }
}

Machine::~Machine() {
    current = nullptr;
}

void Machine::write_start_info() {
    hvm_start_info info{};
    info.magic = XEN_HVM_START_MAGIC_VALUE;
    info.version = 1;
    info.memmap_paddr = start_info_address + sizeof info;
    info.memmap_entries = 2;
    store(start_info_address, info);
    const hvm_memmap_table_entry map[2] = {{0, 0xa0000, XEN_HVM_MEMMAP_TYPE_RAM, 0},
                                           {0x10'0000, ram_bytes - 0x10'0000, XEN_HVM_MEMMAP_TYPE_RAM, 0}};
    store(info.memmap_paddr, map);
}

bulkhead_MonitorStart Machine::start_message() const {
    bulkhead_MonitorStart start{};
    start.domain = own_domain;
    start.vcpus = vcpus_;
    start.tsc_khz = 1'000'000; // one tick is one nanosecond
    start.boot_tsc = 0;
    start.wall_clock_ns = 1'700'000'000'123'456'789;
    start.ram_count = 1;
    start.ram[0] = {0, ram_bytes};
    start.entry = entry_address;
    start.start_info = start_info_address;
    start.console_gfn = 0x3ff;
    start.console_port = console_port;
    start.uuid.size = 16;
    for (std::uint8_t i = 0; i < 16; ++i) {
        start.uuid.bytes[i] = static_cast<std::uint8_t>(0xa0 + i);
    }
    return start;
}

void Machine::map(std::uint64_t root, std::uint64_t address, std::uint64_t flags, std::uint64_t physical) {
    std::uint64_t table = root;
    for (std::uint32_t level = 4; level > 1; --level) {
        const std::uint64_t slot = table + ((address >> (12 + 9 * (level - 1))) & 0x1ff) * 8;
        if (load<std::uint64_t>(slot) == 0) {
            store(slot, next_table_ | present | writable);
            next_table_ += page_size;
        }
        table = load<std::uint64_t>(slot) & ~0xfffull;
    }
    store(table + ((address >> 12) & 0x1ff) * 8, physical | flags);
}

void Machine::enter_long_mode() {
    const std::uint64_t root = next_table_;
    next_table_ += page_size;
    for (std::uint64_t address = 0; address < ram_bytes; address += page_size) {
        map(root, address, address == read_only_page ? present : present | writable, address);
    }
    VcpuState& s = state();
    s.cr0 = 0x8001'0011; // PG WP ET PE
    s.cr3 = root;
    s.cr4 = 0x20;
    s.efer = 0xd01;
    s.cs.access = 0xa9b; // L
    s.cpl = 0;
    s.rip = entry_address;
}

xen::Result Machine::hypercall(std::uint64_t number, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                               std::uint64_t e) {
    gpr(Gpr::rax) = number;
    gpr(Gpr::rdi) = a;
    gpr(Gpr::rsi) = b;
    gpr(Gpr::rdx) = c;
    gpr(Gpr::r10) = e;
    state().instruction_length = 3;
    handle_hypercall(d(), v());
    return static_cast<xen::Result>(gpr(Gpr::rax));
}

sys::Raw Machine::call(std::uint64_t portal, MessageInfo info) {
    if (call_status != Status::ok) {
        return {call_status, 0};
    }
    Utcb& utcb = thread_utcb;
    receive_selector = utcb.receive_selector;
    const std::span<const std::uint8_t> bytes{utcb.data, info.length};
    std::uint32_t caps = 0;
    const auto answer = [&](auto request, auto reply, auto&& component) {
        REQUIRE(decode(bytes, request));
        component(request, reply);
        const auto length = encode(reply, utcb.data);
        REQUIRE(length.ok());
        return sys::Raw{Status::ok, MessageInfo{*length, caps}.pack()};
    };
    if (portal == slot::memory.value) {
        return answer(bulkhead_MemoryRequest{}, bulkhead_MemoryReply{}, memory);
    }
    if (portal == slot::grant.value) {
        return answer(bulkhead_GrantRequest{}, bulkhead_GrantReply{}, [&](const auto& request, auto& reply) {
            grant(request, reply);
            caps = request.which_request == bulkhead_GrantRequest_peer_tag && reply.result == 0 ? 1 : 0;
        });
    }
    if (portal == slot::event.value) {
        return answer(bulkhead_EventRequest{}, bulkhead_EventReply{},
                      [&](const auto& request, auto& reply) { caps = event(request, reply); });
    }
    FAIL("a call of an unexpected portal");
    return {Status::bad_selector, 0};
}

sys::Raw Machine::invoke(const std::uint64_t (&a)[6]) {
    switch (static_cast<Method>(a[1])) {
    case Method::vcpu_expose:
        exposed.push_back(static_cast<VcpuGroups>(a[2]));
        return {Status::ok, 0};
    case Method::cap_move:
        moves.emplace_back(static_cast<std::uint32_t>(a[2]), static_cast<std::uint32_t>(a[3]));
        return {Status::ok, 0};
    case Method::restore:
        REQUIRE(a[4] == 7);
        if (map_status == Status::ok) {
            const std::uint64_t done = a[3] < restore_step ? a[3] : restore_step;
            restored.push_back({static_cast<std::uint32_t>(a[0]), a[2] / page_size, done});
            return {map_status, done};
        }
        return {map_status, 0};
    case Method::cap_mint:
        REQUIRE(static_cast<std::uint32_t>(a[3]) == slot::guest_ram.value);
        mapped.push_back({static_cast<std::uint32_t>(a[2]), 0, a[4] / page_size, a[5] / page_size});
        return {Status::ok, 0};
    case Method::map:
        REQUIRE((!mapped.empty() && mapped.back().slot == a[0] && a[2] == slot::stage2.value && a[4] == 7));
        mapped.back().gfn = a[3] / page_size;
        return {map_status, 0};
    case Method::offers_format:
        REQUIRE(a[0] == slot::own_offers.value);
        return {offers_format(static_cast<OfferFormat>(a[2])), 0};
    case Method::offers_map: {
        const auto to = static_cast<std::uint32_t>(a[3]);
        REQUIRE((to == slot::offers_to_guest.value || to == slot::offers_to_monitor.value));
        REQUIRE(a[3] >> 32 == slot::foreign_pages.value);
        const auto owner = static_cast<std::uint32_t>(a[0]) - slot::offers_of_others.value;
        offered.push_back({owner, static_cast<std::uint32_t>(a[2]), (a[2] & offer_write) != 0,
                           to == slot::offers_to_monitor.value, a[4], static_cast<std::uint32_t>(a[5])});
        return {offers_map(offered.back()), 0};
    }
    case Method::cap_inspect:
        return {inspect_status, 0};
    case Method::cap_delete:
        (a[0] == slot::foreign_pages.value ? given_up : removed).push_back(static_cast<std::uint32_t>(a[2]));
        return {Status::ok, 0};
    default:
        FAIL("an unexpected method");
        return {Status::bad_method, 0};
    }
}

sys::Raw Machine::raw(Syscall number, const std::uint64_t (&a)[6]) {
    switch (number) {
    case Syscall::call:
        return call(a[0], MessageInfo::unpack(a[1]));
    case Syscall::signal:
        signals.push_back(static_cast<std::uint32_t>(a[0]));
        return {signal_status, 0};
    case Syscall::wait:
        ++waits;
        deadlines.push_back(a[1]);
        on_wait();
        return {Status::ok, 0};
    case Syscall::vcpu_run: {
        changed.push_back(static_cast<VcpuGroups>(a[1]));
        deadlines.push_back(a[3]);
        if (a[2] != 0) {
            run_signals.push_back(static_cast<std::uint32_t>(a[2]));
        }
        REQUIRE_FALSE(runs.empty());
        const auto next = runs.front();
        runs.pop_front();
        return next();
    }
    case Syscall::invoke:
        return invoke(a);
    case Syscall::yield:
        ++yields;
        return {Status::ok, 0};
    default:
        FAIL("an unexpected system call");
        return {Status::bad_method, 0};
    }
}

CpuidResult fake_cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
    constexpr std::uint32_t all = 0xffff'ffff;
    switch (leaf) {
    case 0:
        return {0x10, 0x68747541, 0x444d4163, 0x69746e65};
    case 1:
        return {0x60fb1, 0xff08'0800, all, all};
    case 7:
        return subleaf == 0 ? CpuidResult{2, all, all, all} : CpuidResult{all, all, all, all};
    case 0xd:
        switch (subleaf) {
        case 0:
            return {0x2e7, 1000, 2696, 0};
        case 1:
            return {0xf, 900, 0x100, 0};
        case 2:
            return {256, 576, 0, 0};
        case 5:
            return {64, 1088, 0, 0};
        case 9:
            return {8, 2688, 0, 0};
        default:
            return {};
        }
    case 0x8000'0000:
        return {0x8000'0021, 0x68747541, 0x444d4163, 0x69746e65};
    case 0x8000'0001:
        return {0x60fb1, 0x1234, all, all};
    case 0x8000'0008:
        return {0x0030'3028, all, 0x2003, 0};
    default:
        return {all, all, all, all};
    }
}

} // namespace bulkhead::vcpu::test

namespace bulkhead::sys {

Raw raw(Syscall number, std::uint64_t a0, std::uint64_t a1, std::uint64_t a2, std::uint64_t a3, std::uint64_t a4,
        std::uint64_t a5) {
    REQUIRE(vcpu::test::current != nullptr);
    return vcpu::test::current->raw(number, {a0, a1, a2, a3, a4, a5});
}

Utcb& utcb() {
    return vcpu::test::thread_utcb;
}

void* pointer(UserVirt) {
    return nullptr;
}

} // namespace bulkhead::sys
