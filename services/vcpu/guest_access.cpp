// SPDX-License-Identifier: Apache-2.0
// Copies by guest-virtual address. What crosses a page is looked up as a whole before the first byte moves.
// It must not know: who asks, and what an error means to the guest.
#include "guest_access.hpp"

namespace bulkhead::vcpu {

namespace {

std::size_t to_page_end(std::uint64_t address, std::size_t left) {
    const std::uint64_t room = page_size - (address & (page_size - 1));
    return left < room ? left : static_cast<std::size_t>(room);
}

} // namespace

inline std::uint8_t* GuestAccess::piece(std::uint64_t address, std::size_t size, Access access) {
    const std::uint64_t page = address >> page_shift;
    const Found& found = found_[page % max_found];
    const bool known = found.page == page && found.changes == memory_.changes() && (found.write || !access.write);
    return known && !access.execute ? found.bytes + (address & (page_size - 1)) : find_piece(address, size, access);
}

[[gnu::noinline]] std::uint8_t* GuestAccess::find_piece(std::uint64_t address, std::size_t size, Access access) {
    const std::uint64_t page = address >> page_shift;
    const std::uint64_t offset = address & (page_size - 1);
    access.user = state_.cpl == 3;
    const Walk w = walk(memory_, PagingState::of(state_), address, access);
    if (w.status != WalkStatus::ok) {
        fault_ = {w.status, w.error, address};
        return nullptr;
    }
    std::uint8_t* const bytes = memory_.in_page(w.address, size);
    if (bytes == nullptr) {
        fault_ = {WalkStatus::no_table, 0, address};
    } else if (!access.execute) {
        found_[page % max_found] = {page, bytes - offset, memory_.changes(), w.writable};
    }
    return bytes;
}

bool GuestAccess::reachable(std::uint64_t address, std::size_t size, Access access) {
    for (std::size_t done = 0; done < size;) {
        const std::size_t n = to_page_end(address + done, size - done);
        if (piece(address + done, n, access) == nullptr) {
            return false;
        }
        done += n;
    }
    return true;
}

template <typename F>
bool GuestAccess::for_each_piece(std::uint64_t address, std::size_t size, Access access, F&& copy) {
    if (to_page_end(address, size) == size) [[likely]] {
        std::uint8_t* const bytes = piece(address, size, access);
        if (bytes != nullptr) {
            copy(bytes, 0, size);
        }
        return bytes != nullptr;
    }
    std::uint8_t* found[max_pieces];
    const std::uint64_t pages = ((address & (page_size - 1)) + size + page_size - 1) >> page_shift;
    const bool keep = pages <= max_pieces;
    std::size_t count = 0;
    if (!keep && !reachable(address, size, access)) {
        return false;
    }
    for (std::size_t done = 0; keep && done < size; ++count) {
        const std::size_t n = to_page_end(address + done, size - done);
        found[count] = piece(address + done, n, access);
        if (found[count] == nullptr) {
            return false;
        }
        done += n;
    }
    count = 0;
    for (std::size_t done = 0; done < size; ++count) {
        const std::size_t n = to_page_end(address + done, size - done);
        std::uint8_t* bytes = keep ? found[count] : piece(address + done, n, access);
        if (bytes == nullptr) {
            return false;
        }
        copy(bytes, done, n);
        done += n;
    }
    return true;
}

bool GuestAccess::copy_from(std::uint64_t address, void* to, std::size_t size, Access access) {
    auto* out = static_cast<std::uint8_t*>(to);
    return for_each_piece(address, size, access, [&](const std::uint8_t* bytes, std::size_t at, std::size_t n) {
        copy_once(out + at, bytes, n);
    });
}

bool GuestAccess::read(std::uint64_t address, void* to, std::size_t size) {
    return copy_from(address, to, size, {});
}

bool GuestAccess::fetch(std::uint64_t address, void* to, std::size_t size) {
    return copy_from(address, to, size, {.execute = true});
}

bool GuestAccess::write(std::uint64_t address, const void* from, std::size_t size) {
    const auto* in = static_cast<const std::uint8_t*>(from);
    return for_each_piece(address, size, {.write = true},
                          [&](std::uint8_t* bytes, std::size_t at, std::size_t n) { copy_once(bytes, in + at, n); });
}

bool GuestAccess::writable(std::uint64_t address, std::size_t size) {
    return reachable(address, size, {.write = true});
}

} // namespace bulkhead::vcpu
