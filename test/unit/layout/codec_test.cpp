// SPDX-License-Identifier: Apache-2.0
// The straight-line codecs of hot messages against nanopb: the same bytes, and no message that only one of them knows.
// REQ-ABI-005
#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <pb_decode.h>
#include <pb_encode.h>

#include <guest_grant_table.layout.hpp>

using namespace bulkhead::guest;

namespace {

using Bytes = std::vector<std::uint8_t>;

template <typename M> Bytes by_nanopb(const M& message) {
    Bytes bytes(256);
    pb_ostream_t stream = pb_ostream_from_buffer(bytes.data(), bytes.size());
    REQUIRE(pb_encode(&stream, nanopb::MessageDescriptor<M>::fields(), &message));
    bytes.resize(stream.bytes_written);
    return bytes;
}

template <typename M> bool nanopb_reads(const Bytes& bytes, M& message) {
    pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
    return pb_decode(&stream, nanopb::MessageDescriptor<M>::fields(), &message);
}

template <typename M> Bytes straight(const M& message) {
    Bytes bytes(256);
    std::size_t size = 0;
    REQUIRE(encode_straight(message, bytes, size));
    bytes.resize(size);
    return bytes;
}

/// Numbers of every length: a random number of low bits.
std::uint64_t number(std::mt19937_64& random) {
    const auto bits = static_cast<std::uint32_t>(random() % 65);
    return bits == 0 ? 0 : random() >> (64 - bits);
}

void fill(std::mt19937_64& random, bulkhead_guest_GnttabMapGrantRef& m) {
    const auto word = [&] { return static_cast<std::uint32_t>(number(random)); };
    m = {number(random), word(), word(), word(), static_cast<std::int32_t>(word()), word(), number(random)};
}
void fill(std::mt19937_64& random, bulkhead_guest_GnttabUnmapGrantRef& m) {
    m = {number(random), number(random), static_cast<std::uint32_t>(number(random)),
         static_cast<std::int32_t>(number(random))};
}
void fill(std::mt19937_64& random, bulkhead_guest_GnttabCopy& m) {
    m = {};
    const auto word = [&] { return static_cast<std::uint32_t>(number(random)); };
    switch (random() % 3) {
    case 0:
        m.which_source = bulkhead_guest_GnttabCopy_source_gmfn_tag;
        m.source.source_gmfn = number(random);
        break;
    case 1:
        m.which_source = bulkhead_guest_GnttabCopy_source_ref_tag;
        m.source.source_ref = word();
        break;
    default:
        break;
    }
    if (random() % 2 != 0) {
        m.which_dest = bulkhead_guest_GnttabCopy_dest_gmfn_tag;
        m.dest.dest_gmfn = number(random);
    }
    m.source_domid = word();
    m.source_offset = word();
    m.dest_domid = word();
    m.dest_offset = word();
    m.len = word();
    m.flags = word();
    m.status = static_cast<std::int32_t>(word());
}

template <typename M> void compare_codecs(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    bool same = true;
    for (int round = 0; round < 2000 && same; ++round) {
        M message;
        fill(random, message);
        const Bytes bytes = straight(message);
        M read{};
        same = bytes == by_nanopb(message) && decode_straight(bytes, read) && by_nanopb(read) == bytes;

        // Damaged: what this codec still takes, nanopb takes for the same.
        Bytes damaged = bytes;
        damaged.resize(damaged.size() + random() % 3, static_cast<std::uint8_t>(random()));
        if (!damaged.empty()) {
            damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
            damaged.resize(random() % (damaged.size() + 1));
        }
        M mine{}, theirs{};
        if (decode_straight(damaged, mine)) {
            same = same && nanopb_reads(damaged, theirs) && by_nanopb(mine) == by_nanopb(theirs);
        }
        // No room: said, and nothing written behind the end.
        if (!bytes.empty()) {
            Bytes small(bytes.size() - 1);
            std::size_t size = 0;
            same = same && !encode_straight(message, small, size);
        }
    }
    CHECK(same);
}

} // namespace

TEST_CASE("straight-line codecs write and read nanopb's bytes", "[abi][codec]") {
    compare_codecs<bulkhead_guest_GnttabMapGrantRef>(1);
    compare_codecs<bulkhead_guest_GnttabUnmapGrantRef>(2);
    compare_codecs<bulkhead_guest_GnttabCopy>(3);
}

TEST_CASE("a newer message than the straight-line codec knows is left to nanopb", "[abi][codec]") {
    bulkhead_guest_GnttabUnmapGrantRef message{5, 6, 7, -8};
    Bytes bytes = straight(message);
    bytes.insert(bytes.end(), {15 * 8, 1}); // field 15, which no schema of today has
    bulkhead_guest_GnttabUnmapGrantRef read{};
    CHECK_FALSE(decode_straight(bytes, read));
    REQUIRE(nanopb_reads(bytes, read));
    CHECK(read.status == -8);
}
