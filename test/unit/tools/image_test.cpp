// SPDX-License-Identifier: Apache-2.0
// Guest kernels as hostile files, and the boot image. REQ-TOOL-003, REQ-TOOL-004, REQ-TOOL-005
#include <catch2/catch.hpp>

#include <bzlib.h>
#include <elf.h>
#include <lz4.h>

#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstring>

#include "image/bzimage.hpp"
#include "image/decompress.hpp"
#include "image/guest_kernel.hpp"
#include "kernel_files.hpp"
#include "support.hpp"

using namespace bulkhead::tools;
using namespace bulkhead::tools::test;

namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// A packer per format: what Linux's build would make of it.
Bytes gzip(ByteView data) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes out(data.size() + 1024);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

Bytes bzip2(ByteView data) {
    Bytes out(data.size() + 1024);
    auto size = static_cast<unsigned>(out.size());
    REQUIRE(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size,
                                     const_cast<char*>(reinterpret_cast<const char*>(data.data())),
                                     static_cast<unsigned>(data.size()), 9, 0, 0) == BZ_OK);
    out.resize(size);
    return out;
}

Bytes xz(ByteView data) {
    Bytes out(data.size() + 1024);
    std::size_t size = 0;
    REQUIRE(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const std::uint8_t*>(data.data()),
                                    data.size(), reinterpret_cast<std::uint8_t*>(out.data()), &size,
                                    out.size()) == LZMA_OK);
    out.resize(size);
    return out;
}

Bytes lz4(ByteView data) {
    Bytes out{std::byte{0x02}, std::byte{0x21}, std::byte{0x4c}, std::byte{0x18}};
    constexpr std::size_t block = 8 << 20;
    for (std::size_t at = 0; at < data.size(); at += block) {
        const auto part_size = static_cast<int>(std::min(block, data.size() - at));
        std::vector<char> packed(static_cast<std::size_t>(LZ4_compressBound(part_size)));
        const int size = LZ4_compress_default(reinterpret_cast<const char*>(data.data() + at), packed.data(), part_size,
                                              static_cast<int>(packed.size()));
        const auto length = static_cast<std::uint32_t>(size);
        const auto* bytes = reinterpret_cast<const std::byte*>(&length);
        out.insert(out.end(), bytes, bytes + sizeof length);
        const auto* content = reinterpret_cast<const std::byte*>(packed.data());
        out.insert(out.end(), content, content + size);
    }
    return out;
}

Bytes zstd(ByteView data) {
    Bytes out(ZSTD_compressBound(data.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), data.data(), data.size(), 3));
    return out;
}

Bytes unpacked(ByteView data) {
    return {data.begin(), data.end()};
}

struct Format {
    const char* name;
    Bytes (*pack)(ByteView);
    bool size_appended;
    bool checked; ///< has a checksum of its own
};
const Format formats[] = {{"gzip", gzip, false, true}, {"bzip2", bzip2, true, true}, {"xz", xz, true, true},
                          {"lz4", lz4, true, false},   {"zstd", zstd, true, false},  {"none", unpacked, true, false}};

/// Compressible, and longer than one lz4 block.
Bytes long_content(const Bytes& elf) {
    Bytes content = elf;
    content.resize(9 * mib);
    for (std::size_t i = elf.size(); i < content.size(); ++i) {
        content[i] = static_cast<std::byte>(i / 1000);
    }
    return content;
}

std::string why(const Bytes& file) {
    const auto kernel = read_guest_kernel(file);
    return kernel ? "" : kernel.message();
}

} // namespace

TEST_CASE("every way to pack a bzImage's payload is undone") {
    const Bytes content = long_content(make_kernel<Elf64Layout>({}));
    for (const Format& format : formats) {
        CAPTURE(format.name);
        const Bytes image =
            make_bzimage(format.pack(content), static_cast<std::uint32_t>(content.size()), format.size_appended);
        REQUIRE(is_bzimage(image));
        const auto payload = unpack_bzimage(image);
        REQUIRE(payload.ok());
        CHECK(std::equal(content.begin(), content.end(), payload->begin()));
        CHECK(read_guest_kernel(image).ok());
    }
}

TEST_CASE("damaged and shortened bzImages are refused with the reason") {
    const Bytes content = long_content(make_kernel<Elf64Layout>({}));
    for (const Format& format : formats) {
        CAPTURE(format.name);
        const Bytes packed = format.pack(content);
        Bytes image = make_bzimage(packed, static_cast<std::uint32_t>(content.size()), format.size_appended);
        const Bytes shorter{image.begin(), image.end() - 100};
        CHECK(why(shorter).starts_with("it is cut short: its header speaks of"));
        if (format.checked) {
            image[bzimage_payload_at + packed.size() / 2] ^= std::byte{0xff};
            CHECK(why(image).starts_with("its " + std::string{format.name} + " payload is damaged"));
        }
    }
    // A size that is not the payload's.
    CHECK(why(make_bzimage(xz(content), 100, true)).find("xz") != std::string::npos);
    CHECK(why(make_bzimage(xz(content), 0, true)) == "its payload claims to unpack to 0 bytes, which no kernel does");
    CHECK(why(make_bzimage(xz(content), 0xffff'ffff, true))
              .starts_with("its payload claims to unpack to 4294967295 bytes"));
    CHECK(why(make_bzimage(zstd(content), 100, true)).starts_with("its zstd payload is damaged"));
    CHECK(why(make_bzimage(lz4(content), 100, true)).starts_with("its lz4 payload is damaged"));
    CHECK(why(make_bzimage(unpacked(as_bytes("\x89LZO")), 100, true)).starts_with("its payload is packed with lzo"));
    CHECK(why(make_bzimage(unpacked(as_bytes("nothing")), 100, true))
              .starts_with("its payload is packed with something unknown"));
    Bytes old = make_bzimage(xz(content), static_cast<std::uint32_t>(content.size()), true);
    old[0x206] = std::byte{0x07};
    CHECK(why(old) == "it is a bzImage of a boot protocol before 2.08, which does not say where its payload is");
}

TEST_CASE("no header field makes the bzImage reader leave the file") {
    const Bytes good = make_bzimage(xz(make_kernel<Elf64Layout>({})), 4096, true);
    for (std::size_t at = 0x1f1; at < 0x250; ++at) {
        for (const unsigned value : {0x00u, 0x7fu, 0xffu}) {
            Bytes image = good;
            image[at] = static_cast<std::byte>(value);
            (void)read_guest_kernel(image);
        }
    }
    for (std::size_t size = 0; size < good.size(); size += 37) {
        (void)read_guest_kernel(Bytes{good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
    }
}

TEMPLATE_TEST_CASE("kernels of both ELF classes are read and written alike", "", Elf32Layout, Elf64Layout) {
    const Bytes file = make_kernel<TestType>({});
    const auto kernel = read_guest_kernel(file);
    REQUIRE(kernel.ok());
    CHECK(kernel->entry == 0x100010);
    REQUIRE(kernel->segments.size() == 2);
    const auto again = read_elf(kernel->elf);
    REQUIRE(again.ok());
    CHECK(*find_pvh_entry(*again) == kernel->entry);
    REQUIRE(again->segments.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const ElfSegment& before = kernel->segments[i];
        const ElfSegment& after = again->segments[i];
        CHECK(after.physical_address == before.physical_address);
        CHECK(after.memory_size == before.memory_size);
        CHECK(after.file_offset % 4096 == after.virtual_address % 4096);
        CHECK(std::memcmp(kernel->elf.data() + after.file_offset, file.data() + before.file_offset, before.file_size) ==
              0);
    }
}

TEST_CASE("a kernel's machine field is nobody's business, its note may be in a section") {
    KernelShape shape;
    shape.machine = EM_AARCH64;
    CHECK(why(make_kernel<Elf32Layout>(shape)).empty());
    shape.note_in_section = true;
    const auto kernel = read_guest_kernel(make_kernel<Elf64Layout>(shape));
    REQUIRE(kernel.ok());
    CHECK(check_fit(*kernel, {16 * mib, 0, 0}).empty());
}

TEST_CASE("kernels that cannot be loaded are refused with the reason") {
    CHECK(why(unpacked(as_bytes("#!/bin/sh\n"))) == "it is neither a bzImage nor an ELF file");
    CHECK(why({}) == "it is neither a bzImage nor an ELF file");
    KernelShape shape;
    shape.note_name = "Zen";
    CHECK(why(make_kernel<Elf64Layout>(shape)).starts_with("it has no PVH entry"));
    shape = {};
    shape.note_size = 2;
    CHECK(why(make_kernel<Elf64Layout>(shape)) == "its PHYS32_ENTRY note holds 2 bytes, expected 4 or 8");
    shape = {};
    shape.entry = 0x50;
    CHECK(why(make_kernel<Elf64Layout>(shape)) == "its PVH entry 0x50 lies in none of its segments");
    shape = {};
    shape.type = ET_REL;
    CHECK(why(make_kernel<Elf64Layout>(shape)) == "it is an ELF file but no executable (type 1, expected 2 or 3)");
    Bytes short_file = make_kernel<Elf64Layout>({});
    short_file.resize(short_file.size() - 1);
    CHECK(why(short_file).starts_with("it is cut short: segment"));
}

TEST_CASE("kernels are checked against the guest's memory") {
    KernelShape shape;
    const auto fits = [](const Bytes& file, std::uint64_t memory, std::uint64_t ramdisk) {
        const auto kernel = read_guest_kernel(file);
        REQUIRE(kernel.ok());
        return check_fit(*kernel, {memory, ramdisk, 10});
    };
    CHECK(fits(make_kernel<Elf64Layout>(shape), 16 * mib, mib).empty());
    CHECK(fits(make_kernel<Elf64Layout>(shape), 16 * mib, 15 * mib).size() == 1);
    shape.data_address = 0x100800;
    CHECK(fits(make_kernel<Elf64Layout>(shape), 16 * mib, 0) ==
          std::vector<std::string>{"its segments 0x100000 to 0x101000 and 0x100800 to 0x102800 overlap in memory"});
    shape.data_address = 64 * mib;
    CHECK(fits(make_kernel<Elf64Layout>(shape), 16 * mib, 0) ==
          std::vector<std::string>{
              "its segment 0x4000000 to 0x4002000 lies outside the guest's memory (0 to 0xa0000 and 0x100000 to "
              "0x1000000, 16 MiB)"});
    shape.data_address = 0x9f000;
    CHECK(fits(make_kernel<Elf64Layout>(shape), 16 * mib, 0).size() == 1);
}

TEMPLATE_TEST_CASE("no byte of an ELF header makes the reader leave the file", "", Elf32Layout, Elf64Layout) {
    const Bytes good = make_kernel<TestType>({});
    for (std::size_t at = 0; at < kernel_headers_end<TestType>; ++at) {
        for (const unsigned value : {0x00u, 0x01u, 0x7fu, 0x80u, 0xffu}) {
            Bytes file = good;
            file[at] = static_cast<std::byte>(value);
            const auto kernel = read_guest_kernel(file);
            if (kernel) {
                (void)check_fit(*kernel, {16 * mib, mib, 10});
            }
        }
    }
}

TEST_CASE("Debian's kernels, as shipped") {
    for (const char* path : {BULKHEAD_DEPS "/guests/cloud/vmlinuz", BULKHEAD_DEPS "/guests/amd64/vmlinuz"}) {
        const auto file = read_file(path);
        if (!file) {
            WARN(path << " is not here: not tested");
            continue;
        }
        const auto kernel = read_guest_kernel(*file);
        REQUIRE(kernel.ok());
        // Linux is built for 16 MiB, and its PVH entry is near the start.
        CHECK(kernel->segments.front().physical_address == 16 * mib);
        CHECK(kernel->entry - 16 * mib < mib);
        CHECK(check_fit(*kernel, {256 * mib, 2 * mib, 100}).empty());
        CHECK(!check_fit(*kernel, {32 * mib, 0, 100}).empty());
    }
}
