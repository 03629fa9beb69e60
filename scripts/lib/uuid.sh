# shellcheck shell=bash
# github.com/google/uuid as a git repository: a real project, which nobody here wrote, to try Tutti on.

uuid_module=github.com/google/uuid
uuid_version=v1.6.0

# uuid_git ARGUMENT... runs git in the working copy, without the settings of whoever runs this (signing, hooks, templates).
uuid_git() {
    GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 \
        GIT_AUTHOR_NAME="Tutti quickstart" GIT_AUTHOR_EMAIL=quickstart@tutti.invalid \
        GIT_COMMITTER_NAME="Tutti quickstart" GIT_COMMITTER_EMAIL=quickstart@tutti.invalid \
        git -C "$uuid_work" "$@"
}

# prepare_uuid FOLDER makes the working copy FOLDER/uuid-work with the module as its first commit, and the bare
# FOLDER/uuid.git that it is pushed to. What is there from an earlier start stays.
prepare_uuid() {
    uuid_work=$1/uuid-work
    uuid_origin=$1/uuid.git
    [ -d "$uuid_origin" ] || GIT_CONFIG_GLOBAL=/dev/null git init --quiet --bare --initial-branch=main "$uuid_origin"
    [ ! -d "$uuid_work" ] || return 0
    local module
    module=$(download_uuid)
    uuid_work=$1/uuid-work.unfinished
    rm -rf "$uuid_work"
    cp -R "$module" "$uuid_work"
    chmod -R u+w "$uuid_work"
    uuid_git init --quiet --initial-branch=main
    uuid_git add --all
    GIT_AUTHOR_DATE=2024-01-23T18:54:04Z GIT_COMMITTER_DATE=2024-01-23T18:54:04Z \
        uuid_git commit --quiet --message "$uuid_module $uuid_version, as the Go module proxy has it"
    uuid_git remote add origin "$uuid_origin"
    mv "$uuid_work" "$1/uuid-work"
    uuid_work=$1/uuid-work
}

# download_uuid answers the folder of the module in Go's cache.
download_uuid() {
    local answer
    say "Downloading $uuid_module $uuid_version from the Go module proxy ..."
    answer=$(cd / && GOWORK=off go mod download -json "$uuid_module@$uuid_version" 2>&1) ||
        fail "$uuid_module $uuid_version cannot be downloaded: $(sed -n 's/^[[:space:]]*"Error": "\(.*\)".*/\1/p' <<<"$answer") Set GOPROXY to a module proxy that can be reached from here, and run this script again."
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' <<<"$answer"
}

# write_push_hook TUTTI SERVER TOKEN_FILE makes the origin tell a server of every push, as any git server can.
write_push_hook() {
    cat >"$uuid_origin/hooks/post-receive" <<HOOK
#!/bin/sh
# Written by scripts/quickstart: tells the Tutti server that something was pushed.
TUTTI_SERVER='$2' TUTTI_TOKEN=\$(cat '$3') exec '$1' push uuid </dev/null
HOOK
    chmod +x "$uuid_origin/hooks/post-receive"
}

# push_upstream pushes the module as it was published, if that has not happened yet.
push_upstream() {
    if git -C "$uuid_origin" rev-parse --quiet --verify main >/dev/null; then return; fi
    uuid_git push --quiet origin main
}

# push_pipeline EXAMPLE commits the pipeline of a folder, with a line that makes each commit a new one, and pushes it.
push_pipeline() {
    mkdir -p "$uuid_work/.tutti"
    cp "$1"/*.hcl "$uuid_work/.tutti/"
    printf 'Pushed by scripts/quickstart on %s.\n' "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >"$uuid_work/QUICKSTART"
    uuid_git add --all
    uuid_git commit --quiet --allow-empty --message "Run the tests with Tutti"
    uuid_git push --quiet origin main
}

uuid_commit() { uuid_git rev-parse HEAD; }
