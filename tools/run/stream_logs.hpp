// SPDX-License-Identifier: Apache-2.0
// Writes each stream to a file of its own, byte for byte. It must not know: what the bytes mean.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/outcome.hpp"
#include "run/mux.hpp"

namespace bulkhead::tools {

class StreamLogs {
public:
    /// DIRECTORY/NAME.log for each stream.
    Outcome<Done> open(const std::string& directory, const std::vector<std::string>& names);
    void write(StreamId stream, std::string_view bytes);

private:
    std::vector<std::ofstream> files_;
};

} // namespace bulkhead::tools
