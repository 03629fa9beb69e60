# shellcheck shell=bash
# What the scripts ask of the machine before they begin: Go, git, and whatever a test needs besides.

# need_toolchain fails unless git is here, and a Go that is new enough for go.mod, or that can fetch one that is.
need_toolchain() {
    have git || fail "git is not in PATH. $(how_to_install git)"
    have go || fail "go is not in PATH: install Go $(wanted_go) or later from https://go.dev/dl/ and add its bin folder to PATH."
    local here
    here=$(cd "$checkout" && go env GOVERSION) || here=$(go version 2>&1)
    at_least "${here#go}" "$(wanted_go)" ||
        fail "Tutti needs Go $(wanted_go) or later, and $(command -v go) is ${here#go}: see https://go.dev/dl/."
}

wanted_go() { awk '$1 == "go" { print $2; exit }' "$checkout/go.mod"; }

# at_least HAVE WANT compares versions such as 1.26.0 and 1.26rc1.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# need_c_compiler makes sure of what cgo, and so the race detector, needs.
need_c_compiler() {
    have gcc || have clang || install_packages "the race detector needs a C compiler" gcc libc6-dev
}

# need_chromium makes sure of a browser, for the browser test and for pictures.
need_chromium() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if have "$name"; then return; fi
    done
    install_packages "Tutti is looked at with it" chromium
    have chromium || fail "the package chromium brought no program of that name (Ubuntu's only points at a snap). Install Google Chrome or Chromium and run this script again."
}

# need_static_busybox WHY makes sure of a busybox that needs no library, of which small images can be made.
need_static_busybox() {
    if have busybox && ! ldd "$(command -v busybox)" >/dev/null 2>&1; then return; fi
    install_packages "$1" busybox-static
}
