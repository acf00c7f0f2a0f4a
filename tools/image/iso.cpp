// SPDX-License-Identifier: Apache-2.0
#include "image/iso.hpp"

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "run/process.hpp"

namespace bulkhead::tools {

namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (fs::temp_directory_path() / "bulkhead-iso-XXXXXX").string();
        if (mkdtemp(pattern.data()) != nullptr) {
            path_ = pattern;
        }
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        if (!path_.empty()) {
            fs::remove_all(path_, ignored);
        }
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// Everything the program says, when it fails.
Outcome<Done> run_tool(const std::vector<std::string>& command, const fs::path& log) {
    const std::vector<std::string> shell{"/bin/sh", "-c", R"(log="$1"; shift; exec "$@" > "$log" 2>&1 < /dev/null)",
                                         "sh", log.string()};
    std::vector<std::string> whole = shell;
    whole.insert(whole.end(), command.begin(), command.end());
    auto process = Process::start(whole);
    if (!process) {
        return Failure{process.message()};
    }
    const int status = process->wait();
    if (status == 0) {
        return Done{};
    }
    const auto said = read_file(log.string());
    const std::string text =
        said ? std::string{reinterpret_cast<const char*>(said->data()), said->size()} : said.message();
    return Failure{fmt::format("{} failed with status {}:\n{}", command.front(), status, text)};
}

} // namespace

std::string grub_config(const std::string& command_line) {
    // Multiboot2, because from UEFI only that hands the ACPI tables over.
    return fmt::format("serial --unit=0 --speed=115200\n"
                       "terminal_input console serial\n"
                       "terminal_output console serial\n"
                       "set timeout=1\n"
                       "set default=0\n"
                       "menuentry Bulkhead {{\n"
                       "    multiboot2 /boot/bulkhead-kernel.elf{}{}\n"
                       "    module2 --nounzip /boot/root.elf root\n"
                       "    module2 --nounzip /boot/boot.image image\n"
                       "}}\n",
                       command_line.empty() ? "" : " ", command_line);
}

Outcome<Done> write_iso(const std::string& path, const IsoContents& contents) {
    const TemporaryDirectory directory;
    if (directory.path().empty()) {
        return Failure{"cannot make a temporary directory"};
    }
    const fs::path tree = directory.path() / "tree";
    std::error_code error;
    fs::create_directories(tree / "boot" / "grub", error);
    const std::string config = grub_config(contents.command_line);
    const std::pair<const char*, ByteView> files[] = {
        {"boot/bulkhead-kernel.elf", contents.kernel},
        {"boot/root.elf", contents.root},
        {"boot/boot.image", contents.image},
        {"boot/grub/grub.cfg", std::as_bytes(std::span{config})},
    };
    for (const auto& [name, bytes] : files) {
        const auto written = write_file((tree / name).string(), bytes);
        if (!written) {
            return written;
        }
    }
    const std::string part = path + ".new";
    const auto made = run_tool({"grub-mkrescue", "-o", part, tree.string()}, directory.path() / "log");
    if (!made) {
        fs::remove(part, error);
        return made;
    }
    fs::rename(part, path, error);
    return error ? Outcome<Done>{Failure{fmt::format("cannot write {}: {}", path, error.message())}}
                 : Outcome<Done>{Done{}};
}

} // namespace bulkhead::tools
