// SPDX-License-Identifier: Apache-2.0
// Pages of a domain's RAM that lie elsewhere than where they began, in runs: a run's pages have consecutive guest frame
// numbers and are consecutive frames. A frame is named by the guest frame number that it began at. services/memory,
// which decides, and the domain's monitor, which maps run n by its capability n, each keep one of these. It must not
// know: how anything is mapped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <bulkhead/slots.hpp>

namespace bulkhead {

class MovedPages {
public:
    static constexpr std::uint32_t max_runs = slot::max_moved_runs;
    static constexpr std::uint32_t max_run_pages = 512;

    /// The new run's number. Nothing: no room. Its pages must not be in another run.
    [[nodiscard]] std::optional<std::uint32_t> add(Gfn gfn, Gfn frame, std::uint32_t pages) {
        if (pages == 0 || pages > max_run_pages) {
            return {};
        }
        for (std::uint32_t n = 0; n < max_runs; ++n) {
            if (runs_[n].left == 0) {
                runs_[n] = {gfn, frame, pages, pages, {}};
                count_ += 1;
                return n;
            }
        }
        return {};
    }
    /// The run that begins there gets one page more. False: it is as long as a run can be.
    [[nodiscard]] bool extend(Gfn first) {
        const std::uint32_t n = find(first);
        if (n == max_runs || runs_[n].gfn != first || runs_[n].pages == max_run_pages) {
            return false;
        }
        runs_[n].pages += 1;
        runs_[n].left += 1;
        return true;
    }
    /// Which frame is moved there.
    std::optional<Gfn> frame_at(Gfn gfn) const {
        const std::uint32_t n = find(gfn);
        return n == max_runs ? std::optional<Gfn>{} : Gfn{runs_[n].frame.value + (gfn.value - runs_[n].gfn.value)};
    }
    /// Where that frame is moved to.
    std::optional<Gfn> place_of(Gfn frame) const {
        for (std::uint32_t n = 0; count_ != 0 && n < max_runs; ++n) {
            const std::uint64_t offset = frame.value - runs_[n].frame.value;
            if (runs_[n].has(offset)) {
                return Gfn{runs_[n].gfn.value + offset};
            }
        }
        return {};
    }
    struct Removed {
        bool found{false};
        std::optional<std::uint32_t> emptied{}; ///< the run that has no page left: its number is free
    };
    Removed remove(Gfn gfn) {
        const std::uint32_t n = find(gfn);
        if (n == max_runs) {
            return {};
        }
        Run& run = runs_[n];
        const std::uint64_t offset = gfn.value - run.gfn.value;
        run.gone[offset / 64] |= std::uint64_t{1} << (offset % 64);
        run.left -= 1;
        if (run.left != 0) {
            return {true, {}};
        }
        count_ -= 1;
        return {true, n};
    }
    std::uint32_t runs() const { return count_; }
    bool full() const { return count_ == max_runs; }

private:
    struct Run {
        Gfn gfn{}, frame{};
        std::uint32_t pages{0};
        std::uint32_t left{0}; ///< 0: not in use
        std::array<std::uint64_t, max_run_pages / 64> gone{};

        bool has(std::uint64_t offset) const {
            return left != 0 && offset < pages && ((gone[offset / 64] >> (offset % 64)) & 1) == 0;
        }
    };

    std::uint32_t find(Gfn gfn) const {
        for (std::uint32_t n = 0; count_ != 0 && n < max_runs; ++n) {
            if (runs_[n].has(gfn.value - runs_[n].gfn.value)) {
                return n;
            }
        }
        return max_runs;
    }

    std::array<Run, max_runs> runs_{};
    std::uint32_t count_{0};
};

} // namespace bulkhead
