// SPDX-License-Identifier: Apache-2.0
// The straight-line codecs of hot messages against nanopb: the same bytes, and no message that only one of them knows.
// REQ-ABI-005
#include <catch2/catch.hpp>

#include "../lib/codec_checks.hpp"
#include "every_message.hpp"

using namespace bulkhead;

TEST_CASE("straight-line codecs of hot messages write and read nanopb's bytes", "[abi][codec]") {
    int hot = 0;
    test::for_each_message([&]<typename Message>() {
        if constexpr (HasStraightCodec<Message>) {
            test::check_codec<Message>();
            ++hot;
        }
    });
    CHECK(hot >= 3); // that each message called hot has one is the generator's test
}

TEST_CASE("a newer message than the straight-line codec knows is left to nanopb", "[abi][codec]") {
    using Message = bulkhead_guest_GnttabUnmapGrantRef;
    const Message message{5, 6, 7, -8};
    test::Bytes bytes = test::by_nanopb(message);
    bytes.insert(bytes.end(), {15 * 8, 1}); // field 15, which no schema of today has
    Message read{};
    CHECK_FALSE(StraightCodec<Message>::decode(bytes, read));
    REQUIRE(test::nanopb_takes(bytes, read));
    CHECK(read.status == -8);
}
