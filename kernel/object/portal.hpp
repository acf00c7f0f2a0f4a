// SPDX-License-Identifier: Apache-2.0
// A portal: where a call goes. Callers hold capabilities with badges, the handler sees the badge.
#pragma once

#include "object/thread.hpp"

namespace bulkhead::kernel {

class Portal : public Object {
public:
    Portal() : Object{ObjectType::portal} {}

    Ref<Thread> handler;
};

} // namespace bulkhead::kernel
