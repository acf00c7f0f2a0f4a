// SPDX-License-Identifier: Apache-2.0
// services/memory: lends memory for domains and takes it back; answers their XENMEM operations. It holds no capability
// to a domain's RAM, only the Untypeds that RAM was made of.
#include <bulkhead/log.hpp>
#include <bulkhead/start.hpp>

#include <domain.pb.h>

#include "service.hpp"

namespace bulkhead::memory {
namespace {

/// Where the component maps its page bits.
constexpr UserVirt bits_address{0x7000'3000'0000};

/// Takes from the smallest source that has it one bit for each page of all of them, and maps that.
std::span<std::uint64_t> make_bits(std::uint32_t sources) {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < sources; ++i) {
        const auto bytes = sys::info(Selector{slot::first_lendable.value + i});
        total += bytes ? *bytes : 0;
    }
    // Every domain's part is whole words: one more for each of them.
    const std::uint64_t words = total / page_size / 64 + max_domains;
    const std::uint64_t bytes = Lender::round_up(words * sizeof(std::uint64_t));
    for (std::uint32_t i = sources; i-- > 0;) { // the largest come first
        const Selector source{slot::first_lendable.value + i};
        if (sys::retype(source, ObjectType::region, bytes, bits_region) == Status::ok) {
            const Status status =
                sys::map(bits_region, slot::address_space, bits_address.value, Rights::read | Rights::write);
            if (status == Status::ok) {
                return {static_cast<std::uint64_t*>(sys::pointer(bits_address)), words};
            }
            log("cannot map {} bytes of page bits: {}", bytes, status);
            return {};
        }
    }
    log("no memory for {} bytes of page bits", bytes);
    return {};
}

} // namespace
} // namespace bulkhead::memory

extern "C" [[noreturn]] void component_main(std::uint64_t) {
    using namespace bulkhead;
    bulkhead_ComponentStart start{};
    if (!read_start_message(start)) {
        log("no start message: nothing to lend");
    }
    const std::uint32_t sources = start.untyped_count < slot::max_lendable ? start.untyped_count : slot::max_lendable;
    const auto slots = sys::info(slot::cap_space);
    static memory::Service service{memory::make_bits(sources), slots ? static_cast<std::uint32_t>(*slots) : 0};
    for (std::uint32_t i = 0; i < sources; ++i) {
        const Selector source{slot::first_lendable.value + i};
        const auto bytes = sys::info(source);
        if (!bytes || !service.lender().add_source(source, *bytes)) {
            log("cannot lend from slot {}", source);
        }
    }
    log("ready: {} MiB to lend from {} sources", service.lender().total() >> 20, sources);
    Server<memory::Service> server{service, memory::window};
    server.run();
}
