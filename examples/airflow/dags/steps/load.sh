# shellcheck shell=bash
# Into the target, in one transaction: where the download breaks off there is no commit, and the
# table is as it was.
statements() {
  printf 'begin;\ntruncate %s;\ncopy %s from stdin;\n' "$TABLE" "$TABLE" &&
    download result &&
    printf '\\.\ncommit;\n'
}
statements | psql "$TARGET" -X -q -v ON_ERROR_STOP=1
