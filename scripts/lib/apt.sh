# shellcheck shell=bash
# Installing Debian packages, where that is ours to do: as root on Debian or Ubuntu.

# can_install answers whether this is root on a machine with apt.
can_install() { [ "$(id -u)" = 0 ] && have apt-get; }

# install_packages WHY PACKAGE... installs packages with apt, or fails with the command that a person must run.
install_packages() {
    local why=$1
    shift
    can_install || fail "$why. $(how_to_install "$@")"
    say "Installing with apt: $* ($why) ..."
    local log began=$SECONDS
    log=$(cache_folder)/apt.log
    update_package_lists "$log"
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock::Timeout=300 \
        install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null ||
        fail "apt could not install $*: $(tail -n 1 "$log") All of its words are in $log."
    say "Installed in $(seconds_since "$began")."
}

# update_package_lists brings the lists up to date, once in a script. One repository of several that does not answer is no
# reason to stop: the installation says what it misses.
update_package_lists() {
    [ -z "${package_lists_updated:-}" ] || return 0
    apt-get -o DPkg::Lock::Timeout=300 update >"$1" 2>&1 </dev/null ||
        say "apt-get update had trouble ($(tail -n 1 "$1")); going on with the lists that are there."
    package_lists_updated=yes
}

how_to_install() {
    if have apt-get; then
        printf 'Run "sudo apt-get update && sudo apt-get install -y %s", or run this script as root.' "$*"
    else
        printf 'Install it with the package manager of this system (on Debian and Ubuntu: %s), then run this script again.' "$*"
    fi
}

# package_exists answers whether apt knows a package of that name.
package_exists() { apt-cache show "$1" >/dev/null 2>&1; }
