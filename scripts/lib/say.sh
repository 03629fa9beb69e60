# shellcheck shell=bash
# What every script needs: words for people, an end that cleans up, and the root of the checkout. Source it first.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# say tells what happens now. Standard output stays free for results.
say() { printf '%s\n' "$*" >&2; }

# fail ends the script with a sentence on what went wrong and what to do: 3 is the exit code of "not the user's pipeline".
fail() {
    say "error: $*"
    exit 3
}

# misuse ends the script with a sentence and its usage, as the tutti command does.
misuse() {
    say "error: $*"
    usage >&2
    exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# macOS has neither of these two; what they add is not needed there.
have timeout || timeout() { shift && "$@"; }

# alone COMMAND... becomes that command in a session of its own, where Ctrl-C does not reach it. Start it with "&".
alone() {
    if have setsid; then exec setsid "$@"; fi
    exec "$@"
}

# seconds_since WHEN answers how long ago $SECONDS was WHEN: "12 s".
seconds_since() { printf '%d s' "$((SECONDS - $1))"; }

# until_true DEADLINE COMMAND... runs the command until it succeeds; it fails when that takes longer than DEADLINE seconds.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# at_exit NAME runs the function NAME when the script ends, however it ends; the last one named runs first.
at_exit() { exit_functions="$1 $exit_functions"; }

run_exit_functions() {
    local code=$? name
    trap - EXIT
    trap '' INT TERM # a second Ctrl-C must not leave half of it behind
    set +e
    for name in $exit_functions; do "$name"; done
    exit "$code"
}

exit_functions=""
trap run_exit_functions EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# scratch makes $scratch_folder, which is gone when the script has ended.
scratch() {
    if [ -z "${scratch_folder:-}" ]; then
        scratch_folder=$(mktemp -d "${TMPDIR:-/tmp}/tutti-script.XXXXXX")
        at_exit remove_scratch
    fi
}

remove_scratch() { rm -rf "$scratch_folder"; }

# cache_folder answers the folder for what is expensive to make again.
cache_folder() {
    local folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tutti
    mkdir -p "$folder"
    printf '%s\n' "$folder"
}
