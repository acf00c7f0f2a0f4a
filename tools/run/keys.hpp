// SPDX-License-Identifier: Apache-2.0
// Separates what the user types for a guest from the front end's own keys, which begin with Ctrl-A.
// It must not know: what the commands do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::tools {

enum class KeyCommand : std::uint8_t { data, select, next, previous, help, quit };

struct KeyEvent {
    KeyCommand command{KeyCommand::data};
    std::string data;        ///< for the guest
    std::uint32_t number{0}; ///< of the domain to select
};

class KeyDecoder {
public:
    std::vector<KeyEvent> feed(std::string_view bytes);

    static std::string_view help();

private:
    bool prefix_{false};
};

} // namespace bulkhead::tools
