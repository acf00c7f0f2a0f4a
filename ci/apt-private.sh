# SPDX-License-Identifier: Apache-2.0
# Sourced. A package state of the build's own, below build/deps/apt: it has source packages switched on and may be used by
# anybody, and the machine's own package configuration stays as it is. Packages are taken from the archive that the machine
# itself uses, and apt checks their signatures.
#
#   apt_private ARGUMENTS...        apt-get with that state (refreshed once per process)
#   apt_private_cache ARGUMENTS...  apt-cache with it
#   apt_private_use ARCHITECTURE    from now on (until the subshell ends) packages of that architecture, in a state of their own.
#                                   The machine neither gets a foreign architecture by it nor needs one.

apt_state="${BULKHEAD_DEPS:?}/apt"
apt_architecture=
apt_refreshed=

apt_private_use() {
    apt_architecture="$1"
    apt_state="$BULKHEAD_DEPS/apt-$1"
    apt_refreshed=
}

apt_private_sources() {
    local codename keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    codename="$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")"
    {
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null \
            | awk -v name="$codename" '$2 ~ "^" name "(-security|-updates)?$" && $3 == "main"' | sort -u
        # A machine without such a line gets Debian's own.
        echo "http://deb.debian.org/debian $codename main"
        echo "http://deb.debian.org/debian-security $codename-security main"
    } | awk -v keyring="$keyring" -v sources="${apt_architecture:-yes}" '!seen[$2]++ {
            print "deb [signed-by=" keyring "]", $1, $2, $3
            if (sources == "yes") print "deb-src [signed-by=" keyring "]", $1, $2, $3
        }'
}

apt_private_options() {
    printf '%s\n' -q -o "Dir::Etc::sourcelist=$apt_state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$apt_state/lists" -o "Dir::Cache=$apt_state/cache" -o APT::Sandbox::User= \
        -o Acquire::Languages=none -o Dpkg::Use-Pty=0
    # What is installed here is of another architecture, and says nothing.
    [ -z "$apt_architecture" ] || printf '%s\n' -o "APT::Architecture=$apt_architecture" -o "APT::Architectures=$apt_architecture" \
        -o "Dir::State::status=$apt_state/status"
}

apt_private_refresh() {
    [ -z "$apt_refreshed" ] || return 0
    mkdir -p "$apt_state/lists/partial" "$apt_state/cache/archives/partial"
    apt_private_sources > "$apt_state/sources.list"
    touch "$apt_state/status"
    local options
    mapfile -t options < <(apt_private_options)
    if ! apt-get "${options[@]}" -qq update > "$apt_state/update.log" 2>&1; then
        cat "$apt_state/update.log" >&2
        # A mirror's lists of a foreign architecture are the ones that lag behind. What apt could not verify it has not kept, and a
        # package that is in none of the other lists cannot be had below.
        if [ -n "$apt_architecture" ]; then
            echo "bulkhead: not all package lists of $apt_architecture could be read (see above): going on with the others" >&2
        else
            echo "bulkhead: cannot read the package lists of the archives in $apt_state/sources.list (see above)" >&2
            return 1
        fi
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
