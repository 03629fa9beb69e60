# shellcheck shell=bash
# Running the program that hurts Tutti, scripts/faulting.

# hurt ARGUMENT... builds everything that it needs and runs it.
hurt() {
    [ "$(id -u)" = 0 ] || fail "the faults need root: they start Docker engines, mount disks and look at the processes of containers."
    ensure_docker
    need_static_busybox "the image that the faults run is made of it"
    have nsenter || install_packages "the faults start engines in networks of their own" util-linux
    have ip || install_packages "the faults make networks of their own" iproute2
    have iptables || install_packages "the faults cut networks with it" iptables
    scratch
    say "Building tutti with its failpoints ..."
    if [ -x scripts/build-shim ]; then scripts/build-shim >&2; fi
    CGO_ENABLED=0 go build -trimpath -tags failpoints -o "$scratch_folder/tutti" .
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$scratch_folder/lines" ./scripts/faulting/lines
    go build -o "$scratch_folder/faulting" ./scripts/faulting
    "$scratch_folder/faulting" -tutti "$scratch_folder/tutti" -witness "$scratch_folder/lines" "$@"
}
