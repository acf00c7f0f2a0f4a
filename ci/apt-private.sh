# SPDX-License-Identifier: Apache-2.0
# Sourced. A package state of the build's own, below build/deps/apt: it has source packages switched on and may be used by
# anybody, and the machine's own package configuration stays as it is. Packages are taken from the archive that the machine
# itself uses, and apt checks their signatures.
#
#   apt_private ARGUMENTS...        apt-get with that state (refreshed once per process)
#   apt_private_cache ARGUMENTS...  apt-cache with it

apt_state="${BULKHEAD_DEPS:?}/apt"
apt_refreshed=

apt_private_sources() {
    local codename keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    codename="$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")"
    {
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
            | awk -v name="$codename" '$2 ~ "^" name "(-security|-updates)?$" && $3 == "main"' | sort -u
        # A machine without such a line gets Debian's own.
        echo "http://deb.debian.org/debian $codename main"
        echo "http://deb.debian.org/debian-security $codename-security main"
    } | awk -v keyring="$keyring" '!seen[$2]++ {
            print "deb [signed-by=" keyring "]", $1, $2, $3
            print "deb-src [signed-by=" keyring "]", $1, $2, $3
        }'
}

apt_private_options() {
    printf '%s\n' -q -o "Dir::Etc::sourcelist=$apt_state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$apt_state/lists" -o "Dir::Cache=$apt_state/cache" -o APT::Sandbox::User= \
        -o Acquire::Languages=none -o Dpkg::Use-Pty=0
}

apt_private_refresh() {
    [ -z "$apt_refreshed" ] || return 0
    mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial"
    apt_private_sources > "$apt_state/sources.list"
    local options
    mapfile -t options < <(apt_private_options)
    if ! apt-get "${options[@]}" -qq update > "$apt_state/update.log" 2>&1; then
        cat "$apt_state/update.log" >&2
        echo "bulkhead: cannot read the package lists of the archives in $apt_state/sources.list (see above)" >&2
        return 1
    fi
    apt_refreshed=1
}

apt_private() {
    apt_private_refresh || return 1
    local options
    mapfile -t options < <(apt_private_options)
    apt-get "${options[@]}" -qq "$@"
}

apt_private_cache() {
    apt_private_refresh || return 1
    local options
    mapfile -t options < <(apt_private_options)
    apt-cache "${options[@]}" "$@"
}
