// SPDX-License-Identifier: Apache-2.0
// Random sequences on the page-table tree against a naive model, watched store by store: each address translates to its
// old or its new mapping at every moment, and a TLB that forgets nothing unless it is told never holds a stale entry.
#include "kernel/mem/page_tree.hpp"

#include "recording_memory.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace bulkhead::kernel {
namespace {

using test::RecordingMemory;
using test::Translation;
using Seen = std::optional<Translation>;

constexpr std::uint64_t page = page_size;
constexpr std::uint64_t window_pages = 3 * 512; // around a 512 GiB boundary: all four levels take part
constexpr std::uint64_t window = (std::uint64_t{1} << 39) - large_page_size;

class Run {
public:
    Run(unsigned seed, unsigned pool_pages) : random_{seed} {
        RecordingMemory::reset();
        root_ = RecordingMemory::add(0x1000);
        RecordingMemory::frames[root_.value].fill(0);
        for (unsigned i = 0; i < pool_pages; ++i) {
            pool_.give(RecordingMemory::add(0x10'0000 + i * page));
        }
        for (std::uint64_t leaf = 0; leaf < 3; ++leaf) {
            for (const std::uint64_t edge : {0u, 1u, 2u, 255u, 510u, 511u}) {
                probes_.insert(leaf * 512 + edge);
            }
        }
        for (int i = 0; i < 20; ++i) {
            probes_.insert(pick(window_pages));
        }
        RecordingMemory::after_store = [this] { observe(); };
    }
    ~Run() { RecordingMemory::reset(); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void operation() {
        const std::uint64_t aligned = pick(2) == 0 ? ~std::uint64_t{511} : ~std::uint64_t{0};
        const std::uint64_t first = pick(window_pages) & aligned;
        const std::uint64_t pages = 1 + pick(pick(3) == 0 ? 8 : window_pages - first);
        const std::uint64_t count = std::min(pages, window_pages - first);
        const std::uint64_t frame = (pick(4096) & aligned) * page;
        if (pick(2) == 0) {
            map(first, frame, count, pick(2) == 0 ? Existing::refuse : Existing::replace);
        } else {
            const FrameRange filter = pick(2) == 0 ? FrameRange{} : FrameRange{HostPhys{frame}, pick(2048) * page};
            unmap(first, count, filter);
        }
        compare();
    }
    unsigned exhausted() const { return exhausted_; }

private:
    std::uint64_t pick(std::uint64_t below) { return random_() % below; }
    std::uint32_t budget() { return static_cast<std::uint32_t>(1 + pick(pick(2) == 0 ? 5 : 700)); }
    Seen model(std::uint64_t index) const {
        const auto found = model_.find(index);
        return found == model_.end() ? Seen{} : Seen{found->second};
    }
    Seen tree(std::uint64_t index) const { return test::translate(root_, window + index * page); }

    /// Another CPU looks after every store: at what it may see, and it caches that.
    void observe() {
        for (const std::uint64_t index : probes_) {
            const Seen now = tree(index);
            const bool known = now == model(index) || (wanted_.contains(index) && now == wanted_.at(index));
            good_ = good_ && known;
            if (now) {
                tlb_[index].push_back(*now);
            }
        }
    }
    void finish(const TreeStep& step) {
        if (step.flush) {
            tlb_.clear();
        }
        for (const auto& [index, entries] : tlb_) {
            for (const Translation& entry : entries) {
                good_ = good_ && tree(index) == Seen{entry};
            }
        }
        for (auto& [index, entries] : tlb_) {
            entries.resize(1);
        }
        REQUIRE(good_);
    }

    void map(std::uint64_t first, std::uint64_t frame, std::uint64_t pages, Existing existing) {
        const PageFlags flags{pick(2) != 0, pick(2) != 0, true, pick(8) == 0};
        wanted_.clear();
        for (std::uint64_t i = 0; i < pages; ++i) {
            wanted_[first + i] = Translation{frame + i * page, flags.write, true, flags.execute, flags.uncached};
        }
        for (std::uint64_t done = 0; done < pages;) {
            const TreeStep step = tree_.map(pool_, window + (first + done) * page, HostPhys{frame + done * page},
                                            pages - done, flags, existing, budget());
            for (std::uint64_t i = 0; i < step.pages_done; ++i) {
                REQUIRE((existing == Existing::replace || !model(first + done + i)));
                model_[first + done + i] = *wanted_.at(first + done + i);
            }
            done += step.pages_done;
            finish(step);
            if (step.status == Status::already_mapped) {
                REQUIRE(existing == Existing::refuse);
                REQUIRE(model(first + done));
                return;
            }
            if (step.status == Status::out_of_memory) {
                REQUIRE(pool_.count() == 0);
                ++exhausted_;
                return;
            }
            REQUIRE((step.status == Status::ok && step.pages_done > 0));
        }
    }

    void unmap(std::uint64_t first, std::uint64_t pages, FrameRange filter) {
        wanted_.clear();
        for (std::uint64_t i = 0; i < pages; ++i) {
            const Seen old = model(first + i);
            wanted_[first + i] = old && filter.contains(HostPhys{old->frame}) ? Seen{} : old;
        }
        unsigned idle = 0;
        for (std::uint64_t done = 0; done < pages;) {
            const TreeStep step = tree_.unmap(pool_, window + (first + done) * page, pages - done, filter, budget());
            for (std::uint64_t i = 0; i < step.pages_done; ++i) {
                if (!wanted_.at(first + done + i)) {
                    model_.erase(first + done + i);
                }
            }
            done += step.pages_done;
            finish(step);
            if (step.status == Status::out_of_memory) {
                REQUIRE(pool_.count() == 0);
                ++exhausted_;
                return;
            }
            REQUIRE(step.status == Status::ok);
            idle = step.pages_done == 0 ? idle + 1 : 0;
            REQUIRE(idle < 2); // a split, at most
        }
    }

    void compare() const {
        bool same = true;
        for (std::uint64_t index = 0; index < window_pages; ++index) {
            same = same && tree(index) == model(index);
            const auto leaf = tree_.lookup(window + index * page);
            const Seen expected = model(index);
            same = same && leaf.present == expected.has_value() &&
                   (!leaf.present || leaf.frame.value + (window + index * page) % leaf.bytes == expected->frame);
        }
        REQUIRE(same);
    }

    std::mt19937 random_;
    HostPhys root_;
    PageTree<NestedFormat, RecordingMemory> tree_{HostPhys{0x1000}};
    BasicPagePool<RecordingMemory> pool_;
    std::map<std::uint64_t, Translation> model_; ///< page of the window -> what it must translate to
    std::map<std::uint64_t, Seen> wanted_;       ///< the running operation's outcome
    std::set<std::uint64_t> probes_;
    std::map<std::uint64_t, std::vector<Translation>> tlb_;
    bool good_{true};
    unsigned exhausted_{0};
};

TEST_CASE("random operations agree with the model at every store (REQ-MEM-001)", "[page_tree]") {
    for (unsigned seed = 0; seed < 12; ++seed) {
        CAPTURE(seed);
        Run run{seed, 64};
        for (int i = 0; i < 60; ++i) {
            run.operation();
        }
    }
}

TEST_CASE("random operations with a small pool", "[page_tree]") {
    unsigned exhausted = 0;
    for (unsigned seed = 100; seed < 120; ++seed) {
        CAPTURE(seed);
        Run run{seed, seed % 7};
        for (int i = 0; i < 30; ++i) {
            run.operation();
        }
        exhausted += run.exhausted();
    }
    CHECK(exhausted > 20); // the case was reached
}

} // namespace
} // namespace bulkhead::kernel
