// SPDX-License-Identifier: Apache-2.0
// bulkhead pack: the boot image alone, for those who boot it themselves.
#include <fmt/format.h>

#include "common_options.hpp"

namespace bulkhead::tools {

namespace {

struct Options {
    PackOptions pack;
    std::string output;
    std::vector<std::string> files;
};

int run_pack(const Options& options) {
    const auto checked = check_or_complain(options.files, options.pack.machine);
    if (!checked) {
        return exit_failure;
    }
    const auto image = pack_or_complain(*checked, options.pack, 0);
    if (!image) {
        return exit_failure;
    }
    const auto written = write_file(options.output, *image);
    return written ? exit_success : complain(written.message());
}

} // namespace

Command add_pack(CLI::App& app) {
    auto options = std::make_shared<Options>();
    CLI::App* pack = app.add_subcommand("pack", "Make the boot image: the module that the kernel takes after root.elf");
    options->pack.add_to(*pack);
    pack->add_option("--output,-o", options->output, "The file to write")->required();
    pack->add_option("FILE", options->files, "Domain files (xl.cfg), or one system file (.toml)")->required();
    return [options] { return run_pack(*options); };
}

} // namespace bulkhead::tools
