// SPDX-License-Identifier: Apache-2.0
// One table of (field, register) drives both directions. Unknown fields are found by walking over the encoding, which
// is that of Protobuf: a tag, and a value whose length the tag's type tells. It must not know: how a context is stored.
#include "context.hpp"

#include <pb_common.h>
#include <pb_decode.h>

#include <bulkhead/message.hpp>

#include "power.hpp"

namespace bulkhead::vcpu {

namespace {

using Context = bulkhead_VcpuContext;

/// Tells `visit(has, field, register)` of everything that is in both, in either direction.
template <typename C, typename S, typename F> void each_register(C& c, S& s, F&& visit) {
    auto gpr = [&](Gpr which) -> auto& {
        return s.gpr[static_cast<std::uint32_t>(which)];
    };
    visit(c.has_rax, c.rax, gpr(Gpr::rax));
    visit(c.has_rcx, c.rcx, gpr(Gpr::rcx));
    visit(c.has_rdx, c.rdx, gpr(Gpr::rdx));
    visit(c.has_rbx, c.rbx, gpr(Gpr::rbx));
    visit(c.has_rsp, c.rsp, gpr(Gpr::rsp));
    visit(c.has_rbp, c.rbp, gpr(Gpr::rbp));
    visit(c.has_rsi, c.rsi, gpr(Gpr::rsi));
    visit(c.has_rdi, c.rdi, gpr(Gpr::rdi));
    visit(c.has_r8, c.r8, gpr(Gpr::r8));
    visit(c.has_r9, c.r9, gpr(Gpr::r9));
    visit(c.has_r10, c.r10, gpr(Gpr::r10));
    visit(c.has_r11, c.r11, gpr(Gpr::r11));
    visit(c.has_r12, c.r12, gpr(Gpr::r12));
    visit(c.has_r13, c.r13, gpr(Gpr::r13));
    visit(c.has_r14, c.r14, gpr(Gpr::r14));
    visit(c.has_r15, c.r15, gpr(Gpr::r15));
    visit(c.has_rip, c.rip, s.rip);
    visit(c.has_rflags, c.rflags, s.rflags);
}

template <typename C, typename S, typename F> void each_control(C& c, S& s, F&& visit) {
    visit(c.has_cr0, c.cr0, s.cr0);
    visit(c.has_cr2, c.cr2, s.cr2);
    visit(c.has_cr3, c.cr3, s.cr3);
    visit(c.has_cr4, c.cr4, s.cr4);
    visit(c.has_efer, c.efer, s.efer);
    visit(c.has_dr6, c.dr6, s.dr6);
    visit(c.has_dr7, c.dr7, s.dr7);
    visit(c.has_star, c.star, s.star);
    visit(c.has_lstar, c.lstar, s.lstar);
    visit(c.has_cstar, c.cstar, s.cstar);
    visit(c.has_sfmask, c.sfmask, s.sfmask);
    visit(c.has_kernel_gs_base, c.kernel_gs_base, s.kernel_gs_base);
    visit(c.has_sysenter_cs, c.sysenter_cs, s.sysenter_cs);
    visit(c.has_sysenter_esp, c.sysenter_esp, s.sysenter_esp);
    visit(c.has_sysenter_eip, c.sysenter_eip, s.sysenter_eip);
    visit(c.has_pat, c.pat, s.pat);
    visit(c.has_tsc_aux, c.tsc_aux, s.tsc_aux);
    visit(c.has_cpl, c.cpl, s.cpl);
    visit(c.has_interrupt_shadow, c.interrupt_shadow, s.interrupt_shadow);
    visit(c.has_gdtr_limit, c.gdtr_limit, s.gdtr.limit);
    visit(c.has_gdtr_base, c.gdtr_base, s.gdtr.base);
    visit(c.has_idtr_limit, c.idtr_limit, s.idtr.limit);
    visit(c.has_idtr_base, c.idtr_base, s.idtr.base);
}

template <typename C, typename S, typename F> void each_segment(C& c, S& s, F&& visit) {
    const auto segment = [&](auto& has_selector, auto& selector, auto& has_access, auto& access, auto& has_limit,
                             auto& limit, auto& has_base, auto& base, auto& reg) {
        visit(has_selector, selector, reg.selector);
        visit(has_access, access, reg.access);
        visit(has_limit, limit, reg.limit);
        visit(has_base, base, reg.base);
    };
    segment(c.has_es_selector, c.es_selector, c.has_es_access, c.es_access, c.has_es_limit, c.es_limit, c.has_es_base,
            c.es_base, s.es);
    segment(c.has_cs_selector, c.cs_selector, c.has_cs_access, c.cs_access, c.has_cs_limit, c.cs_limit, c.has_cs_base,
            c.cs_base, s.cs);
    segment(c.has_ss_selector, c.ss_selector, c.has_ss_access, c.ss_access, c.has_ss_limit, c.ss_limit, c.has_ss_base,
            c.ss_base, s.ss);
    segment(c.has_ds_selector, c.ds_selector, c.has_ds_access, c.ds_access, c.has_ds_limit, c.ds_limit, c.has_ds_base,
            c.ds_base, s.ds);
    segment(c.has_fs_selector, c.fs_selector, c.has_fs_access, c.fs_access, c.has_fs_limit, c.fs_limit, c.has_fs_base,
            c.fs_base, s.fs);
    segment(c.has_gs_selector, c.gs_selector, c.has_gs_access, c.gs_access, c.has_gs_limit, c.gs_limit, c.has_gs_base,
            c.gs_base, s.gs);
    segment(c.has_ldtr_selector, c.ldtr_selector, c.has_ldtr_access, c.ldtr_access, c.has_ldtr_limit, c.ldtr_limit,
            c.has_ldtr_base, c.ldtr_base, s.ldtr);
    segment(c.has_tr_selector, c.tr_selector, c.has_tr_access, c.tr_access, c.has_tr_limit, c.tr_limit, c.has_tr_base,
            c.tr_base, s.tr);
}

template <typename C, typename S, typename F> void each_field(C& c, S& s, F&& visit) {
    each_register(c, s, visit);
    each_control(c, s, visit);
    each_segment(c, s, visit);
}

bool is_known(std::uint32_t tag) {
    const pb_msgdesc_t* const fields = nanopb::MessageDescriptor<Context>::fields();
    Context any{};
    pb_field_iter_t at;
    return pb_field_iter_begin(&at, fields, &any) && pb_field_iter_find(&at, tag);
}

/// Keeps the fields that are not known. Bounded by the length of the encoding.
Status keep_unknown(std::span<const std::uint8_t> bytes, SavedContext& context) {
    pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
    while (stream.bytes_left != 0) {
        const std::size_t first = bytes.size() - stream.bytes_left;
        pb_wire_type_t type{};
        std::uint32_t tag = 0;
        bool end = false;
        if (!pb_decode_tag(&stream, &type, &tag, &end) || end || !pb_skip_field(&stream, type)) {
            return Status::bad_argument;
        }
        const std::size_t length = bytes.size() - stream.bytes_left - first;
        if (is_known(tag)) {
            continue;
        }
        if (length > SavedContext::max_unknown - context.unknown_bytes) {
            return Status::out_of_range;
        }
        __builtin_memcpy(context.unknown + context.unknown_bytes, bytes.data() + first, length);
        context.unknown_bytes += length;
    }
    return Status::ok;
}

} // namespace

Status load_context(std::span<const std::uint8_t> bytes, SavedContext& context) {
    context = SavedContext{};
    VcpuState state{};
    if (!decode(bytes, context.known) || !to_state(context.known, state)) {
        return Status::bad_argument;
    }
    return keep_unknown(bytes, context);
}

Result<std::uint32_t> save_context(const SavedContext& context, std::span<std::uint8_t> bytes) {
    const auto length = encode(context.known, bytes);
    if (!length || context.unknown_bytes > bytes.size() - *length) {
        return Status::out_of_range;
    }
    __builtin_memcpy(bytes.data() + *length, context.unknown, context.unknown_bytes);
    return static_cast<std::uint32_t>(*length + context.unknown_bytes);
}

bool to_state(const Context& context, VcpuState& state) {
    VcpuState s{};
    set_startup_state(s, 0, 0);
    bool fits = true;
    each_field(context, s, [&](bool has, const auto& field, auto& reg) {
        if (has) {
            reg = static_cast<std::remove_cvref_t<decltype(reg)>>(field);
            fits = fits && reg == field;
        }
    });
    if (!context.has_cpl) {
        constexpr std::uint32_t dpl_shift = 5;
        s.cpl = (s.ss.access >> dpl_shift) & 3;
    }
    constexpr std::uint16_t unused = 0xf000;
    for (const Segment* each : {&s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs, &s.ldtr, &s.tr}) {
        fits = fits && (each->access & unused) == 0;
    }
    constexpr std::uint32_t table_limit = 0xffff;
    fits = fits && s.cpl <= 3 && s.interrupt_shadow <= 1 && s.gdtr.limit <= table_limit && s.idtr.limit <= table_limit;
    if (fits) {
        state = s;
    }
    return fits;
}

Context to_context(const VcpuState& state) {
    Context context{};
    each_field(context, state, [](bool& has, auto& field, const auto& reg) {
        has = true;
        field = reg;
    });
    return context;
}

} // namespace bulkhead::vcpu
