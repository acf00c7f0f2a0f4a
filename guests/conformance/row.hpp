// SPDX-License-Identifier: Apache-2.0
// What a row of the conformance table is: a hypercall with its arguments, what it must answer, and what says so. The
// same rows run in every image; the host prints them (test/conformance). It must not know: how a hypercall is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bulkhead::conformance {

/// The images that one source is built as, by what their CPU does.
enum Width : std::uint8_t {
    real_started = 1, ///< has been in real mode, then as flat
    flat = 2,         ///< 32-bit protected mode without paging
    two_level = 4,    ///< 32-bit with two levels of tables
    pae = 8,          ///< 32-bit with PAE paging
    wide = 16,        ///< 64-bit
};
inline constexpr std::uint8_t any_width = real_started | flat | two_level | pae | wide;
inline constexpr std::uint8_t paged = two_level | pae | wide;
inline constexpr std::uint8_t narrow = any_width & ~wide;

/// Which versions of a grant table the domain may have.
enum GrantVersions : std::uint8_t { version_1_only = 1, both_versions = 2 };
inline constexpr std::uint8_t any_versions = version_1_only | both_versions;

/// The ways to run an image (main.cpp).
enum class Run : std::uint8_t { alone, beside, version_2, version_2_beside };
inline constexpr Run runs[] = {Run::alone, Run::beside, Run::version_2, Run::version_2_beside};
constexpr bool has_peer(Run run) {
    return run == Run::beside || run == Run::version_2_beside;
}
constexpr GrantVersions versions_of(Run run) {
    return run == Run::alone || run == Run::beside ? version_1_only : both_versions;
}

/// What a row sees besides the result: the first side effect that was not as promised.
class Effects {
public:
    void equal(const char* what, std::int64_t got, std::int64_t want) {
        if (got != want && wrong_ == nullptr) {
            wrong_ = what;
            got_ = got;
            want_ = want;
        }
    }
    void check(const char* what, bool holds) { equal(what, holds ? 1 : 0, 1); }

    const char* wrong() const { return wrong_; }
    std::int64_t got() const { return got_; }
    std::int64_t want() const { return want_; }

private:
    const char* wrong_{nullptr};
    std::int64_t got_{0};
    std::int64_t want_{0};
};

/// Xen answers otherwise, and why we do not.
struct OnXen {
    std::int64_t want{0};
    const char* reason{nullptr};    ///< nullptr: it answers as the row says
    bool effects{true};             ///< whether the side effects are the same there
    std::uint8_t widths{any_width}; ///< in which images it does
};

struct Row {
    const char* name; ///< unique; at most 48 characters
    const char* source;
    std::int64_t (*run)(Effects&);
    std::int64_t want;
    std::uint8_t widths{any_width};
    OnXen xen{};
    std::uint8_t versions{any_versions}; ///< in domains that may have these, where its group runs in both
};

/// Kinds of handle to try an operation's structure at.
enum class Place : std::uint8_t {
    aligned,       ///< good: at the start of a page
    unaligned,     ///< good: at an odd address
    across_pages,  ///< good: the first half in one page, the second in the next
    read_only,     ///< in a page that the guest's own tables do not let it write
    unmapped,      ///< nothing is mapped there (without paging: no RAM there)
    no_ram,        ///< mapped, but no RAM behind it
    past_ram,      ///< the first half in the last page of RAM, the second behind it
    wrapping,      ///< the structure would wrap around the end of the address space
    not_canonical, ///< 64-bit only
    count
};

/// An operation that reads (and perhaps writes) one structure, to be called with its handle at every kind of place.
struct HandleCase {
    const char* name;
    const char* source;
    std::size_t size;
    bool writes;                          ///< the structure is written back
    void (*fill)(void* at);               ///< a harmless request
    std::int64_t (*call)(std::uintptr_t); ///< with that handle
    void (*undo)(const void* at);         ///< after a success, or nullptr
    std::int64_t want;                    ///< at a good place
};

struct Group {
    const char* name;
    std::span<const Row> rows;
};

/// The table of a run: groups may be in more than one.
std::span<const Group> row_groups(Run run);
std::span<const HandleCase> handle_cases(Run run);
/// Of the two files that define some.
std::span<const HandleCase> common_handle_cases();
std::span<const HandleCase> version_2_handle_cases();

// One file each, in the order in which they run.
extern const Group version_rows;
extern const Group mode_rows;
extern const Group number_rows;
extern const Group event_rows;
extern const Group event_hostile_rows;
extern const Group sched_rows;
extern const Group vcpu_rows;
extern const Group timer_rows;
extern const Group memory_rows;
extern const Group physmap_rows;
extern const Group hvm_rows;
extern const Group grant_rows;
extern const Group grant_copy_rows;
extern const Group misc_rows;
extern const Group privileged_rows;
extern const Group upper_bits_rows;
extern const Group list_rows;
extern const Group fifo_rows;
extern const Group last_rows;
extern const Group peer_rows;
extern const Group second_vcpu_rows;
extern const Group second_vcpu_fifo_rows;
extern const Group version_2_rows;
extern const Group status_frame_rows;
extern const Group version_2_entry_rows;
extern const Group version_2_peer_rows;

} // namespace bulkhead::conformance
