// SPDX-License-Identifier: Apache-2.0
// Messages: what is encoded is decoded; what is not a message is refused; every message fits where it must.
// REQ-MSG-001 REQ-COMP-004
#include <catch2/catch.hpp>

#include <random>

#include <bulkhead/message.hpp>
#include <bulkhead/spawn.hpp>

#include <console.pb.h>
#include <domain.pb.h>
#include <event.pb.h>
#include <grant.pb.h>
#include <memory.pb.h>

using namespace bulkhead;

// The largest encoding of everything that travels by call fits a UTCB, and start messages fit their page.
static_assert(bulkhead_ConsoleRequest_size <= Utcb::data_size && bulkhead_ConsoleReply_size <= Utcb::data_size);
static_assert(bulkhead_DomainRequest_size <= Utcb::data_size && bulkhead_DomainReply_size <= Utcb::data_size);
static_assert(bulkhead_EventRequest_size <= Utcb::data_size && bulkhead_EventReply_size <= Utcb::data_size);
static_assert(bulkhead_GrantRequest_size <= Utcb::data_size && bulkhead_GrantReply_size <= Utcb::data_size);
static_assert(bulkhead_MemoryRequest_size <= Utcb::data_size && bulkhead_MemoryReply_size <= Utcb::data_size);
static_assert(bulkhead_RootRequest_size <= Utcb::data_size && bulkhead_RootReply_size <= Utcb::data_size);
static_assert(bulkhead_ComponentStart_size <= max_start_message && bulkhead_MonitorStart_size <= max_start_message);

TEST_CASE("a message survives the way through bytes", "[lib]") {
    bulkhead_EventRequest request{};
    request.which_request = bulkhead_EventRequest_bind_interdomain_tag;
    request.request.bind_interdomain = {3, 77, 1024};
    std::uint8_t bytes[100];
    const auto length = encode(request, bytes);
    REQUIRE(length);
    bulkhead_EventRequest again{};
    REQUIRE(decode(std::span<const std::uint8_t>{bytes, *length}, again));
    CHECK(again.which_request == bulkhead_EventRequest_bind_interdomain_tag);
    CHECK(again.request.bind_interdomain.remote == 3);
    CHECK(again.request.bind_interdomain.remote_port == 77);
    CHECK(again.request.bind_interdomain.limit == 1024);
}

TEST_CASE("a message that does not fit is not cut", "[lib]") {
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_log_tag;
    std::fill_n(request.request.log.text, 511, 'x');
    std::uint8_t bytes[100];
    CHECK(encode(request, bytes).status() == Status::out_of_range);
}

TEST_CASE("random bytes are refused or decoded, never more", "[lib]") {
    std::mt19937 random{11};
    std::uint32_t good = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::vector<std::uint8_t> bytes(random() % 60);
        for (auto& byte : bytes) {
            byte = static_cast<std::uint8_t>(random() % 3 == 0 ? random() % 32 : random());
        }
        bytes.shrink_to_fit();
        bulkhead_MemoryRequest memory{};
        bulkhead_ConsoleRequest console{};
        good += decode(std::span<const std::uint8_t>{bytes}, memory) ? 1u : 0u;
        if (decode(std::span<const std::uint8_t>{bytes}, console) &&
            console.which_request == bulkhead_ConsoleRequest_log_tag) {
            REQUIRE(std::char_traits<char>::length(console.request.log.text) < sizeof console.request.log.text);
        }
    }
    CHECK(good > 100);
}
