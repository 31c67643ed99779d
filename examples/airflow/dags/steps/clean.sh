# shellcheck shell=bash disable=SC2154
# The run's folder is gone, or was gone before: a retry has nothing left to do.
status=$(nas -o /dev/null -w '%{http_code}' -X DELETE "$folder")
[[ $status == 200 || $status == 404 ]] || {
  echo "the folder was not deleted: status $status" >&2
  exit 1
}
