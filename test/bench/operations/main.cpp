// SPDX-License-Identifier: Apache-2.0
// Reads what the kernel says, has everything measured and ends the machine. Says figures on the serial line itself.
// It must not know: what is measured.
#include <bulkhead/format.hpp>

#include "operations.hpp"
#include "root/machine.hpp"

namespace bulkhead {
namespace {

constexpr root::Machine machine{Selector{boot_slot::io_ports}};

const BootInfo& boot_info() {
    return *static_cast<const BootInfo*>(sys::pointer(boot_info_address));
}

void say(std::string_view text) {
    machine.write_serial(text);
    machine.write_serial("\n");
}

/// The kernel's command line has profile=ROW; empty: it has not.
std::string_view profiled_row() {
    constexpr std::string_view key = "profile=";
    const char* const line = boot_info().command_line;
    const std::string_view text{line, __builtin_strlen(line)};
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) {
        return {};
    }
    const std::string_view rest = text.substr(at + key.size());
    return rest.substr(0, rest.find(' '));
}

[[noreturn]] void end(std::uint32_t value) {
    machine.debug_exit(boot_info().debug_exit_port, value);
    for (;;) {
        (void)sys::reply_wait({}); // nobody calls
    }
}

} // namespace

std::uint32_t rounds_of(const char* row, std::uint32_t times) {
    const std::string_view profiled = profiled_row();
    if (profiled.empty()) {
        return times;
    }
    if (profiled != row) {
        return 0;
    }
    say("bench: profiling");
    return ~std::uint32_t{0};
}

void report(const char* row, const Samples& samples) {
    if (samples.empty()) {
        return;
    }
    const Figures figures = samples.figures();
    char text[128];
    say(format_to(text, "bench: {} {} {} {} {}", row, figures.least, figures.median, figures.largest, figures.count));
}

void operations::expect(bool condition, const char* what) {
    if (!condition) {
        char text[128];
        say(format_to(text, "bench: FAIL {}", what));
        end(root::exit_bad);
    }
}

void operations::make(ObjectType type, std::uint64_t size, Selector destination) {
    expect_ok(sys::retype(own_slot::memory, type, size, destination), "an object is made");
}

} // namespace bulkhead

extern "C" [[noreturn]] void component_main(std::uint64_t argument) {
    using namespace bulkhead;
    using namespace bulkhead::operations;
    if (argument != boot_info_address.value) {
        work(static_cast<Work>(argument));
    }
    const BootInfo& boot = boot_info();
    expect(boot.magic == boot_info_magic && boot.abi_version == kernel_abi_version, "the kernel is of this version");
    expect(boot.module_count == 1 && boot.untyped_count != 0, "its own file is there once more, and memory");
    const Workers workers = start_workers(Selector{boot_slot::first_module}, boot.module_size[0]);
    measure_calls(workers);
    measure_signals(workers);
    measure_capabilities();
    measure_mappings();
    say("bench: done");
    end(root::exit_good);
}
