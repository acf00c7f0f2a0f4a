// SPDX-License-Identifier: Apache-2.0
// Prints the conformance table on the host. `rows IMAGE`: the names of the rows that run in that image, or (IMAGE_v2)
// that it runs in a domain that may have grant tables of version 2, either with `_beside` behind it for those beside a
// peer. `differences`: docs/abi-differences.md. `check`: that names are unique and of a length that Xen's log does not
// cut.
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
std::int64_t ask_peer(Word, void*, std::size_t) {
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

using Visit = std::function<void(const Listed&)>;

void visit_handles(Run run, const Visit& visit) {
    for (const HandleCase& c : handle_cases(run)) {
        for (std::uint8_t p = 0; p < static_cast<std::uint8_t>(Place::count); ++p) {
            const auto place = static_cast<Place>(p);
            visit({std::string{"handle/"} + c.name + " " + name_of(place), c.source, wanted(c, place), widths_of(place),
                   on_xen(c, place)});
        }
    }
}
void visit_rows(const Group& group, const Visit& visit) {
    for (const Row& row : group.rows) {
        visit({row.name, row.source, row.want, row.widths, row.xen});
    }
}

/// Each once, though there are groups that run in more than one way.
void for_each_row(const Visit& visit) {
    std::set<const Row*> seen;
    for (const Run run : runs) {
        visit_handles(run, visit);
        for (const Group& group : row_groups(run)) {
            if (seen.insert(group.rows.data()).second) {
                visit_rows(group, visit);
            }
        }
    }
}

constexpr struct {
    const char* name;
    Width width;
} images[] = {{"conformance16", real_started},
              {"conformance32", flat},
              {"conformance32_two_level", two_level},
              {"conformance32_pae", pae},
              {"conformance64", wide}};

constexpr struct {
    const char* suffix;
    Run run;
} ways[] = {{"", Run::alone}, {"_beside", Run::beside}, {"_v2", Run::version_2}, {"_v2_beside", Run::version_2_beside}};

/// What an image runs, and how it does so.
int print_rows(const std::string& wanted) {
    for (const auto& image : images) {
        for (const auto& way : ways) {
            if (std::string{image.name} + way.suffix != wanted) {
                continue;
            }
            visit_handles(way.run, [&](const Listed& row) {
                if ((row.widths & image.width) != 0) {
                    std::printf("%s\n", row.name.c_str());
                }
            });
            for (const Group& group : row_groups(way.run)) {
                for (const Row& row : group.rows) {
                    if (belongs_to(row, image.width, way.run)) {
                        std::printf("%s\n", row.name);
                    }
                }
            }
            return 0;
        }
    }
    std::fprintf(stderr, "there is no image %s\n", wanted.c_str());
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
