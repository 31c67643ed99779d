# shellcheck shell=bash
# What the steps share: the DAG puts this in front of each. NAS is the address of http-nas, RUN the
# run's own folder.
set -euo pipefail
export LC_ALL=C

folder=$NAS/file/$RUN

download() { curl -fsS "$folder/$1"; }
upload() { curl -fsS -o /dev/null -X POST -T - "$folder/$1"; }
append() { curl -fsS -o /dev/null -T - "$folder/$1"; }
rename() { curl -fsS -o /dev/null -X PUT --data-raw "{\"path\": \"$RUN/$2\"}" "$folder/$1/mv"; }
remove() { curl -fsS -o /dev/null -X DELETE "$folder/$1"; }

# publish NAME COMMAND...: what the command prints becomes the file NAME of the run, if the command
# succeeds. The server cannot tell a command that died from one that is through: so the file gets
# its name once the whole pipe has succeeded. Until then it is the pod's own, and a retry beside a
# pod that was lost does not meet it.
publish() {
  local name=$1 part=$1.part-$HOSTNAME
  shift
  if "$@" | upload "$part"; then
    rename "$part" "$name"
  else
    remove "$part" || true
    return 1
  fi
}
