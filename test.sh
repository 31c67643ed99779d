#!/usr/bin/env bash
# Everything that can be tested with cargo and curl: the crate's tests, those of the tiny_http crate that stands in for
# the registry's, the shell tests in tests/shell against the release build, and a short form of the
# attack on it.
# The last line is "N passed, N failed", with ", N skipped" behind it where something was.

# shellcheck source-path=SCRIPTDIR source=scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd -- "$root"

for tool in cargo curl; do
  command -v "$tool" >/dev/null || {
    echo "test.sh needs $tool, and there is none on the PATH" >&2
    exit 1
  }
done

failures=()

# add_cargo_counts CODE NAME: adds up the "test result:" lines of what was shown last. A test that says that it is skipped
# is among those that passed there.
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

cargo_tests() {
  local name=$1 code=0
  shift
  run_shown "$name" cargo test --release --locked --no-fail-fast "$@" || code=$?
  add_cargo_counts "$code" "$name"
}

cargo_tests "cargo test" -p http-nas -p tiny_http -p testkit -p manual
# --- the shell tests -------------------------------------------------------------------------------------

# Two cores are what these tests have been tried on; more at once would only make the deadlines tighter.
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
  shell_tests
  run_shown "attack, short" scripts/attack --short || failures+=("the short attack")
  add_counts "$work/shown" || failed=$((failed + 1))
else
  failed=$((failed + 1))
  failures+=("cargo build --release")
fi

echo
for failure in "${failures[@]}"; do echo "failed: $failure"; done
finish
