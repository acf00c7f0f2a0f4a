// SPDX-License-Identifier: Apache-2.0
// Lines of the capability print-out.
// It must not know: what any holder may have.
#include <bulkhead/authority.hpp>

#include <bulkhead/log.hpp>

namespace bulkhead {

std::string_view format_capability(std::span<char> storage, std::string_view holder, Selector slot,
                                   const CapSummary& capability) {
    FormatBuffer line{storage};
    line.append("cap {} {:5} {} {} ", holder, slot, capability.type, to_text(capability.rights));
    if (capability.badged) {
        line.append("{:x}", capability.badge);
    } else {
        line.put('-');
    }
    return line.view();
}

bool CapabilityWalk::next(Selector& slot, CapSummary& capability) {
    while (next_ < slots_) {
        slot = Selector{next_++};
        const auto found = sys::inspect(slot, space_);
        if (found && found->type != ObjectType::null) {
            capability = *found;
            return true;
        }
    }
    return false;
}

void print_capabilities(std::string_view holder, Selector space) {
    CapabilityWalk walk{space};
    Selector slot;
    CapSummary capability{};
    while (walk.next(slot, capability)) {
        char line[max_log_line];
        log("{}", format_capability(line, holder, slot, capability));
    }
}

} // namespace bulkhead
