// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_physdev_op (public/physdev.h) and HYPERVISOR_platform_op (public/platform.h) as a PVH domain sees them: it
// has neither physical interrupts nor the machine. Each operation that these headers name has a row
// (test/conformance/selftest.py looks).
#include "../machine.hpp"

#include <xen/physdev.h>
#include <xen/platform.h>

namespace bulkhead::conformance {
namespace {

constexpr const char* physdev_h = "public/physdev.h";
constexpr const char* platform_h = "public/platform.h";

template <Word Operation> std::int64_t physdev(Effects& e) {
    const auto result = operate(__HYPERVISOR_physdev_op, Operation, scratch);
    for (std::size_t i = 0; i < 64; ++i) {
        e.equal("untouched", scratch[0][i], 0);
    }
    return result;
}
std::int64_t platform(std::uint32_t command, std::uint32_t version) {
    auto& op = *reinterpret_cast<xen_platform_op*>(scratch[0]);
    op.cmd = command;
    op.interface_version = version;
    return issue(__HYPERVISOR_platform_op, address_of(scratch));
}
template <std::uint32_t Command> std::int64_t platform(Effects& e) {
    const auto result = platform(Command, XENPF_INTERFACE_VERSION);
    for (std::size_t i = offsetof(xen_platform_op, u); i < sizeof(xen_platform_op); ++i) {
        e.equal("untouched", scratch[0][i], 0);
    }
    return result;
}

constexpr OnXen version_first{-XEN_EACCES, "Xen looks first which version of the tools' interface the caller means."};
constexpr OnXen reads_first{-XEN_EFAULT, "Xen reads the structure before it looks who asks."};

constexpr Row rows[] = {
    {"physdev/IRQ_UNMASK_NOTIFY of old guests", physdev_h, physdev<PHYSDEVOP_IRQ_UNMASK_NOTIFY>, -XEN_ENOSYS},
    {"physdev/eoi", physdev_h, physdev<PHYSDEVOP_eoi>, -XEN_ENOSYS},
    {"physdev/irq_status_query", physdev_h, physdev<PHYSDEVOP_irq_status_query>, -XEN_ENOSYS},
    {"physdev/set_iopl", physdev_h, physdev<PHYSDEVOP_set_iopl>, -XEN_ENOSYS},
    {"physdev/set_iobitmap", physdev_h, physdev<PHYSDEVOP_set_iobitmap>, -XEN_ENOSYS},
    {"physdev/apic_read", physdev_h, physdev<PHYSDEVOP_apic_read>, -XEN_ENOSYS},
    {"physdev/apic_write", physdev_h, physdev<PHYSDEVOP_apic_write>, -XEN_ENOSYS},
    {"physdev/alloc_irq_vector", physdev_h, physdev<PHYSDEVOP_alloc_irq_vector>, -XEN_ENOSYS},
    {"physdev/free_irq_vector", physdev_h, physdev<PHYSDEVOP_free_irq_vector>, -XEN_ENOSYS},
    {"physdev/map_pirq", physdev_h, physdev<PHYSDEVOP_map_pirq>, -XEN_ENOSYS},
    {"physdev/unmap_pirq", physdev_h, physdev<PHYSDEVOP_unmap_pirq>, -XEN_ENOSYS},
    {"physdev/manage_pci_add", physdev_h, physdev<PHYSDEVOP_manage_pci_add>, -XEN_ENOSYS},
    {"physdev/manage_pci_remove", physdev_h, physdev<PHYSDEVOP_manage_pci_remove>, -XEN_ENOSYS},
    {"physdev/pirq_eoi_gmfn_v1", physdev_h, physdev<PHYSDEVOP_pirq_eoi_gmfn_v1>, -XEN_ENOSYS},
    {"physdev/restore_msi", physdev_h, physdev<PHYSDEVOP_restore_msi>, -XEN_ENOSYS},
    {"physdev/manage_pci_add_ext", physdev_h, physdev<PHYSDEVOP_manage_pci_add_ext>, -XEN_ENOSYS},
    {"physdev/setup_gsi", physdev_h, physdev<PHYSDEVOP_setup_gsi>, -XEN_ENOSYS},
    {"physdev/get_free_pirq", physdev_h, physdev<PHYSDEVOP_get_free_pirq>, -XEN_ENOSYS},
    {"physdev/pci_mmcfg_reserved", physdev_h, physdev<PHYSDEVOP_pci_mmcfg_reserved>, -XEN_ENOSYS},
    {"physdev/pci_device_add", physdev_h, physdev<PHYSDEVOP_pci_device_add>, -XEN_ENOSYS},
    {"physdev/pci_device_remove", physdev_h, physdev<PHYSDEVOP_pci_device_remove>, -XEN_ENOSYS},
    {"physdev/restore_msi_ext", physdev_h, physdev<PHYSDEVOP_restore_msi_ext>, -XEN_ENOSYS},
    {"physdev/pirq_eoi_gmfn_v2", physdev_h, physdev<PHYSDEVOP_pirq_eoi_gmfn_v2>, -XEN_ENOSYS},
    {"physdev/dbgp_op", physdev_h, physdev<PHYSDEVOP_dbgp_op>, -XEN_ENOSYS},
    {"physdev/prepare_msix", physdev_h, physdev<PHYSDEVOP_prepare_msix>, -XEN_ENOSYS},
    {"physdev/release_msix", physdev_h, physdev<PHYSDEVOP_release_msix>, -XEN_ENOSYS},
    {"physdev/unknown 0", physdev_h, physdev<0>, -XEN_ENOSYS},
    {"physdev/unknown 18", physdev_h, physdev<18>, -XEN_ENOSYS},
    {"physdev/unknown 22", physdev_h, physdev<22>, -XEN_ENOSYS},
    {"physdev/unknown 32", physdev_h, physdev<32>, -XEN_ENOSYS},
    {"physdev/unknown 2^31", physdev_h, physdev<0x8000'0000>, -XEN_ENOSYS},
    {"physdev/unknown 2^32-1", physdev_h, physdev<0xffff'ffff>, -XEN_ENOSYS},
    {"physdev/map_pirq, unmapped", physdev_h,
     [](Effects&) { return issue(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, place(Place::unmapped, 8)); },
     -XEN_ENOSYS},
    {"platform/settime32", platform_h, platform<XENPF_settime32>, -XEN_EPERM},
    {"platform/add_memtype", platform_h, platform<XENPF_add_memtype>, -XEN_EPERM},
    {"platform/del_memtype", platform_h, platform<XENPF_del_memtype>, -XEN_EPERM},
    {"platform/read_memtype", platform_h, platform<XENPF_read_memtype>, -XEN_EPERM},
    {"platform/microcode_update", platform_h, platform<XENPF_microcode_update>, -XEN_EPERM},
    {"platform/platform_quirk", platform_h, platform<XENPF_platform_quirk>, -XEN_EPERM},
    {"platform/get_cpu_version", platform_h, platform<XENPF_get_cpu_version>, -XEN_EPERM},
    {"platform/efi_runtime_call", platform_h, platform<XENPF_efi_runtime_call>, -XEN_EPERM},
    {"platform/firmware_info", platform_h, platform<XENPF_firmware_info>, -XEN_EPERM},
    {"platform/enter_acpi_sleep", platform_h, platform<XENPF_enter_acpi_sleep>, -XEN_EPERM},
    {"platform/change_freq", platform_h, platform<XENPF_change_freq>, -XEN_EPERM},
    {"platform/getidletime", platform_h, platform<XENPF_getidletime>, -XEN_EPERM},
    {"platform/set_processor_pminfo", platform_h, platform<XENPF_set_processor_pminfo>, -XEN_EPERM},
    {"platform/get_cpuinfo", platform_h, platform<XENPF_get_cpuinfo>, -XEN_EPERM},
    {"platform/cpu_online", platform_h, platform<XENPF_cpu_online>, -XEN_EPERM},
    {"platform/cpu_offline", platform_h, platform<XENPF_cpu_offline>, -XEN_EPERM},
    {"platform/cpu_hotadd", platform_h, platform<XENPF_cpu_hotadd>, -XEN_EPERM},
    {"platform/mem_hotadd", platform_h, platform<XENPF_mem_hotadd>, -XEN_EPERM},
    {"platform/core_parking", platform_h, platform<XENPF_core_parking>, -XEN_EPERM},
    {"platform/resource_op", platform_h, platform<XENPF_resource_op>, -XEN_EPERM},
    {"platform/settime64", platform_h, platform<XENPF_settime64>, -XEN_EPERM},
    {"platform/get_symbol", platform_h, platform<XENPF_get_symbol>, -XEN_EPERM},
    {"platform/unknown 0", platform_h, platform<0>, -XEN_EPERM},
    {"platform/unknown 64", platform_h, platform<64>, -XEN_EPERM},
    {"platform/unknown 2^32-1", platform_h, platform<0xffff'ffff>, -XEN_EPERM},
    {"platform/getidletime of another version", platform_h, [](Effects&) { return platform(XENPF_getidletime, 1); },
     -XEN_EPERM, any_width, version_first},
    {"platform/unmapped", platform_h,
     [](Effects&) { return issue(__HYPERVISOR_platform_op, place(Place::unmapped, 8)); }, -XEN_EPERM, any_width,
     reads_first},
};

} // namespace

const Group privileged_rows{"physdev_op, platform_op", rows};

} // namespace bulkhead::conformance
