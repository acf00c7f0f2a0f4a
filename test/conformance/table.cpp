// SPDX-License-Identifier: Apache-2.0
// Prints the conformance table on the host. `rows IMAGE`: the names of the rows that run in that image,
// or (IMAGE_beside) that it runs beside a peer. `differences`:
// docs/abi-differences.md. `check`: that names are unique and of a length that Xen's log does not cut.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <set>
#include <string>

#include "beside.hpp"
#include "table.hpp"

extern "C" {
extern const char second_vcpu_code[];
extern volatile std::uint32_t second_vcpu_turns, second_vcpu_stays;
const char second_vcpu_code[1]{};
volatile std::uint32_t second_vcpu_turns, second_vcpu_stays;
}

// No row runs here: what they call is only there to be linked.
namespace bulkhead::conformance {
std::int64_t issue(Word, Word, Word, Word, Word, Word) {
    std::abort();
}
std::int64_t issue_by_page(Word, Word, Word) {
    std::abort();
}
unsigned char scratch[scratch_pages][page_bytes];
unsigned char ballast[page_bytes];
Word place(Place, std::size_t) {
    std::abort();
}
Word frame_without_ram() {
    std::abort();
}
shared_info& shared() {
    std::abort();
}
vcpu_info& own_vcpu_info() {
    std::abort();
}
void move_vcpu_info(vcpu_info*) {}
std::uint64_t system_time() {
    std::abort();
}
bool pending(std::uint32_t) {
    std::abort();
}
void clear_pending(std::uint32_t) {}
domid_t own_domain() {
    std::abort();
}
domid_t peer() {
    std::abort();
}
volatile Exchange& exchange() {
    std::abort();
}
bool await_event(std::uint32_t) {
    std::abort();
}
Word window(std::uint32_t) {
    std::abort();
}
bool await(bool (*)()) {
    std::abort();
}
std::int32_t answer_in_real_mode() {
    std::abort();
}
std::int32_t answer_in_protected16() {
    std::abort();
}
} // namespace bulkhead::conformance

namespace {

using namespace bulkhead::conformance;

struct Listed {
    std::string name;
    const char* source;
    std::int64_t want;
    std::uint8_t widths;
    OnXen xen;
};

void visit_rows(std::span<const Group> groups, const std::function<void(const Listed&)>& visit) {
    for (const Group& group : groups) {
        for (const Row& row : group.rows) {
            visit({row.name, row.source, row.want, row.widths, row.xen});
        }
    }
}

void for_each_row_alone(const std::function<void(const Listed&)>& visit) {
    for (const HandleCase& c : handle_cases()) {
        for (std::uint8_t p = 0; p < static_cast<std::uint8_t>(Place::count); ++p) {
            const auto place = static_cast<Place>(p);
            visit({std::string{"handle/"} + c.name + " " + name_of(place), c.source, wanted(c, place), widths_of(place),
                   on_xen(c, place)});
        }
    }
    visit_rows(row_groups(), visit);
}

void for_each_row(const std::function<void(const Listed&)>& visit) {
    for_each_row_alone(visit);
    visit_rows(groups_beside(), visit);
}

constexpr struct {
    const char* name;
    Width width;
} images[] = {{"conformance16", real_started},
              {"conformance32", flat},
              {"conformance32_two_level", two_level},
              {"conformance32_pae", pae},
              {"conformance64", wide}};

/// An image's own rows, or with `_beside` behind its name those that it runs beside a peer.
int print_rows(const char* run) {
    for (const auto& known : images) {
        const auto print = [&](const Listed& row) {
            if ((row.widths & known.width) != 0) {
                std::printf("%s\n", row.name.c_str());
            }
        };
        if (std::strcmp(known.name, run) == 0) {
            for_each_row_alone(print);
            return 0;
        }
        if (std::string{known.name} + "_beside" == run) {
            visit_rows(groups_beside(), print);
            return 0;
        }
    }
    std::fprintf(stderr, "there is no image %s\n", run);
    return 2;
}

/// As the public headers name it; 0 and what is no error as a number.
std::string result_name(std::int64_t value) {
    constexpr struct {
        const char* name;
        int number;
    } errors[] = {
#define XEN_ERRNO(name, number) {#name, number},
#include <xen/errno.h>
    };
    for (const auto& error : errors) {
        if (value == -error.number) {
            return std::string{"-"} + error.name;
        }
    }
    return std::to_string(value);
}

void print_differences() {
    std::printf("<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
                "<!-- Written by test/conformance/table.cpp (conformance_table differences): do not edit. -->\n\n"
                "# Where Bulkhead and Xen answer differently\n\n"
                "Rows of the conformance table (`guests/conformance`) that Debian's Xen 4.17 answers otherwise, and "
                "why we do not. Both are\n"
                "measured: the same images run on both (`./bulkhead test --on xen`).\n\n"
                "| row | what says so | Bulkhead | Xen 4.17 | why |\n|---|---|---|---|---|\n");
    for_each_row([](const Listed& row) {
        if (row.xen.reason != nullptr) {
            std::printf("| %s | %s | %s | %s%s | %s |\n", row.name.c_str(), row.source, result_name(row.want).c_str(),
                        result_name(row.xen.want).c_str(), row.xen.effects ? "" : ", and other side effects",
                        row.xen.reason);
        }
    });
}

int check() {
    constexpr std::size_t longest = 60;
    int wrong = 0;
    std::size_t count = 0;
    std::set<std::string> names;
    for_each_row([&](const Listed& row) {
        ++count;
        const bool bad = row.name.size() > longest || row.name.find_first_of(":=|") != std::string::npos ||
                         row.widths == 0 || row.source == nullptr || !names.insert(row.name).second;
        if (bad) {
            std::printf("not a good row: %s\n", row.name.c_str());
            ++wrong;
        }
    });
    std::printf("%zu rows, %d of them wrong\n", count, wrong);
    return wrong != 0 || count == 0 ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "rows" && argc == 3) {
        return print_rows(argv[2]);
    }
    if (what == "differences") {
        print_differences();
        return 0;
    }
    if (what == "check") {
        return check();
    }
    std::fprintf(stderr, "usage: conformance_table rows IMAGE | differences | check\n");
    return 2;
}
