# SPDX-License-Identifier: Apache-2.0
"""The conformance guest on Bulkhead, once for each mode of a guest's CPU alone, and once with a second vCPU beside a peer. Which rows there are, and which are known to fail, is looked up when the
guest has ended (test/conformance)."""

from case import BootCase, Domain, Expect

IMAGES = ("conformance64", "conformance32", "conformance32_two_level", "conformance32_pae", "conformance16")

CONFORMANCE_CASES = tuple(
    BootCase(
        image.replace("_", "-"), ("REQ-CONF-001",), (Domain(image, image, memory=16),),
        (Expect(image, "conformance: begin"),),
        conformance=image, timeout=120,
    )
    for image in IMAGES
) + tuple(
    BootCase(
        f"{image}_beside".replace("_", "-"), ("REQ-CONF-001",),
        (Domain("peer", image, "role=peer", memory=16), Domain(f"{image}_beside", image, "beside", memory=16, vcpus=2)),
        (Expect(f"{image}_beside", "conformance: begin"),),
        conformance=f"{image}_beside", timeout=120,
    )
    for image in IMAGES
)
