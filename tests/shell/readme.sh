#!/usr/bin/env bash
# The commands of README.md and docs/api.md, as they are there except for the address: the curl
# lines of README's first screen, the way to publish what a pipe brings, and the examples of the
# interface.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
start_server "$storage"

# block PAGE TEXT: the page's first block of shell commands with this text in it, with this server's
# address.
block() {
  awk -v text="$2" '
    /^```sh$/ { inside = 1; block = ""; next }
    /^```$/ && inside { inside = 0; if (index(block, text)) { printf "%s", block; exit } }
    inside { block = block $0 "\n" }
  ' "$root/$1" | sed "s|http://127.0.0.1:3000|$URL|g"
}

two_commands() {
  same "cargo run --release" "$(block README.md "cargo run" | sed -n '1s/ *#.*//p')"
  same "./test.sh" "$(block README.md "cargo run" | sed -n '2s/ *#.*//p')"
  same 2 "$(block README.md "cargo run" | wc -l)"
}
check "the first block is the two commands" two_commands

mkdir "$work/here"
first_screen() {
  (cd "$work/here" && block README.md /file/my.csv >commands && bash -euo pipefail commands >output)
  same "OKOK$(printf 'a,b\n1,2\n' | sha256sum)"$'\nOKOK' "$(<"$work/here/output")"
}
check "the lines of the first screen work one after the other" first_screen
check "what they move and delete is gone" absent "$storage/old"

# A dump program that does what it is told.
mkdir "$work/bin"
printf '#!/bin/sh\nprintf "%%s" "$DUMP"\nexit "$DUMP_EXIT"\n' >"$work/bin/pg_dump"
chmod +x "$work/bin/pg_dump"
publish() {
  block README.md pg_dump >"$work/publish"
  (
    export NAS=$URL DUMP=$1 DUMP_EXIT=$2 PATH=$work/bin:$PATH
    bash "$work/publish"
  )
}
check "a dump is published" publish whole 0
check "under its name" same whole "$(cat "$storage/db.dump")"
check "a dump that dies half-way is not" not publish half 1
check "and the one before stays" same whole "$(cat "$storage/db.dump")"

mkdir "$work/more"
more() {
  (cd "$work/more" && block docs/api.md "> numbers" >commands && NAS=$URL bash -euo pipefail commands >output)
  same OKOK "$(cat "$work/more/output")"
}
check "the examples of docs/api.md work line by line" more
check "appended once, and fetched whole" same "$(seq 2000)" "$(cat "$work/more/numbers")"
not_again() { (cd "$work/more" && NAS=$URL bash -euo pipefail commands); }
check "a second time the file is there already" not not_again 2>/dev/null

# The server says where it listens in the notation that docs/api.md explains.
sock=$work/nas.sock
block docs/api.md --unix-socket | sed "s|/run/nas.sock|$sock|g" >"$work/over-socket"
"$http_nas" --listen "unix:$sock" --storage "$storage" >"$work/socket.out" 2>"$work/socket.log" </dev/null &
PID=$!
check "a server on a Unix socket says so" wait_for 20 grep -qxF "listening on http://unix:$sock" "$work/socket.out"
over_socket() { same db.dump "$(bash -euo pipefail "$work/over-socket" | grep -x db.dump)"; }
check "the line for a Unix socket works" over_socket

finish
