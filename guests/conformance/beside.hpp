// SPDX-License-Identifier: Apache-2.0
// The second way to run the guest: with two vCPUs, beside a peer. The peer is the same image with `role=peer`, the
// domain that was created just before. It grants pages and offers ports, and says in the first page what is where.
// It must not know: any row.
#pragma once

#include "machine.hpp"

namespace bulkhead::conformance {

/// What the peer grants: entries of its table, whichever its version.
inline constexpr grant_ref_t exchange_ref = 8, writable_ref = 9, read_only_ref = 10, others_ref = 11, empty_ref = 12;
inline constexpr domid_t somebody_else = 0;
inline constexpr unsigned char peers_byte = 0x5b; ///< all over its pages

/// The peer's first page, as both sides see it.
struct Exchange {
    std::uint32_t ready;       ///< exchange_ready: the rest is valid
    std::uint32_t offered;     ///< a port for us
    std::uint32_t others;      ///< one for somebody else
    std::uint32_t ipi, closed; ///< ports that nobody can bind to
    std::uint32_t heard;       ///< how often the peer has been sent something, and has answered
    std::uint32_t end;         ///< for us to say
    std::uint32_t asked;       ///< 1 + the grant_table_op that the peer is to make, until it has
    std::int32_t result;       ///< of that
    std::uint64_t argument[5]; ///< its structure
};
inline constexpr std::uint32_t exchange_ready = 0xc0f0'0001;

/// Both are there once we have met.
domid_t peer();
volatile Exchange& exchange();
/// False: there is none.
bool meet_peer();
void dismiss_peer();
/// The peer's whole life, with a grant table of that version.
void serve_as_peer(std::uint32_t grant_version);

/// Has the peer make a grant_table_op on one structure, in its own memory: it is the same image, so addresses mean the
/// same there.
std::int64_t ask_peer(Word operation, void* argument, std::size_t bytes);
template <typename T> std::int64_t ask_peer(Word operation, T& argument) {
    static_assert(sizeof(T) <= sizeof(Exchange::argument));
    return ask_peer(operation, &argument, sizeof argument);
}

/// Sleeps until the port is pending, or patience has ended.
bool await_event(std::uint32_t port);
/// Where nothing is mapped, to map grants there.
Word window(std::uint32_t page);
/// Sleeps until it is so. False: patience has ended.
bool await(bool (*condition)());

} // namespace bulkhead::conformance
