// SPDX-License-Identifier: Apache-2.0
// bulkhead image: everything on one disc for a real machine.
#include <fmt/format.h>

#include "common_options.hpp"
#include "image/iso.hpp"

namespace bulkhead::tools {

namespace {

struct Options {
    PackOptions pack;
    std::string kernel;
    std::string root;
    std::string output;
    std::vector<std::string> files;
};

int run_image(const Options& options) {
    const auto files = options.files.empty() ? std::vector{default_system_file()} : options.files;
    const auto checked = check_or_complain(files, options.pack.machine);
    if (!checked) {
        return exit_failure;
    }
    const auto image = pack_or_complain(*checked, options.pack, 0);
    if (!image) {
        return exit_failure;
    }
    const auto kernel = read_file(options.kernel);
    if (!kernel) {
        return complain(fmt::format("cannot read the kernel {}: {}", options.kernel, kernel.message()));
    }
    const std::string root_path = options.root.empty() ? options.pack.components + "/root.elf" : options.root;
    const auto root = read_file(root_path);
    if (!root) {
        return complain(fmt::format("cannot read the root task {}: {}", root_path, root.message()));
    }
    const auto written = write_iso(options.output, {*kernel, *root, *image, checked->plan.system.command_line});
    if (!written) {
        return complain(written.message());
    }
    fmt::print("{}: boots from BIOS and UEFI; the consoles are on the first serial line, 115200 8N1\n", options.output);
    return exit_success;
}

} // namespace

Command add_image(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* image = app.add_subcommand("image", "Make an ISO image that boots on a real machine with AMD SVM");
    options->kernel = find_build_tree().kernel();
    options->pack.add_to(*image);
    image->add_option("--kernel", options->kernel, "The kernel's ELF file");
    image->add_option("--root", options->root, "ELF file of the root task, if it is not with the components");
    image->add_option("OUT", options->output, "The ISO file to write")->required();
    image->add_option("FILE", options->files,
                      "Domain files (xl.cfg), or one system file (.toml); default: config/system.toml");
    return [options] { return run_image(*options); };
}

} // namespace bulkhead::tools
