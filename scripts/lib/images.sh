# shellcheck shell=bash
# Images for where no registry can be reached: stand-ins under the same names, from Debian packages and the local Go.

# A stand-in carries this label; its value says what the image really is.
stand_in_label=tutti.stand-in

debian_suite=bookworm # the release that debian:12 is

# build_stand_in NAME makes a stand-in for one of the images that the examples use.
build_stand_in() {
    case $1 in
        alpine:*) build_alpine "$1" ;;
        debian:12) build_debian "$1" ;;
        golang:*) build_golang "$1" ;;
        *) fail "there is no stand-in for the image $1, only for alpine, debian:12 and golang. Load it yourself (docker load, docker import) and run this script again." ;;
    esac
}

has_stand_in() {
    case $1 in
        alpine:* | debian:12 | golang:*) return 0 ;;
        *) return 1 ;;
    esac
}

# import_image NAME WHAT CHANGE... makes an image of the tar stream on standard input.
import_image() {
    local name=$1 what=$2 change
    shift 2
    local options=(--change "LABEL $stand_in_label=\"$what\"")
    for change in "$@"; do options+=(--change "$change"); done
    docker import "${options[@]}" - "$name" >/dev/null
}

build_alpine() {
    need_static_busybox "the stand-in for $1 is made of it"
    scratch
    local root=$scratch_folder/alpine
    mkdir -p "$root"/{bin,dev,etc,home,proc,root,run,sys,tmp,usr/bin,usr/local/bin,var/tmp}
    chmod 1777 "$root/tmp" "$root/var/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    link_applets "$root/bin"
    ln -s /bin/env "$root/usr/bin/env"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
    printf 'NAME="busybox (stand-in for Alpine Linux)"\nID=busybox\nID_LIKE=alpine\nPRETTY_NAME="busybox of Debian, a stand-in for %s"\n' "$1" >"$root/etc/os-release"
    tar -C "$root" --owner=0 --group=0 --numeric-owner -c . |
        import_image "$1" "busybox of Debian, no apk, no musl" \
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" 'CMD ["/bin/sh"]'
    differs "$1" "only busybox is in it: no apk, and no musl for programs that are linked against it"
}

link_applets() {
    local applet
    for applet in $("$1/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$1/$applet"
    done
}

build_debian() {
    debian_tar "$1"
    import_image "$1" "Debian $debian_suite by mmdebstrap" \
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" 'CMD ["bash"]' <"$debian_tar"
    differs "$1" "it has the required packages of Debian, without manual pages, documentation and translations"
}

build_golang() {
    local goroot version
    goroot=$(cd "$checkout" && go env GOROOT)
    version=$(cd "$checkout" && go env GOVERSION)
    debian_tar "$1"
    scratch
    local root=$scratch_folder/golang
    mkdir -p "$root"
    tar -C "$root" -xf "$debian_tar"
    trust_what_this_machine_trusts "$root"
    install_in "$root" ca-certificates gcc git libc6-dev make
    mkdir -p "$root/go/src" "$root/go/bin"
    chmod -R 1777 "$root/go"
    tar --numeric-owner --one-file-system -C "$root" -c . \
        --owner=0 --group=0 -C "$(dirname "$goroot")" --transform "flags=r;s,^$(basename "$goroot")\(/\|\$\),usr/local/go\1," "$(basename "$goroot")" |
        import_image "$1" "$version of this machine on Debian $debian_suite" \
            "ENV GOPATH=/go" "ENV GOTOOLCHAIN=local" "ENV GOLANG_VERSION=${version#go}" \
            "ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
            "WORKDIR /go" 'CMD ["bash"]'
    rm -rf "$root"
    differs "$1" "it is $version of this machine on Debian $debian_suite, with gcc, git and make, but without g++, curl, pkg-config and other version control"
}

# trust_what_this_machine_trusts copies the certificate authorities that this machine's admin added, as for a proxy that
# looks into TLS: without them, "go mod download" in the container would refuse what it works with outside.
trust_what_this_machine_trusts() {
    local added=/usr/local/share/ca-certificates
    [ -d "$added" ] || return 0
    mkdir -p "$1$added"
    cp -R "$added/." "$1$added"
}

differs() { say "  $1 is a stand-in: $2."; }

# debian_tar NAME makes sure of $debian_tar, the files of a small Debian, which it makes once and keeps.
debian_tar() {
    debian_tar=$(cache_folder)/debian-$debian_suite-$(dpkg --print-architecture).tar
    [ ! -s "$debian_tar" ] || return 0
    [ "$(id -u)" = 0 ] || fail "only root can build the stand-in for $1: run \"sudo scripts/images\", or load the image yourself (docker load)."
    have mmdebstrap || install_packages "the stand-in for $1 is made with it" mmdebstrap debian-archive-keyring
    say "  Making a small Debian $debian_suite from $(debian_mirror) ..."
    use_apt_proxy
    mmdebstrap --quiet --format=tar --mode=root --variant=minbase \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*/LC_MESSAGES/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        "$debian_suite" "$debian_tar.part" "$(debian_mirror)" >&2 </dev/null ||
        fail "mmdebstrap could not make a Debian from $(debian_mirror). Set TUTTI_DEBIAN_MIRROR to a mirror that can be reached from here, or load the images yourself, and run this script again."
    mv "$debian_tar.part" "$debian_tar"
}

# debian_mirror answers the mirror of this machine if it has that release, else the one that all know.
debian_mirror() {
    local mirror=${TUTTI_DEBIAN_MIRROR:-}
    # shellcheck disable=SC2016 # the dollars are apt's
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Component: main' |
        awk -v suite="$debian_suite" '$1 == suite { print $2; exit }')
    printf '%s\n' "${mirror:-http://deb.debian.org/debian}"
}

# use_apt_proxy hands the proxy of apt's own settings to programs that have others.
use_apt_proxy() {
    local proxy=
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    [ -z "$proxy" ] || export http_proxy=$proxy
}

# install_in ROOT PACKAGE... installs packages in a Debian below a folder.
install_in() {
    local root=$1 log=$scratch_folder/install.log
    shift
    say "  Installing in it: $* ..."
    use_apt_proxy
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    if ! apt_in_root "$root" "$@" >"$log" 2>&1; then
        fail "apt could not install $* in the stand-in: $(tail -n 1 "$log")"
    fi
    rm -rf "$root"/var/lib/apt/lists/* "$root"/etc/resolv.conf
}

apt_in_root() {
    local root=$1
    shift
    in_root "$root" apt-get update && in_root "$root" apt-get install -y --no-install-recommends --option Dpkg::Options::=--force-unsafe-io "$@" && in_root "$root" apt-get clean
}

in_root() {
    local root=$1
    shift
    DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@" </dev/null
}
