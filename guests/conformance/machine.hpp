// SPDX-License-Identifier: Apache-2.0
// What rows are written with: hypercalls of the image's width, memory to put arguments in, shared_info.
// It must not know: any row.
#pragma once

#include <bulkhead/xen.hpp>

#include "row.hpp"

namespace bulkhead::conformance {

/// A register's worth, as the image's code has it.
using Word = std::uintptr_t;

/// The hypercall; a 32-bit result is extended by its sign.
std::int64_t issue(Word number, Word a = 0, Word b = 0, Word c = 0, Word d = 0, Word e = 0);
/// The same, through the hypercall page.
std::int64_t issue_by_page(Word number, Word a, Word b);

template <typename T> Word address_of(T& object) {
    return reinterpret_cast<Word>(&object);
}
/// The common form: an operation and a structure for it.
template <typename T> std::int64_t operate(Word number, Word operation, T& argument) {
    return issue(number, operation, address_of(argument));
}
/// 1 for whatever is greater than 0: results of which the row promises no more.
constexpr std::int64_t positive(std::int64_t result) {
    return result > 0 ? 1 : result;
}

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t scratch_pages = 6;
/// Zeroed before each row.
extern unsigned char scratch[scratch_pages][page_bytes];
/// A page that rows may take out of the guest's map and put back.
extern unsigned char ballast[page_bytes];
inline Word frame_of(const void* at) {
    return reinterpret_cast<Word>(at) / page_bytes;
}

/// Where the handles of that kind point to, for a structure of that size.
Word place(Place kind, std::size_t size);
/// A frame behind all RAM.
Word frame_without_ram();

shared_info& shared();
vcpu_info& own_vcpu_info();
void move_vcpu_info(vcpu_info* to);
/// Nanoseconds by the clock in vcpu_info.
std::uint64_t system_time();
bool pending(std::uint32_t port);
void clear_pending(std::uint32_t port);

/// The domain's own number, however it had to be found.
domid_t own_domain();
inline constexpr domid_t another_domain = 0;
inline constexpr domid_t no_domain = 0x7000;
/// For rows that name `no_domain`.
inline constexpr OnXen tells_who_exists{-XEN_ESRCH,
                                        "Xen tells a domain which others exist. Here it does not learn that."};
inline constexpr OnXen tells_who_is_there{-XEN_EPERM, tells_who_exists.reason};
inline constexpr OnXen tells_who_exists_by_status{0, tells_who_exists.reason, false};

/// Of this image.
extern const Width own_width;
/// What hypercalls from real mode and 16-bit protected mode answered (the image that starts there).
std::int32_t answer_in_real_mode();
std::int32_t answer_in_protected16();
void set_up_machine();

} // namespace bulkhead::conformance
