// SPDX-License-Identifier: Apache-2.0
// The grant tables' operations.
#include "grant_tables.hpp"

namespace bulkhead::grant {

std::int32_t GrantTables::add_domain(DomId domain, std::uint32_t max_frames, std::uint32_t max_version) {
    if (domain.value == 0 || domain.value > max_domains || max_frames == 0 || max_frames > max_grant_frames ||
        max_version > max_grant_version) {
        return -XEN_EINVAL;
    }
    if (has(domain)) {
        return -XEN_EEXIST;
    }
    tables_[domain.value] = {true, initial_frames, max_frames, max_version != 0 ? max_version : 1, 1};
    return 0;
}

std::int32_t GrantTables::remove_domain(DomId domain) {
    if (!has(domain)) {
        return -XEN_ESRCH;
    }
    tables_[domain.value] = {};
    return 0;
}

GrantTables::Size GrantTables::query_size(DomId caller, std::uint32_t domain) const {
    const Table* table = find(domain);
    if (table == nullptr) {
        return {GNTST_bad_domain, 0, 0};
    }
    if (domain != caller.value) {
        return {GNTST_permission_denied, 0, 0};
    }
    return {GNTST_okay, table->frames, table->max_frames};
}

GrantTables::Version GrantTables::set_version(DomId caller, std::uint32_t version, bool check) {
    if (!has(caller)) {
        return {-XEN_ESRCH, 0};
    }
    Table& table = tables_[caller.value];
    if (version != 1 && version != 2) {
        return {-XEN_EINVAL, table.version};
    }
    if (version > table.max_version) { // as Xen says then, "as before set_version was introduced"
        return {-XEN_ENOSYS, table.version};
    }
    if (!check) {
        table.version = version;
    }
    return {0, table.version};
}

GrantTables::Version GrantTables::get_version(DomId caller, std::uint32_t domain) const {
    if (find(domain) == nullptr) {
        return {-XEN_ESRCH, 0};
    }
    if (domain != caller.value) {
        return {-XEN_EPERM, 0};
    }
    return {0, find(domain)->version};
}

std::int32_t GrantTables::grow_to(DomId domain, std::uint32_t index) {
    if (!has(domain)) {
        return -XEN_ESRCH;
    }
    Table& table = tables_[domain.value];
    if (index >= table.max_frames) {
        return -XEN_EINVAL;
    }
    if (table.frames <= index) {
        table.frames = index + 1;
    }
    return 0;
}

std::int32_t GrantTables::grow_to_status(DomId domain, std::uint32_t index) {
    if (!has(domain)) {
        return -XEN_ESRCH;
    }
    const Table& table = tables_[domain.value];
    if (table.version != 2 || index >= grant_status_frames(table.max_frames)) {
        return -XEN_EINVAL;
    }
    // The first frame of the table whose entries have their status there.
    constexpr std::uint32_t frames_in_one = max_grant_frames / max_grant_status_frames;
    return grow_to(domain, index * frames_in_one);
}

std::int32_t GrantTables::set_up(DomId caller, std::uint32_t frames) {
    if (frames == 0) {
        return has(caller) ? GNTST_okay : GNTST_bad_domain;
    }
    return grow_to(caller, frames - 1) == 0 ? GNTST_okay : GNTST_general_error;
}

} // namespace bulkhead::grant
