// SPDX-License-Identifier: Apache-2.0
#include "config/xl_keys.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace bulkhead::tools {

namespace {

struct Reason {
    std::string_view key;
    std::string_view why;
};

// Keys whose purpose is served otherwise.
constexpr Reason reasons[] = {
    {"builder", "it is obsolete in xl: write type = \"pvh\""},
    {"pvh", "it is obsolete in xl: write type = \"pvh\""},
    {"cpu_weight", "CPU time is given as budget_us and period_us in the system file"},
    {"cap", "CPU time is given as budget_us and period_us in the system file"},
    {"pool", "CPUs are given to domains by cpus here, and by the system file"},
    {"cpus_soft", "placement is fixed: use cpus"},
    {"bootloader", "give kernel and ramdisk as files of the host"},
    {"bootloader_args", "give kernel and ramdisk as files of the host"},
    {"on_watchdog", "there is no watchdog for guests in this version"},
    {"on_soft_reset", "there is no soft reset in this version"},
    {"disk", "there are no virtual disks in this version: put what the guest needs into its ramdisk"},
    {"vif", "there is no virtual network in this version"},
};

// All others, sorted.
constexpr std::string_view others[] = {"acpi",
                                       "acpi_firmware",
                                       "acpi_laptop_slate",
                                       "acpi_s3",
                                       "acpi_s4",
                                       "altp2m",
                                       "altp2mhvm",
                                       "apic",
                                       "arm_sci",
                                       "assisted_x2apic",
                                       "assisted_xapic",
                                       "bios",
                                       "bios_path_override",
                                       "blkdev_start",
                                       "boot",
                                       "channel",
                                       "claim_mode",
                                       "cpuid",
                                       "device_model_args",
                                       "device_model_args_hvm",
                                       "device_model_args_pv",
                                       "device_model_override",
                                       "device_model_stubdomain_override",
                                       "device_model_stubdomain_seclabel",
                                       "device_model_user",
                                       "device_model_version",
                                       "device_tree",
                                       "dm_restrict",
                                       "driver_domain",
                                       "dtdev",
                                       "e820_host",
                                       "event_channels",
                                       "firmware",
                                       "firmware_override",
                                       "gfx_passthru",
                                       "gic_version",
                                       "hap",
                                       "hdtype",
                                       "hpet",
                                       "init_seclabel",
                                       "iomem",
                                       "ioports",
                                       "irqs",
                                       "keymap",
                                       "llc_colors",
                                       "localtime",
                                       "max_grant_frames",
                                       "max_maptrack_frames",
                                       "mca_caps",
                                       "mmio_hole",
                                       "ms_vm_genid",
                                       "msr_relaxed",
                                       "nestedhvm",
                                       "nographic",
                                       "nomigrate",
                                       "nr_spis",
                                       "numa_placement",
                                       "nx",
                                       "opengl",
                                       "p9",
                                       "pae",
                                       "paging_mempool",
                                       "passthrough",
                                       "pci",
                                       "pci_msitranslate",
                                       "pci_permissive",
                                       "pci_power_mgmt",
                                       "pci_seize",
                                       "pvcalls",
                                       "pvshim",
                                       "pvshim_cmdline",
                                       "pvshim_extra",
                                       "pvshim_path",
                                       "rdm",
                                       "rdm_mem_boundary",
                                       "rtc_timeoffset",
                                       "run_hotplug_scripts",
                                       "sched",
                                       "sdl",
                                       "seclabel",
                                       "serial",
                                       "shadow_memory",
                                       "smbios",
                                       "smbios_firmware",
                                       "soundhw",
                                       "spice",
                                       "spice_clipboard_sharing",
                                       "spice_image_compression",
                                       "spice_streaming_video",
                                       "spiceagent_mouse",
                                       "spicedisable_ticketing",
                                       "spicehost",
                                       "spicepasswd",
                                       "spiceport",
                                       "spicetls_port",
                                       "spiceusbredirection",
                                       "spicevdagent",
                                       "static_shm",
                                       "stdvga",
                                       "stubdomain_cmdline",
                                       "stubdomain_kernel",
                                       "stubdomain_memory",
                                       "stubdomain_ramdisk",
                                       "suppress_spurious_page_faults",
                                       "sve",
                                       "system_firmware",
                                       "tee",
                                       "timer_mode",
                                       "tsc_mode",
                                       "uefi_firmware",
                                       "usb",
                                       "usbctrl",
                                       "usbdev",
                                       "usbdevice",
                                       "usbversion",
                                       "vdispl",
                                       "vendor_device",
                                       "vfb",
                                       "vga",
                                       "vhpt",
                                       "videoram",
                                       "viridian",
                                       "virtio",
                                       "vkb",
                                       "vmtrace_buf_kb",
                                       "vnc",
                                       "vncconsole",
                                       "vncdisplay",
                                       "vnclisten",
                                       "vncpasswd",
                                       "vncunused",
                                       "vnuma",
                                       "vpt_align",
                                       "vscsi",
                                       "vsnd",
                                       "vtpm",
                                       "vuart",
                                       "xauthority",
                                       "xen_platform_pci",
                                       "xend_suspend_evtchn_compat"};
static_assert(std::is_sorted(std::begin(others), std::end(others)));

} // namespace

std::string_view why_not_supported(std::string_view key) {
    for (const Reason& reason : reasons) {
        if (reason.key == key) {
            return reason.why;
        }
    }
    if (std::binary_search(std::begin(others), std::end(others), key)) {
        return "remove it";
    }
    return {};
}

} // namespace bulkhead::tools
