// SPDX-License-Identifier: Apache-2.0
// A small physical memory that tests fill as a boot loader and firmware would.
#pragma once

#include <arch/x86_64/boot/physical_window.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace bulkhead::test {

class Firmware {
public:
    explicit Firmware(std::size_t bytes = 1u << 20) : memory_(bytes) {}

    kernel::arch::PhysicalWindow window() const { return {memory_.data(), memory_.size()}; }
    std::vector<std::uint8_t>& bytes() { return memory_; }

    template <typename T> std::uint64_t put(std::uint64_t address, T value) {
        std::memcpy(memory_.data() + address, &value, sizeof(value));
        return address + sizeof(value);
    }
    std::uint64_t put_string(std::uint64_t address, const std::string& text) {
        std::memcpy(memory_.data() + address, text.c_str(), text.size() + 1);
        return address + text.size() + 1;
    }
    /// Makes the byte at `address + at` such that all `count` add up to 0.
    void fix_checksum(std::uint64_t address, std::uint64_t count, std::uint64_t at) {
        memory_[address + at] = 0;
        std::uint8_t sum = 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            sum = static_cast<std::uint8_t>(sum + memory_[address + i]);
        }
        memory_[address + at] = static_cast<std::uint8_t>(-sum);
    }
    void put_table(std::uint64_t address, const char* signature, const std::vector<std::uint8_t>& body) {
        std::memcpy(memory_.data() + address, signature, 4);
        const auto length = static_cast<std::uint32_t>(36 + body.size());
        put(address + 4, length);
        std::copy(body.begin(), body.end(), memory_.begin() + static_cast<std::ptrdiff_t>(address) + 36);
        fix_checksum(address, length, 9);
    }
    void put_root_pointer(std::uint64_t address, std::uint32_t rsdt, std::uint64_t xsdt) {
        std::memcpy(memory_.data() + address, "RSD PTR ", 8);
        memory_[address + 15] = xsdt != 0 ? 2 : 0;
        put(address + 16, rsdt);
        put(address + 20, std::uint32_t{36});
        put(address + 24, xsdt);
        fix_checksum(address, 20, 8);
        fix_checksum(address, 36, 32);
    }

private:
    std::vector<std::uint8_t> memory_;
};

} // namespace bulkhead::test
