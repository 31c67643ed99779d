#!/usr/bin/env bash
# usage: test.sh [--without-attack]
#
# Everything that can be tested with cargo and curl: the unit tests and those of tiny_http, in a
# debug build, which looks for overflow; the black-box tests, the shell tests and a short form of
# the attack against the release build, or against the program that HTTP_NAS names.
#
# The last line is "N passed, N failed", with ", N skipped" after it where something was.

# shellcheck source-path=SCRIPTDIR source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd -- "$root"

case $#:${1-} in
  0: | 1:--without-attack) ;;
  *)
    sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac

for tool in cargo curl; do
  command -v "$tool" >/dev/null || {
    echo "test.sh needs $tool, and there is none on the PATH" >&2
    exit 1
  }
done

failures=()

# add_cargo_counts CODE NAME: adds up the "test result:" lines of what was shown last. A test that
# says that it is skipped is among those that passed there.
add_cargo_counts() {
  local code=$1 good bad ignored
  read -r good bad ignored < <(awk '
    /^test result: / { good += $4; bad += $6; ignored += $8 }
    /^skip / && !seen[$0]++ { skips++ }
    END { print good - skips, bad + 0, ignored + skips }' "$work/shown")
  passed=$((passed + good))
  failed=$((failed + bad))
  skipped=$((skipped + ignored))
  # A build that broke or a test program that crashed ends without a line to count.
  if ((code != 0 && bad == 0)); then
    failed=$((failed + 1))
    failures+=("$2 ended with exit code $code")
  fi
  mapfile -t -O "${#failures[@]}" failures < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$work/shown")
}

# The program of the black-box tests is a debug build, too; the server that it starts is not.
cargo_tests() {
  local code=0
  HTTP_NAS=$http_nas run_shown "cargo test" cargo test --locked --no-fail-fast \
    -p http-nas -p tiny_http -p testkit -p manual || code=$?
  add_cargo_counts "$code" "cargo test"
}

# --- the shell tests -------------------------------------------------------------------------------------

# Two cores are what these tests have been tried on; more at once would only make the deadlines
# tighter.
width=$(nproc 2>/dev/null || echo 2)
((width <= 3)) || width=3
((width >= 2)) || width=2

# The output of one is shown undivided, as soon as it is there.
declare -A name_of=()
one_has_ended() {
  for process in "${!name_of[@]}"; do
    ! gone "$process" || return 0
  done
  return 1
}
show_next() {
  local process code=0 name
  wait_for 900 one_has_ended
  wait "$process" || code=$?
  name=${name_of[$process]}
  unset "name_of[$process]"
  printf '\n== %s\n' "$name"
  cat "$work/$name.out"
  mapfile -t -O "${#failures[@]}" failures < <(sed -n 's/^FAIL /'"$name"': /p' "$work/$name.out")
  if ! add_counts "$work/$name.out" || ((code > 1)); then
    failed=$((failed + 1))
    failures+=("$name stopped with exit code $code before its end")
  fi
}

shell_tests() {
  local file name
  for file in tests/shell/*.sh; do
    ((${#name_of[@]} < width)) || show_next
    name=$(basename "$file" .sh)
    timeout -k 10 600 bash "$file" >"$work/$name.out" 2>&1 </dev/null &
    name_of[$!]=$name
  done
  while ((${#name_of[@]} > 0)); do show_next; done
}

if [[ -n ${HTTP_NAS-} ]] || run_shown "cargo build --release" cargo build --release --locked; then
  cargo_tests
  shell_tests
  if (($# == 0)); then
    run_shown "attack, short" scripts/attack --short || failures+=("the short attack")
    add_counts "$work/shown" || failed=$((failed + 1))
  fi
else
  failed=$((failed + 1))
  failures+=("cargo build --release")
fi

echo
for failure in "${failures[@]}"; do echo "failed: $failure"; done
finish
