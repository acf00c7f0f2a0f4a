/* SPDX-License-Identifier: Apache-2.0
   Empty on purpose. The C library's <features.h>, which the compiler's own headers include, wants this file; it comes with the 32-bit C library, which
   no guest uses and no build machine needs. */
