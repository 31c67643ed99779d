#!/usr/bin/env bash
# Files and folders for which the server's user has no permission: 403, before the body where there
# is one, and nothing changes.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
need_server_binary

storage=$work/storage
mkdir "$storage"

# Root may do everything, so the server gets a user of its own.
if ((EUID == 0)) && ! as_other_user "$storage"; then
  skip "no permission" "no other user can be had here (setpriv)"
  finish
fi

start_server "$storage"
post() { curl -sS -f -o /dev/null -X POST --data-raw "$1" "$URL/file/$2"; }
for name in file unreadable write-only read-only/file read-only/deep/file closed/file; do post content "$name"; done
chmod 000 "$storage/unreadable"
chmod 200 "$storage/write-only"
chmod 555 "$storage/read-only"
chmod 000 "$storage/closed"
release() { chmod -R u+rwx "$storage"; }
random_file "$work/body" 3M

# symptom: a mv that was refused changed the ETag and the time of its file.
# cause:   the time was set before the name was changed.
# fix:     it is set afterwards.
picture() { (cd "$storage" && find . -path ./.http-nas -prune -o -path ./closed -prune -o -printf '%p %y %s %T@ %C@\n' | sort); }
before=$(picture)
unchanged() {
  same "$before" "$(picture)"
  no_litter "$storage"
}
refused() {
  status 403 "$@"
  grep -q 'no permission' "$work/reply"
  unchanged
}
refused_early() {
  same '403 0' "$(curl -sS -v --expect100-timeout 60 -H 'Expect: 100-continue' -o "$work/reply" -w '%{http_code} %{size_upload}' "$@" 2>"$work/trace")"
  not grep '^< HTTP/1.1 100' "$work/trace"
  unchanged
}
to() { printf '{"path": "%s"}' "$1"; }

check "GET of a file that may not be read" refused "$URL/file/unreadable"
check "GET of a file in a folder that may not be entered" refused "$URL/file/closed/file"
check "its list" refused "$URL/file/closed"
for name in unreadable write-only read-only/new read-only/a/b/new read-only/file closed/file closed/a/new; do
  check "POST $name, before the body" refused_early -X POST -T "$work/body" "$URL/file/$name"
done
# symptom: that a file may be written to but not read was found out when the body had come.
# cause:   it was tried whether it can be opened for writing, where both are needed for its lock.
# fix:     it is opened as for the lock.
for name in unreadable write-only closed/file; do
  check "PUT $name, before the body" refused_early -X PUT -T "$work/body" "$URL/file/$name"
done
check "PUT to a file in a folder that may only be read" status 200 -X PUT --data-raw '' "$URL/file/read-only%2Ffile"
check "POST of a folder" refused -X POST "$URL/file/read-only/new/"
for name in read-only/file read-only/deep closed/file; do
  check "DELETE $name" refused -X DELETE "$URL/file/$name"
done
check "mv into it" refused -X PUT --data-raw "$(to read-only/new)" "$URL/file/file/mv"
# symptom: the refusal of a mv that lacks a right on its file or folder named the new name.
# cause:   all but a name that is not there was put down to the new one.
# fix:     what the old name lacks is looked at first.
refused_for() {
  local name=$1
  shift
  refused "$@" && grep -qF "\"$name\"" "$work/reply"
}
check "mv out of it" refused_for read-only/file -X PUT --data-raw "$(to new)" "$URL/file/read-only%2Ffile/mv"
check "mv of a file that may not be read" refused_for unreadable -X PUT --data-raw "$(to new)" "$URL/file/unreadable/mv"
check "cp into it" refused -X PUT --data-raw "$(to read-only/a/b)" "$URL/file/file/cp"
check "cp of a file that may not be read" refused -X PUT --data-raw "$(to new)" "$URL/file/unreadable/cp"
chmod 755 "$storage/read-only"
check "what is permitted again is done" status 200 -X POST --data-raw new "$URL/file/read-only/new"

# symptom: with --sync data, what was stored in, moved out of or removed from a folder that may not
#          be read got 403 when it had been done.
# cause:   the folder was opened, to be synced, only then.
# fix:     it is opened before, and looked at early.
signal TERM "$PID"
mkdir -p "$storage/unlistable"
echo content >"$storage/unlistable/file"
((EUID != 0)) || chown -R 65534:65534 "$storage/unlistable"
chmod 333 "$storage/unlistable"
start_server "$storage" --sync data
picture() {
  chmod 755 "$storage/unlistable"
  (cd "$storage" && find file unlistable -printf '%p %y %s %T@\n' | sort)
  chmod 333 "$storage/unlistable"
}
before=$(picture)
for name in unlistable/new unlistable/file unlistable/a/new; do
  check "--sync data: POST $name, before the body" refused_early -X POST -T "$work/body" "$URL/file/$name"
done
check "--sync data: DELETE unlistable/file" refused -X DELETE "$URL/file/unlistable/file"
check "--sync data: mv out of it" refused_for unlistable/file -X PUT --data-raw "$(to new)" "$URL/file/unlistable%2Ffile/mv"
check "--sync data: mv into it" refused -X PUT --data-raw "$(to unlistable/new)" "$URL/file/file/mv"
check "--sync data: POST of a folder" refused -X POST "$URL/file/unlistable/new/"

# symptom: one entry that could not be removed kept hundreds beside it from going, for ever and
#          without a word of which.
# cause:   taking a removed folder apart ended at the first failure.
# fix:     the rest goes on, the log names the entry, and it is tried again later.
if ((EUID == 0)); then
  mkdir -p "$storage"/mixed/{a,m,z} "$storage/mixed/m/foreign"
  touch "$storage"/mixed/{a,m,z}/{1..100} "$storage/mixed/m/foreign/file"
  chown -R 65534:65534 "$storage/mixed"
  chown 0:0 "$storage/mixed/m/foreign"
  chmod 755 "$storage/mixed/m/foreign"
  removed() { find "$storage/.http-nas/removed" -mindepth 1 -type "$1" -printf '%f\n'; }
  only_foreign() { same file "$(removed f)"; }
  deleted() {
    status 200 -X DELETE "$URL/file/mixed"
    absent "$storage/mixed"
    only_foreign
    grep -q 'removed in part name="mixed" cause="1 entry could not be removed.*foreign.*: permission denied' "$LOG"
  }
  check "DELETE of a folder with an entry that cannot go removes the rest, and the log names it" deleted
  signal TERM "$PID"
  chown -R 65534:65534 "$storage/.http-nas/removed"
  start_server "$storage"
  nothing_removed() { [[ -z $(removed f) ]]; }
  check "it goes once it can" wait_for 15 nothing_removed
else
  skip "an entry of a removed folder that cannot go" "a file of another user takes root"
fi

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
