# shellcheck shell=bash
# A Docker engine that answers. ensure_docker is the only function that others call; what it starts, it also stops when
# the script ends, and nothing else.

# The engine of this machine. TUTTI_DOCKER_SOCKET and TUTTI_DOCKERD_FLAGS are for trying these scripts beside an engine that
# is in use: they describe a second one. Give it a network namespace of its own (unshare --net), or other bridges: even with
# --bridge=none a dockerd removes the docker0 that it finds, which is the first one's.
docker_socket=/var/run/docker.sock
docker_pidfile=/var/run/docker.pid
dockerd_flags=()
if [ -n "${TUTTI_DOCKER_SOCKET:-}" ]; then
    docker_socket=$TUTTI_DOCKER_SOCKET
    docker_pidfile=${docker_socket%.sock}.pid
    read -r -a dockerd_flags <<<"--host=unix://$docker_socket --pidfile=$docker_pidfile ${TUTTI_DOCKERD_FLAGS:-}"
    export DOCKER_HOST=unix://$docker_socket
fi

# ensure_docker makes sure that a Docker engine answers, and that the docker client is there to ask it.
ensure_docker() {
    use_docker_context
    case ${DOCKER_HOST:-unix://} in
        unix://*) ;;
        *) fail "DOCKER_HOST is $DOCKER_HOST, and Tutti's agent needs a Docker engine on its own machine: unset it, or set it to unix:///var/run/docker.sock." ;;
    esac
    if engine_answers; then return 0; fi
    if [ "${DOCKER_HOST:-unix://$docker_socket}" != "unix://$docker_socket" ]; then
        fail "DOCKER_HOST is $DOCKER_HOST, but no Docker engine answers there ($(engine_says)). Start that engine, or unset DOCKER_HOST to use the one of this machine."
    fi
    if engine_refuses_us; then
        fail "a Docker engine runs here, but this user may not use it. Run \"sudo usermod -aG docker $(id -un)\", sign in again, and run this script again; or run it as root."
    fi
    say "No Docker engine answers here."
    install_docker
    start_engine
}

# use_docker_context makes an engine that the docker client is set to (docker context use) the one for every program.
use_docker_context() {
    [ -z "${DOCKER_HOST:-}" ] && have docker || return 0
    local host
    host=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null) || return 0
    case $host in
        '' | unix:///var/run/docker.sock) ;;
        *) export DOCKER_HOST=$host ;;
    esac
}

engine_answers() { have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

engine_says() { timeout 10 docker version --format '{{.Server.Version}}' 2>&1 | tail -n 1; }

engine_refuses_us() { [ -S "$docker_socket" ] && [ ! -w "$docker_socket" ] && [ "$(id -u)" != 0 ]; }

# install_docker makes sure that dockerd, the docker client and what they need are installed.
install_docker() {
    if [ "$(id -u)" != 0 ]; then
        fail "only root can start a Docker engine. Start it (\"sudo systemctl start docker\"), or run this script as root: it installs and starts one. $(how_to_install docker.io)"
    fi
    if ! have dockerd; then
        install_packages "it is the Docker engine" docker.io
        if dockerd_pid=$(engine_process); then at_exit stop_dockerd; fi # the package may have started it
    fi
    have docker || install_packages "it is the client of Docker" docker-cli
    have iptables || install_packages "Docker sets up networks with it" iptables
}

# start_engine starts the engine of this machine and waits until it answers.
start_engine() {
    if [ -d /run/systemd/system ] && [ -z "${dockerd_flags[*]}" ]; then
        start_engine_by_systemd
        return
    fi
    if engine_process >/dev/null; then
        say "dockerd is running (process $(engine_process)); waiting for its answer ..."
        until_true 30 engine_answers || fail "dockerd (process $(engine_process)) does not answer at $docker_socket: look at its log, then end it and run this script again."
        return
    fi
    forget_dead_engine
    mount_cgroups
    choose_iptables
    start_dockerd || start_dockerd_plainly || start_dockerd_afresh
}

start_engine_by_systemd() {
    say "Starting the Docker engine (systemctl start docker) ..."
    at_exit stop_engine_by_systemd
    if ! systemctl start docker >&2 || ! until_true 60 engine_answers; then
        fail "systemd could not start the Docker engine: \"journalctl -u docker\" has the reason."
    fi
}

stop_engine_by_systemd() {
    engine_is_idle || return 0
    say "Stopping the Docker engine that this script started."
    systemctl stop docker.socket docker.service
}

# engine_process answers the process of a living dockerd by its pid file.
engine_process() {
    local pid
    pid=$(cat "$docker_pidfile" 2>/dev/null) && lives "$pid" dockerd && printf '%s\n' "$pid"
}

# lives PID NAME answers whether a process is of that program, and not dead: nobody may have taken note of its end yet.
lives() { [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }

# forget_dead_engine removes pid files that an engine left when the machine went down: their numbers may belong to others
# by now, and then dockerd, or its containerd, would refuse to start.
forget_dead_engine() {
    local containerd_pidfile=/var/run/docker/containerd/containerd.pid pid
    if [ -e "$docker_pidfile" ]; then
        say "Removing $docker_pidfile: the dockerd that wrote it is gone."
        rm -f "$docker_pidfile"
    fi
    [ -z "${dockerd_flags[*]}" ] || return 0
    pid=$(cat "$containerd_pidfile" 2>/dev/null) || return 0
    lives "$pid" containerd || rm -f "$containerd_pidfile"
}

# start_dockerd FLAG... starts dockerd in a session of its own and waits until it answers; it fails if dockerd ends.
start_dockerd() {
    local began=$SECONDS
    dockerd_log=$(cache_folder)/dockerd.log
    say "Starting dockerd${*:+ ($*)}; its log is $dockerd_log ..."
    PATH=${iptables_folder:+$iptables_folder:}$PATH alone dockerd "${dockerd_flags[@]}" "${network_flags[@]}" "$@" \
        >"$dockerd_log" 2>&1 </dev/null &
    dockerd_pid=$!
    if ! until_true 60 engine_answers_or_ended || ! engine_answers; then
        end_dockerd
        return 1
    fi
    at_exit stop_dockerd
    say "The Docker engine answers after $(seconds_since "$began")."
}

# start_dockerd_plainly tries again with a storage driver that works everywhere. Inside another container overlay2 may not.
start_dockerd_plainly() {
    say "dockerd did not start: $(dockerd_says)"
    say "Trying once more with the vfs storage driver: it needs more disk, but works in places where overlay2 does not."
    start_dockerd --storage-driver=vfs
}

# start_dockerd_afresh tries a last time, in an empty folder: dockerd does not start, and may panic, on one whose databases a
# power failure tore. It touches nothing of that folder.
start_dockerd_afresh() {
    fresh_folder=${docker_socket%.sock}-afresh
    [ "$docker_socket" != /var/run/docker.sock ] || fresh_folder=/var/lib/tutti-docker
    say "dockerd did not start: $(dockerd_says)"
    say "Trying a last time with an empty folder, $fresh_folder, which goes with this engine."
    remove_fresh_folder # an engine that was killed left it
    start_dockerd --data-root="$fresh_folder/data" --exec-root="$fresh_folder/exec" && return
    remove_fresh_folder
    fail "dockerd does not start on this machine: $(dockerd_says) All of its words are in $dockerd_log. Start a Docker engine in another way, or point DOCKER_HOST at one, and run this script again."
}

remove_fresh_folder() {
    [ -n "${fresh_folder:-}" ] || return 0
    awk -v below="$fresh_folder/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount --lazy
    rm -rf "$fresh_folder"
}

# dockerd_says answers why the last dockerd ended: a panic's first line, or else its last words.
dockerd_says() { grep -m 1 '^panic: ' "$dockerd_log" || tail -n 1 "$dockerd_log"; }

engine_answers_or_ended() { engine_answers || ! kill -0 "$dockerd_pid" 2>/dev/null; }

# stop_dockerd stops the dockerd that this script started, unless somebody else uses it by now.
stop_dockerd() {
    engine_is_idle || return 0
    say "Stopping the Docker engine that this script started."
    end_dockerd
    remove_fresh_folder
}

end_dockerd() {
    kill "$dockerd_pid" 2>/dev/null
    until_true 30 dockerd_is_gone || kill -KILL "$dockerd_pid" 2>/dev/null
    wait "$dockerd_pid" 2>/dev/null
    return 0
}

dockerd_is_gone() { ! kill -0 "$dockerd_pid" 2>/dev/null; }

# engine_is_idle answers whether no container runs on the engine that this script started.
engine_is_idle() {
    local running
    running=$(timeout 10 docker ps --quiet 2>/dev/null | wc -l)
    [ "$running" -gt 0 ] || return 0
    say "$running containers run on the Docker engine that this script started, so it stays up. Stop it later with: kill ${dockerd_pid:-\$(cat $docker_pidfile)}"
    return 1
}

# choose_iptables finds the iptables that this kernel can do. dockerd calls whatever is first in its PATH, so that nothing
# of the machine's settings is changed. Without any, containers work but reach no other machine.
choose_iptables() {
    network_flags=()
    iptables_folder=
    [ -z "${dockerd_flags[*]}" ] || return 0
    if iptables --table nat --list-rules >/dev/null 2>&1; then return; fi
    if have iptables-legacy && iptables-legacy --table nat --list-rules >/dev/null 2>&1; then
        say "This kernel has no nftables; dockerd gets iptables-legacy."
        scratch
        iptables_folder=$scratch_folder
        ln -s "$(command -v iptables-legacy)" "$iptables_folder/iptables"
        ln -s "$(command -v ip6tables-legacy)" "$iptables_folder/ip6tables"
        return
    fi
    say "iptables does not work here ($(iptables --table nat --list-rules 2>&1 | tail -n 1)): containers will not reach other machines."
    network_flags=(--iptables=false --ip6tables=false --ip-masq=false)
}

# mount_cgroups mounts the control groups where nobody did, as in a bare container or a small virtual machine: dockerd
# does not start without them. Where the unified hierarchy has the controllers, it is enough.
mount_cgroups() {
    if awk '$3 ~ /^cgroup/ { found = 1 } END { exit !found }' /proc/mounts; then return; fi
    say "No control groups are mounted here; mounting them at /sys/fs/cgroup."
    if mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null; then
        if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then return; fi
        umount /sys/fs/cgroup
    fi
    mount_cgroups_v1 || fail "the control groups cannot be mounted ($(id -un) lacks the right, or the kernel lacks them), and dockerd needs them: use a machine or container with more rights, or point DOCKER_HOST at a Docker engine."
}

mount_cgroups_v1() {
    local controller
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup || return 1
    while read -r controller; do
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
    done < <(awk '!/^#/ && $4 == 1 { print $1 }' /proc/cgroups)
    mountpoint -q /sys/fs/cgroup/memory
}
