# shellcheck shell=bash disable=SC2154
# Python packages for the scripts that need some. It is sourced, after lib.sh.

# python_packages REQUIREMENTS: the packages in an environment of their own below the target folder,
# made once. Sets venv, the environment. Where they cannot be had, the script says so and ends with
# 77.
python_packages() {
  local requirements=$1
  local lock
  venv=$target/python/$(basename -- "$(dirname -- "$requirements")")
  # Another script that runs beside this one may be making it.
  mkdir -p -- "${venv%/*}"
  exec {lock}>"$venv.lock"
  flock "$lock"
  if cmp -s "$requirements" "$venv/requirements.txt" && "$venv/bin/python" -c '' 2>/dev/null; then
    exec {lock}>&-
    return
  fi
  echo "installing the packages of ${requirements#"$root/"} into $venv"
  make_environment "$requirements" >"$work/pip" 2>&1 </dev/null || {
    tail -n 5 "$work/pip"
    echo "the Python packages of ${requirements#"$root/"} cannot be had"
    exit 77
  }
  exec {lock}>&-
}

make_environment() {
  local try
  python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 10))' || return 1
  rm -rf -- "$venv"
  python3 -m venv "$venv" || return 1
  for try in 1 2 3; do
    if "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
      --requirement "$1" "${@:2}"; then
      # Last, so that an environment that is not whole is made again.
      cp "$1" "$venv/requirements.txt"
      return
    fi
    ((try == 3)) || sleep $((try * 5))
  done
  return 1
}
