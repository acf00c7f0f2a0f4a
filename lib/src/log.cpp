// SPDX-License-Identifier: Apache-2.0
// Lines to the console component.
// It must not know: who reads them.
#include <bulkhead/log.hpp>

#include <bulkhead/rpc.hpp>

#include <console.pb.h>

/// Given by bulkhead_component() when a component is linked; host tests have none.
extern "C" [[gnu::weak]] const char bulkhead_component_name[];

namespace bulkhead {
namespace {
constinit LogTarget target{};
static_assert(sizeof(bulkhead_ConsoleLog::text) > max_log_line + 1, "a line, its newline and the NUL fit the message");

std::string_view prefix() {
    const char* const linked = bulkhead_component_name;
    return !target.name.empty() || linked == nullptr ? target.name : std::string_view{linked};
}
} // namespace

LogTarget& log_target() {
    return target;
}

void log_line(std::string_view line) {
    if (target.instead != nullptr) {
        target.instead(line);
        return;
    }
    bulkhead_ConsoleRequest request{};
    request.which_request = bulkhead_ConsoleRequest_log_tag;
    FormatBuffer text{std::span<char>{request.request.log.text, max_log_line}};
    text.put(line);
    const std::size_t length = text.view().size();
    request.request.log.text[length] = '\n';
    request.request.log.text[length + 1] = '\0';
    bulkhead_ConsoleReply reply{};
    (void)rpc(target.portal, request, reply); // nobody to tell if nobody listens
}

void vlog(std::string_view format, std::span<const FormatArgument> arguments) {
    char storage[max_log_line];
    FormatBuffer text{storage};
    if (const std::string_view name = prefix(); !name.empty()) {
        text.append("[{}] ", name);
    }
    text.vappend(format, arguments);
    for (char& c : std::span<char>{storage, text.view().size()}) {
        const auto byte = static_cast<unsigned char>(c);
        c = byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    log_line(text.view());
}

} // namespace bulkhead
