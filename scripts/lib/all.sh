# shellcheck shell=bash
# What the scripts share. Each file has one idea; a script sources this one.

lib=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=lib/say.sh
source "$lib/say.sh"
# shellcheck source=lib/apt.sh
source "$lib/apt.sh"
# shellcheck source=lib/toolchain.sh
source "$lib/toolchain.sh"
# shellcheck source=lib/docker.sh
source "$lib/docker.sh"
