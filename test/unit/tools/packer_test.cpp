// SPDX-License-Identifier: Apache-2.0
// The boot image, read back as the components read it: header, manifest through nanopb, blobs. REQ-TOOL-004
#include <catch2/catch.hpp>

#include <bulkhead/boot_image.hpp>
#include <nanopb/manifest.pb.h>
#include <pb_decode.h>

#include <cstring>

#include "image/assemble.hpp"
#include "image/iso.hpp"
#include "kernel_files.hpp"
#include "support.hpp"

using namespace bulkhead::tools;
using namespace bulkhead::tools::test;

namespace {

using bulkhead::BootImageHeader;

struct Unpacked {
    BootImageHeader header{};
    bulkhead_BootManifest manifest = bulkhead_BootManifest_init_zero;
};

Unpacked unpack(const Bytes& image) {
    static Unpacked result;
    result = {};
    std::memcpy(&result.header, image.data(), sizeof result.header);
    REQUIRE(result.header.manifest_offset + result.header.manifest_length <= image.size());
    auto stream =
        pb_istream_from_buffer(reinterpret_cast<const pb_byte_t*>(image.data() + result.header.manifest_offset),
                               result.header.manifest_length);
    REQUIRE(pb_decode(&stream, bulkhead_BootManifest_fields, &result.manifest));
    return result;
}

Bytes content(const Bytes& image, const bulkhead_Blob& blob) {
    REQUIRE(blob.offset % 4096 == 0);
    REQUIRE(blob.offset + blob.size <= image.size());
    return {image.begin() + static_cast<std::ptrdiff_t>(blob.offset),
            image.begin() + static_cast<std::ptrdiff_t>(blob.offset + blob.size)};
}

SharedBytes shared(std::string_view text) {
    const auto bytes = as_bytes(text);
    return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
}

PackedDomain domain(const std::string& name, SharedBytes kernel, SharedBytes ramdisk) {
    PackedDomain packed;
    packed.plan.config.name = name;
    packed.plan.config.memory_bytes = 64 << 20;
    packed.plan.config.on_crash = Action::preserve;
    packed.plan.config.uuid[3] = 7;
    packed.plan.command_line = "console=hvc0";
    packed.plan.share = {5, 100, 1000};
    packed.plan.cpus = {3};
    packed.kernel = std::move(kernel);
    packed.ramdisk = std::move(ramdisk);
    return packed;
}

} // namespace

TEST_CASE("what is packed is what the components read") {
    ImageContents contents;
    contents.components = {{{"memory", 1, {40, 10, 100}, 4096, {}}, shared("memory elf")}};
    contents.monitor = shared("monitor elf");
    contents.domains = {domain("a", shared("kernel"), nullptr),
                        domain("b", shared("kernel"), shared(std::string(5000, 'r')))};
    contents.wall_clock_ns = 12;
    contents.crash_domain = 2;
    contents.crash_after_exits = 9;
    const auto image = pack_image(contents);
    REQUIRE(image.ok());
    const Unpacked read = unpack(*image);
    CHECK(read.header.magic == bulkhead::boot_image_magic);
    CHECK(read.header.version == bulkhead::boot_image_version);
    CHECK(read.header.total_length == image->size());
    CHECK(image->size() % 4096 == 0);
    const auto& manifest = read.manifest;
    REQUIRE(manifest.components_count == 1);
    CHECK(std::string{manifest.components[0].name} == "memory");
    CHECK(manifest.components[0].cpu == 1);
    CHECK(manifest.components[0].memory_bytes == 4096);
    CHECK(content(*image, manifest.components[0].elf) == *shared("memory elf"));
    CHECK(content(*image, manifest.monitor) == *shared("monitor elf"));
    REQUIRE(manifest.domains_count == 2);
    CHECK(manifest.domains[0].ramdisk.size == 0);
    CHECK(manifest.domains[0].kernel.offset == manifest.domains[1].kernel.offset);
    const auto& b = manifest.domains[1];
    CHECK(std::string{b.name} == "b");
    CHECK(std::string{b.command_line} == "console=hvc0");
    CHECK(content(*image, b.ramdisk).size() == 5000);
    CHECK(b.memory_bytes == 64 << 20);
    CHECK(b.vcpus == 1);
    CHECK(b.max_event_channels == 1023);
    REQUIRE(b.cpus_count == 1);
    CHECK(b.cpus[0] == 3);
    CHECK(b.budget_us == 100);
    CHECK(b.priority == 5);
    CHECK(b.on_crash == bulkhead_Action_ACTION_PRESERVE);
    CHECK(b.uuid.size == 16);
    CHECK(b.uuid.bytes[3] == 7);
    CHECK(manifest.exit_when_done);
    CHECK(manifest.wall_clock_ns == 12);
    CHECK(manifest.crash_domain == 2);
    CHECK(manifest.crash_after_exits == 9);
}

TEST_CASE("a manifest of more than a page moves the blobs") {
    ImageContents contents;
    contents.monitor = shared("monitor elf");
    for (int i = 0; i < 64; ++i) {
        contents.domains.push_back(domain("d" + std::to_string(i), shared("kernel " + std::to_string(i)), nullptr));
        contents.domains.back().plan.command_line = std::string(1000, 'c');
    }
    const auto image = pack_image(contents);
    REQUIRE(image.ok());
    const Unpacked read = unpack(*image);
    CHECK(read.header.manifest_length > 64 * 1000);
    CHECK(content(*image, read.manifest.domains[63].kernel) == *shared("kernel 63"));
}

TEST_CASE("what the components' codec cannot hold is refused") {
    ImageContents contents;
    contents.monitor = shared("monitor elf");
    contents.domains = {domain("a", shared("kernel"), nullptr)};
    contents.domains[0].plan.command_line = std::string(1024, 'c');
    CHECK(pack_image(contents).message() ==
          "the boot manifest cannot hold it: bulkhead.Domain.command_line takes 1025 bytes, at most 1024 fit");
    contents.domains = std::vector<PackedDomain>(65, domain("a", shared("kernel"), nullptr));
    CHECK(pack_image(contents).message() ==
          "the boot manifest cannot hold it: bulkhead.BootManifest.domains has 65 elements, at most 64 fit");
}

TEST_CASE("from files to an image, and every mistake in them") {
    const TemporaryDirectory directory;
    const Bytes kernel = make_kernel<Elf64Layout>({});
    directory.write("kernel", {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
    for (const char* name : {"memory", "grant", "event", "console", "domain", "vcpu"}) {
        directory.write(std::string{name} + ".elf", {reinterpret_cast<const char*>(kernel.data()), kernel.size()});
    }
    directory.write("a.cfg", "name='a'\ntype='pvh'\nkernel='kernel'\nmemory=16\n");
    const auto system = directory.write("s.toml", "domains = ['a.cfg']\n[machine]\nmemory = '96M'\n");
    Diagnostics diagnostics;
    const auto checked = check_system({system}, {}, diagnostics);
    CHECK(messages(diagnostics).empty());
    ImageOptions options;
    options.components_directory = directory.path("");
    options.crash_domain = "a";
    options.crash_after_exits = 3;
    const auto image = make_image(checked, options);
    REQUIRE(image.ok());
    const Unpacked read = unpack(*image);
    CHECK(read.manifest.components_count == 5);
    CHECK(read.manifest.crash_domain == 1);
    options.crash_domain = "b";
    CHECK(make_image(checked, options).message() == "there is no domain \"b\" to crash");

    directory.write("a.cfg", "name='a'\ntype='pvh'\nkernel='nothing'\nramdisk='.'\nmemory=16\n");
    const auto wrong = directory.write("w.toml", "domains = ['a.cfg', 'b.cfg']\n[machine]\nmemory = '16M'\n");
    diagnostics = {};
    (void)check_system({wrong}, {}, diagnostics);
    const auto found = messages(diagnostics);
    REQUIRE(found.size() == 4);
    CHECK(found[0] == wrong + ":1:21: cannot read the domain file " + directory.path("b.cfg") + ": no such file");
    CHECK(found[1].starts_with(wrong + ":3:10: the machine has 16 MiB"));
    CHECK(found[2] ==
          directory.path("a.cfg") + ":3:8: cannot use the kernel " + directory.path("nothing") + ": no such file");
    CHECK(found[3].find(": is a directory") != std::string::npos);
    diagnostics = {};
    (void)check_system({system, "x.cfg"}, {}, diagnostics);
    CHECK(messages(diagnostics)[0] ==
          system + ":1:1: a system file names all its domains: expected it alone, or domain files only");
}

TEST_CASE("GRUB's configuration boots the kernel with its two modules") {
    CHECK(grub_config("a=b").find(
              "multiboot2 /boot/bulkhead-kernel.elf a=b\n    module2 --nounzip /boot/root.elf root\n") !=
          std::string::npos);
    CHECK(grub_config("").find("multiboot2 /boot/bulkhead-kernel.elf\n") != std::string::npos);
}
