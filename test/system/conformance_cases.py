# SPDX-License-Identifier: Apache-2.0
"""The conformance guest on Bulkhead, once for each mode of a guest's CPU alone, and once with a second vCPU beside a peer; and both again (_v2) in domains that may have grant tables of
version 2. Which rows there are, and which are known to fail, is looked up when the guest has ended (test/conformance)."""

from case import BootCase, Domain, Expect

IMAGES = ("conformance64", "conformance32", "conformance32_two_level", "conformance32_pae", "conformance16")



def alone(image, run, version):
    return BootCase(
        run.replace("_", "-"), ("REQ-CONF-001",),
        (Domain(run, image, "grants=2" if version else "", memory=16, max_grant_version=version),),
        (Expect(run, "conformance: begin"),),
        conformance=run, timeout=120,
    )


def beside(image, run, version):
    words = " grants=2" if version else ""
    return BootCase(
        run.replace("_", "-"), ("REQ-CONF-001",) + (("REQ-GRANT-007",) if version == 2 else ()),
        (Domain("peer", image, "role=peer" + words, memory=16, max_grant_version=version),
         Domain(run, image, "beside" + words, memory=16, vcpus=2, max_grant_version=version)),
        (Expect(run, "conformance: begin"),),
        conformance=run, timeout=120,
    )


CONFORMANCE_CASES = tuple(case for image in IMAGES for case in (
    alone(image, image, 0), beside(image, f"{image}_beside", 0),
    alone(image, f"{image}_v2", 2), beside(image, f"{image}_v2_beside", 2),
))
