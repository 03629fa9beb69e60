# shellcheck shell=bash
# A Tutti server of this script's own: starting it, waiting for it, stopping it.

# choose_address answers the address to listen on: the default one, or if it is taken the next that is free.
choose_address() {
    local port
    for ((port = 8884; port < 8984; port++)); do
        if ! connects 127.0.0.1 "$port"; then
            [ "$port" = 8884 ] || say "Port 8884 is taken; using $port. Give --listen to choose another one."
            printf '127.0.0.1:%d\n' "$port"
            return
        fi
    done
    fail "ports 8884 to 8983 are all taken on 127.0.0.1: give a free one, as in --listen 127.0.0.1:9000."
}

connects() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# start_server TUTTI ADDRESS DATA starts "tutti up" in a session of its own, so that Ctrl-C reaches this script alone, and
# waits until it is ready.
start_server() {
    server_log=$3/tutti.log
    mkdir -p "$3"
    alone "$1" up --listen "$2" --data "$3" >"$server_log" 2>&1 </dev/null &
    server_process=$!
    at_exit stop_server
    if ! until_true 30 server_is_ready_or_gone "$2" || ! server_is_ready "$2"; then
        fail "tutti up did not become ready: $(tail -n 1 "$server_log") All of its words are in $server_log."
    fi
}

server_is_ready_or_gone() { server_is_ready "$1" || ! kill -0 "$server_process" 2>/dev/null; }

# server_is_ready ADDRESS asks /readyz, without curl: a bare machine has none.
server_is_ready() {
    local status
    status=$(
        exec 2>/dev/null 3<>"/dev/tcp/$(host_of "$1")/${1##*:}" || exit 1
        printf 'GET /readyz HTTP/1.0\r\nHost: %s\r\n\r\n' "$1" >&3
        IFS=' ' read -r -t 5 _ status _ <&3 && printf '%s' "$status"
    )
    [ "$status" = 200 ]
}

# host_of ADDRESS answers the host by which this machine reaches a server that listens on ADDRESS.
host_of() {
    local host=${1%:*}
    host=${host#[}
    host=${host%]}
    case $host in
        '' | 0.0.0.0 | ::) host=127.0.0.1 ;;
    esac
    printf '%s' "$host"
}

# url_of ADDRESS answers the URL of that server.
url_of() {
    local host
    host=$(host_of "$1")
    case $host in
        *:*) host=[$host] ;;
    esac
    printf 'http://%s:%s' "$host" "${1##*:}"
}

stop_server() {
    kill -TERM "$server_process" 2>/dev/null || return 0
    say "Stopping tutti up ..."
    if ! until_true 60 server_is_gone; then
        say "tutti up does not stop by itself; killing it. Its words are in $server_log."
        kill -KILL "$server_process"
    fi
    wait "$server_process" 2>/dev/null
    return 0
}

server_is_gone() { ! kill -0 "$server_process" 2>/dev/null; }
