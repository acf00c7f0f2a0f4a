// SPDX-License-Identifier: Apache-2.0
// Each format's own library does the work and checks the format's own checksums.
#include "image/decompress.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include <bzlib.h>
#include <fmt/format.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

namespace bulkhead::tools {

namespace {

Outcome<Bytes> exactly(Bytes out, std::uint64_t produced, std::string_view format) {
    if (produced != out.size()) {
        return Failure{fmt::format("its {} payload unpacks to {} bytes, expected {}", format, produced, out.size())};
    }
    return out;
}

Failure corrupt(std::string_view format, std::string_view why) {
    return Failure{fmt::format("its {} payload is damaged: {}", format, why)};
}

Outcome<Bytes> unpack_gzip(ByteView packed, std::uint64_t size) {
    Bytes out(size);
    z_stream stream{};
    constexpr int gzip_only = 16 + MAX_WBITS;
    if (inflateInit2(&stream, gzip_only) != Z_OK) {
        return Failure{"zlib does not start"};
    }
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data())); // zlib does not write to it
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    const std::string why = stream.msg != nullptr ? stream.msg : "it is cut short, or longer than it says";
    const std::uint64_t produced = stream.total_out;
    inflateEnd(&stream);
    if (result != Z_STREAM_END) {
        return corrupt("gzip", why);
    }
    return exactly(std::move(out), produced, "gzip");
}

Outcome<Bytes> unpack_bzip2(ByteView packed, std::uint64_t size) {
    Bytes out(size);
    auto length = static_cast<unsigned>(out.size());
    auto* source = const_cast<char*>(reinterpret_cast<const char*>(packed.data())); // libbz2 does not write to it
    const int result = BZ2_bzBuffToBuffDecompress(reinterpret_cast<char*>(out.data()), &length, source,
                                                  static_cast<unsigned>(packed.size()), 0, 0);
    if (result != BZ_OK) {
        return corrupt("bzip2", result == BZ_UNEXPECTED_EOF ? "it is cut short" : "its checksum or its data are wrong");
    }
    return exactly(std::move(out), length, "bzip2");
}

std::string_view describe(lzma_ret result) {
    switch (result) {
    case LZMA_BUF_ERROR:
        return "it is cut short, or longer than it says";
    case LZMA_DATA_ERROR:
        return "its checksum or its data are wrong";
    case LZMA_FORMAT_ERROR:
        return "its header is wrong";
    case LZMA_OPTIONS_ERROR:
        return "it uses options that liblzma does not have";
    case LZMA_MEMLIMIT_ERROR:
        return "it needs too much memory";
    default:
        return "liblzma cannot read it";
    }
}

Outcome<Bytes> unpack_lzma(ByteView packed, std::uint64_t size, bool xz) {
    constexpr std::uint64_t memory_limit = std::uint64_t{256} << 20;
    Bytes out(size);
    lzma_stream stream = LZMA_STREAM_INIT;
    lzma_ret result = xz ? lzma_stream_decoder(&stream, memory_limit, 0) : lzma_alone_decoder(&stream, memory_limit);
    if (result == LZMA_OK) {
        stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
        stream.avail_in = packed.size();
        stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
        stream.avail_out = out.size();
        result = lzma_code(&stream, LZMA_FINISH);
    }
    const std::uint64_t produced = stream.total_out;
    lzma_end(&stream);
    if (result != LZMA_STREAM_END) {
        return corrupt(xz ? "xz" : "lzma", describe(result));
    }
    return exactly(std::move(out), produced, xz ? "xz" : "lzma");
}

/// Linux packs with `lz4 -l`: a magic, then blocks of at most 8 MiB, each behind its packed length, to the end.
Outcome<Bytes> unpack_lz4(ByteView packed, std::uint64_t size) {
    constexpr std::uint32_t magic = 0x184c'2102;
    constexpr std::uint64_t block_size = std::uint64_t{8} << 20;
    Bytes out(size);
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    while (to < size) {
        const auto length = read<std::uint32_t>(packed, from);
        if (!length) {
            return corrupt("lz4", "it is cut short");
        }
        from += sizeof *length;
        if (*length == magic) {
            continue;
        }
        const auto block = part(packed, from, *length);
        if (!block || *length > LZ4_COMPRESSBOUND(block_size)) {
            return corrupt("lz4", "a block is longer than what is left of it");
        }
        const auto room = static_cast<int>(std::min(block_size, size - to));
        const int produced =
            LZ4_decompress_safe(reinterpret_cast<const char*>(block->data()), reinterpret_cast<char*>(out.data() + to),
                                static_cast<int>(*length), room);
        if (produced <= 0) {
            return corrupt("lz4", fmt::format("the block at byte {} does not unpack", from));
        }
        from += *length;
        to += static_cast<std::uint64_t>(produced);
    }
    return out;
}

Outcome<Bytes> unpack_zstd(ByteView packed, std::uint64_t size) {
    const std::size_t frame = ZSTD_findFrameCompressedSize(packed.data(), packed.size()); // the size trailer follows it
    if (ZSTD_isError(frame) != 0) {
        return corrupt("zstd", ZSTD_getErrorName(frame));
    }
    Bytes out(size);
    const std::size_t produced = ZSTD_decompress(out.data(), out.size(), packed.data(), frame);
    if (ZSTD_isError(produced) != 0) {
        return corrupt("zstd", ZSTD_getErrorName(produced));
    }
    return exactly(std::move(out), produced, "zstd");
}

bool begins_with(ByteView bytes, std::initializer_list<unsigned> magic) {
    return bytes.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), bytes.begin(),
                      [](unsigned a, std::byte b) { return a == std::to_integer<unsigned>(b); });
}

} // namespace

Outcome<Bytes> decompress(ByteView packed, std::uint64_t size) {
    if (begins_with(packed, {0x1f, 0x8b})) {
        return unpack_gzip(packed, size);
    }
    if (begins_with(packed, {'B', 'Z', 'h'})) {
        return unpack_bzip2(packed, size);
    }
    if (begins_with(packed, {0xfd, '7', 'z', 'X', 'Z', 0x00})) {
        return unpack_lzma(packed, size, true);
    }
    if (begins_with(packed, {0x5d, 0x00, 0x00})) {
        return unpack_lzma(packed, size, false);
    }
    if (begins_with(packed, {0x02, 0x21, 0x4c, 0x18})) {
        return unpack_lz4(packed, size);
    }
    if (begins_with(packed, {0x28, 0xb5, 0x2f, 0xfd})) {
        return unpack_zstd(packed, size);
    }
    if (begins_with(packed, {0x7f, 'E', 'L', 'F'})) {
        return Bytes{packed.begin(), packed.end()};
    }
    if (begins_with(packed, {0x89, 'L', 'Z', 'O'})) {
        return Failure{"its payload is packed with lzo, expected gzip, bzip2, xz, lzma, lz4, zstd or nothing"};
    }
    return Failure{
        "its payload is packed with something unknown, expected gzip, bzip2, xz, lzma, lz4, zstd or nothing"};
}

} // namespace bulkhead::tools
