# shellcheck shell=bash
# What the steps share: the DAG puts this in front of each. NAS is the address of http-nas,
# NAS_TOKEN the step's token, and RUN the run's own folder, below runs: that is the folder for which
# the tokens have rights.
set -euo pipefail
export LC_ALL=C
# What the script starts does not get it.
export -n NAS_TOKEN

folder=$NAS/file/runs/$RUN

# nas CURL-ARGUMENT...: curl with the token, by a pipe: a command line is seen by whoever sees the
# processes of the node. A secret made from a file may end in a newline.
nas() { curl -sS -H @<(printf 'Authorization: Bearer %s\n' "${NAS_TOKEN%$'\n'}") "$@"; }

download() { nas -f "$folder/$1"; }
upload() { nas -f -o /dev/null -X POST -T - "$folder/$1"; }
append() { nas -f -o /dev/null -T - "$folder/$1"; }
rename() { nas -f -o /dev/null -X PUT --data-raw "{\"path\": \"runs/$RUN/$2\"}" "$folder/$1/mv"; }
remove() { nas -f -o /dev/null -X DELETE "$folder/$1"; }

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
