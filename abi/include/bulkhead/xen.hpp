// SPDX-License-Identifier: Apache-2.0
// The Xen guest interface as Debian's libxen-dev publishes it: numbers, flags and the layouts of the width compiled
// for. The one place that says which interface version is meant. Works freestanding and hosted. It must not know:
// anything of ours but the namespace.
#pragma once

#ifdef __XEN_INTERFACE_VERSION__
#error "include bulkhead/xen.hpp, not <xen/...> directly: the interface version is chosen here"
#endif
#define __XEN_INTERFACE_VERSION__ 0x00040e00 // 4.14's names, the newest that libxen-dev 4.17 knows

#include <cstddef>
#include <cstdint>

#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/elfnote.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

namespace bulkhead::xen {

/// The result of a guest's operation: 0 or more, or a negative errno of xen/errno.h (which names them XEN_E...).
using Result = std::int64_t;

/// The version that we tell guests: the one whose public headers we implement.
inline constexpr std::uint32_t version_major = 4;
inline constexpr std::uint32_t version_minor = 17;

static_assert(sizeof(shared_info) == (sizeof(void*) == 8 ? 3136 : 2344) && sizeof(vcpu_info) == 64,
              "the layouts are those of a guest as wide as the code that includes this");
static_assert(XEN_ENOSYS == 38 && XEN_EFAULT == 14);

} // namespace bulkhead::xen
