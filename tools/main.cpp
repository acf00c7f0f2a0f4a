// SPDX-License-Identifier: Apache-2.0
// bulkhead-tool: the host side of Bulkhead. The entry script ./bulkhead builds it and passes its arguments on.
#include <cstdio>
#include <exception>

#include "commands.hpp"

int main(int argc, char** argv) {
    using namespace bulkhead::tools;
    CLI::App app{"Bulkhead: runs unmodified Xen guests, none of their services in ring 0", "bulkhead"};
    app.require_subcommand(1);
    const std::pair<const char*, Command> commands[] = {
        {"check", add_check(app)}, {"pack", add_pack(app)}, {"image", add_image(app)},
        {"run", add_run(app)},     {"caps", add_caps(app)},
    };
    try {
        app.parse(argc, argv);
        for (const auto& [name, command] : commands) {
            if (app.got_subcommand(name)) {
                return command();
            }
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? exit_success : exit_usage;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bulkhead: error: %s\n", error.what());
        return exit_failure;
    }
    return exit_usage;
}
