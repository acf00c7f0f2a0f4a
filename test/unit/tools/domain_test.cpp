// SPDX-License-Identifier: Apache-2.0
// The keys of domain files. REQ-TOOL-001, REQ-TOOL-002, REQ-TOOL-003
#include <catch2/catch.hpp>

#include "config/domain.hpp"
#include "config/uuid.hpp"
#include "config/xl_keys.hpp"
#include "support.hpp"

using namespace bulkhead::tools;
using bulkhead::tools::test::messages;
using Messages = std::vector<std::string>;

namespace {

const std::string least = "name='a'\ntype='pvh'\nkernel='k'\nmemory=64\n";

DomainConfig good(const std::string& text) {
    Diagnostics diagnostics;
    auto config = parse_domain("dir/a.cfg", text, diagnostics);
    CHECK(messages(diagnostics) == Messages{});
    return config;
}

/// What is wrong with the least file and a fifth line.
Messages bad(const std::string& line) {
    Diagnostics diagnostics;
    (void)parse_domain("a.cfg", least + line + "\n", diagnostics);
    return messages(diagnostics);
}

Messages bad_file(const std::string& text) {
    Diagnostics diagnostics;
    (void)parse_domain("a.cfg", text, diagnostics);
    return messages(diagnostics);
}

} // namespace

TEST_CASE("the least file, and xl's defaults") {
    const auto config = good(least);
    CHECK(config.name == "a");
    CHECK(config.kernel == "dir/k");
    CHECK(config.ramdisk.empty());
    CHECK(config.memory_bytes == 64 << 20);
    CHECK(config.vcpus == 1);
    CHECK(config.max_event_channels == 1023);
    CHECK(config.max_grant_version == 1);
    CHECK(config.cpus.empty());
    CHECK(config.on_poweroff == Action::destroy);
    CHECK(config.on_reboot == Action::restart);
    CHECK(config.on_crash == Action::destroy);
    CHECK(config.uuid == uuid_from_name("a"));
}

TEST_CASE("a full file") {
    const auto config =
        good(least + "ramdisk='/r'\nroot='/dev/x'\nextra='quiet'\nmaxmem='64'\nvcpus=1\nmaxvcpus=1\ncpus='2-3,^2'\n"
                     "on_poweroff='preserve'\non_reboot='destroy'\non_crash='restart'\n"
                     "uuid='00112233-4455-6677-8899-aabbccddeeff'\nmax_event_channels=16383\n");
    CHECK(config.max_event_channels == 16383);
    CHECK(config.ramdisk == "/r");
    CHECK(config.command_line == "root=/dev/x quiet");
    REQUIRE(config.cpus.size() == 1);
    CHECK(to_string(config.cpus[0]) == "3");
    CHECK(config.on_poweroff == Action::preserve);
    CHECK(config.on_reboot == Action::destroy);
    CHECK(config.on_crash == Action::restart);
    CHECK(config.uuid[0] == 0x00);
    CHECK(config.uuid[15] == 0xff);
}

TEST_CASE("cmdline replaces root and extra") {
    CHECK(good(least + "cmdline='x'").command_line == "x");
    CHECK(bad("cmdline='x'; extra='y'") == Messages{"a.cfg:5:20: xl ignores 'root' and 'extra' beside 'cmdline': "
                                                    "expected either 'cmdline' alone, or the others without it"});
    CHECK(bad("extra='" + std::string(1024, 'x') + "'") ==
          Messages{"a.cfg:5:7: the guest's command line has 1024 characters: expected at most 1023"});
    CHECK(bad("extra=\"a\\nb\"") == Messages{"a.cfg:5:7: a kernel's command line takes printable ASCII characters"});
}

TEST_CASE("what is missing is said") {
    CHECK(bad_file("") == Messages{"a.cfg:1:1: 'name' is missing: expected for example name = \"web\"",
                                   "a.cfg:1:1: 'type' is missing, which means \"pv\" to xl, and this version runs PVH "
                                   "guests only: expected type = \"pvh\"",
                                   "a.cfg:1:1: 'kernel' is missing: expected for example kernel = \"/boot/vmlinuz\"",
                                   "a.cfg:1:1: 'memory' is missing: expected for example memory = 256 (MiB)"});
}

TEST_CASE("unknown keys are errors, with the nearest known one") {
    CHECK(bad("kernal = 'x'") == Messages{"a.cfg:5:1: 'kernal' is no key of a domain file: did you mean 'kernel'?"});
    CHECK(bad("onreboot = 'x'") ==
          Messages{"a.cfg:5:1: 'onreboot' is no key of a domain file: did you mean 'on_reboot'?"});
    CHECK(bad("frobnicate = 1") == Messages{"a.cfg:5:1: 'frobnicate' is no key of a domain file"});
}

TEST_CASE("keys of xl that this version does not have are errors that say so") {
    CHECK(bad("vif = ['bridge=x']") == Messages{"a.cfg:5:1: 'vif' is known to xl, but not supported by this version: "
                                                "there is no virtual network in this version"});
    CHECK(bad("hpet = 1") ==
          Messages{"a.cfg:5:1: 'hpet' is known to xl, but not supported by this version: remove it"});
    CHECK(bad("builder = 'hvm'") == Messages{"a.cfg:5:1: 'builder' is known to xl, but not supported by this version: "
                                             "it is obsolete in xl: write type = \"pvh\""});
    CHECK(why_not_supported("kernel").empty());
}

TEST_CASE("versions of grant tables are those that the build has") {
    const std::string expected = most_grant_version == 1 ? "1" : "1 or 2";
    for (const std::string version : {"0", "3", "4294967298"}) {
        CHECK(bad("max_grant_version = " + version) ==
              Messages{"a.cfg:5:21: this build has no grant tables of version " + version + ": expected " + expected});
    }
    if constexpr (most_grant_version == 1) {
        CHECK(bad("max_grant_version = 2") ==
              Messages{"a.cfg:5:21: this build has no grant tables of version 2: expected 1"});
    } else {
        CHECK(good(least + "max_grant_version = 2\n").max_grant_version == 2);
    }
    CHECK(good(least + "max_grant_version = 1\n").max_grant_version == 1);
}

TEST_CASE("values out of what this version can do") {
    CHECK(bad("max_event_channels = 16384") ==
          Messages{"a.cfg:5:22: a guest cannot have 16384 event channels: expected 1 to 16383"});
    CHECK(bad("max_event_channels = 0") ==
          Messages{"a.cfg:5:22: a guest cannot have 0 event channels: expected 1 to 16383"});
    CHECK(bad("vcpus = 0") == Messages{"a.cfg:5:9: 0 virtual CPUs: expected 1 to 32"});
    CHECK(bad("vcpus = 33") == Messages{"a.cfg:5:9: 33 virtual CPUs: expected 1 to 32"});
    CHECK(bad("maxvcpus = 4") ==
          Messages{"a.cfg:5:12: a guest has all its virtual CPUs from the start, and takes them into use itself: "
                   "expected maxvcpus = vcpus = 1, not 4"});
    CHECK(bad("cpus = ['0', '1']\nvcpus = 4") ==
          Messages{"a.cfg:5:8: the list names CPUs for 2 virtual CPUs: expected one element for each, that is 4"});
    CHECK(bad("maxmem = 128") ==
          Messages{"a.cfg:5:10: a guest's memory is fixed in this version: expected maxmem = memory = 64, not 128"});
    CHECK(bad("on_crash = 'coredump-restart'") ==
          Messages{"a.cfg:5:12: 'coredump-restart' is known to xl, but not supported by this version: expected "
                   "\"destroy\", \"restart\" or "
                   "\"preserve\""});
    CHECK(bad("on_crash = 'restrat'") == Messages{"a.cfg:5:12: 'restrat' is no action: expected \"destroy\", "
                                                  "\"restart\" or \"preserve\": did you mean 'restart'?"});
    CHECK(bad_file("name='a'\ntype='hvm'\nkernel='k'\nmemory=1\n") ==
          Messages{"a.cfg:2:6: this version runs PVH guests only: expected \"pvh\", not \"hvm\"",
                   "a.cfg:4:8: 1 MiB cannot be a guest's memory: expected 2 or more MiB"});
    CHECK(bad("uuid = 'x'") == Messages{"a.cfg:5:8: \"x\" is no UUID: expected 8-4-4-4-12 hexadecimal digits"});
}

TEST_CASE("values of the wrong kind") {
    CHECK(bad("ramdisk = 5") ==
          Messages{
              "a.cfg:5:11: 'ramdisk' takes a string in quotes: expected for example ramdisk = \"/boot/initrd.img\""});
    CHECK(bad("ramdisk = ''") ==
          Messages{"a.cfg:5:11: 'ramdisk' is empty: expected a path, for example ramdisk = \"/boot/initrd.img\""});
    CHECK(bad("vcpus = 'two'") == Messages{"a.cfg:5:9: 'vcpus' takes a number: expected how many virtual CPUs"});
    CHECK(bad("maxmem = [64]") == Messages{"a.cfg:5:10: 'maxmem' takes a number: expected how many MiB"});
    CHECK(bad_file("name='a b'\ntype='pvh'\nkernel='k'\nmemory=64\n") ==
          Messages{"a.cfg:1:6: \"a b\" cannot be a domain's name: expected 1 to 63 letters, digits, '-', '_' or '.'"});
    CHECK(bad_file("name='bulkhead'\ntype='pvh'\nkernel='k'\nmemory=64\n") ==
          Messages{"a.cfg:1:6: the name \"bulkhead\" is the system's own: expected another"});
}

TEST_CASE("sets of CPUs") {
    CHECK(to_string(*parse_cpu_set("0,2-4,^3")) == "0,2,4");
    CHECK(parse_cpu_set("all")->all());
    CHECK(to_string(*parse_cpu_set("63")) == "63");
    for (const char* wrong : {"", "64", "3-1", "a", "1,", "^1", "-1", "1-", "0x1"}) {
        CAPTURE(wrong);
        CHECK(!parse_cpu_set(wrong).ok());
    }
    CHECK(bad("cpus = '3-1'") == Messages{"a.cfg:5:8: '3-1' is no set of CPUs: expected a CPU (0 to 63), a range as in "
                                          "2-3, ^ and either to leave them out, or \"all\""});
    CHECK(bad("cpus = 'nodes:0'") ==
          Messages{"a.cfg:5:8: 'nodes:0' names a NUMA node, which this version does not know: name its CPUs"});
    CHECK(bad("cpus = ['0', '1']") ==
          Messages{"a.cfg:5:8: the list names CPUs for 2 virtual CPUs: expected one element for each, that is 1"});
}

TEST_CASE("UUIDs") {
    CHECK(parse_uuid("00112233445566778899aabbccddeeff").has_value());
    CHECK(!parse_uuid("00112233-4455-6677-8899-aabbccddeef").has_value());
    CHECK(!parse_uuid("00112233-4455-6677-8899-aabbccddeefg").has_value());
    CHECK(!parse_uuid("00112233-4455-6677-8899-aabbccddeeff0").has_value());
    CHECK(uuid_from_name("a") != uuid_from_name("b"));
    CHECK((uuid_from_name("a")[6] & 0xf0) == 0x80);
}
