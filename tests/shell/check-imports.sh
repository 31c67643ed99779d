#!/usr/bin/env bash
# scripts/check-imports: it accepts a crate whose files use each other in one direction, and refuses
# each kind of fault.

# shellcheck source-path=SCRIPTDIR source=../../scripts/lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
if ! command -v python3 >/dev/null; then
  skip "scripts/check-imports" "there is no python3"
  finish
fi

# A program of two layers: api above storage, and three files in storage, each above the next.
crate() {
  rm -rf -- "$work/crate"
  mkdir -p "$work/crate/src/storage" "$work/crate/src/api" "$work/crate/tiny_http/src"
  cd "$work/crate"
  echo '[package] name = "sample"' >Cargo.toml
  printf '[package]\nname = "tiny_http"\n' >tiny_http/Cargo.toml
  echo 'pub struct Server;' >tiny_http/src/lib.rs
  printf 'mod api;\nmod storage;\npub fn run() { api::read() }\n' >src/lib.rs
  printf 'use crate::storage::{File, open};\npub fn read() { let _: File = open(); }\n' >src/api/mod.rs
  printf 'mod file;\nmod names;\nmod walk;\npub use file::{File, open};\n' >src/storage/mod.rs
  printf 'use super::walk::Step;\npub struct File(Step);\npub fn open() -> File { File(super::walk::step()) }\n' >src/storage/file.rs
  printf '// use super::file::File;\nuse super::names;\npub struct Step;\npub fn step() -> Step { names::first(); Step }\n' >src/storage/walk.rs
  printf 'pub fn first() -> &str { "super::file::open()" }\n#[cfg(test)]\nmod tests { use super::super::file::open; }\n' >src/storage/names.rs
}

accepted() {
  crate
  "$root/scripts/check-imports" .
}
check "a crate in order, with paths upwards in a comment, a string and tests, is accepted" accepted

# refuses WORDS [FILE LINE]...: these lines more, each in a file, are reported with these words.
refuses() {
  local words=$1 code=0
  shift
  crate
  while (($# > 0)); do
    echo "$2" >>"$1"
    shift 2
  done
  "$root/scripts/check-imports" . >"$work/findings" || code=$?
  cat "$work/findings"
  same 1 "$code"
  grep -qF -- "$words" "$work/findings"
}
refused() { check "refused: $1" refuses "${@:2}"; }
refused "an import upwards" "storage::names uses crate::api::read, which is not below it" \
  src/storage/names.rs 'use crate::api::read;'
refused "a path upwards without an import" "storage::names uses crate::api::read, which is not below it" \
  src/storage/names.rs 'fn up() { crate::api::read() }'
refused "a circle within a layer" "a circle of 3 files" src/storage/names.rs 'use super::file::open;'
refused "a circle through what mod.rs re-exports" "a circle of 3 files" src/storage/names.rs 'use super::{File, open};'
refused "a layer without a place" "memories: LAYERS in scripts/check-imports does not name it" \
  src/lib.rs 'mod memories;' src/memories.rs 'pub struct Memory;'
refused "methods of a type in the file of another" "impl File: File is defined in storage::file" \
  src/api/mod.rs 'impl File { fn more(&self) {} }'
refused "a trait of the crate, neither it nor the type defined in the file" "impl Reader for File: neither is defined here" \
  src/storage/walk.rs 'pub trait Reader {}' src/api/mod.rs 'impl crate::storage::walk::Reader for File {}'

finish
