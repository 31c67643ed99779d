#!/usr/bin/env bash
# usage: scripts/e2e-postgres.sh [--keep]
#
# Sends the dump of a real PostgreSQL database through the pipe to http-nas, restores it from there into a second
# database, and compares both table by table; then eight dumps at once; then what happens to a dump that dies
# half-way, and the way to publish one safely.
#
# It runs a PostgreSQL of its own in a temporary folder, reached by a socket in that folder alone. Where PostgreSQL
# is missing it is installed if this is root; otherwise the script says so and exits with 77. The server is
# target/release/http-nas (built if missing) or $HTTP_NAS. --keep leaves the folder behind, with nothing running.

# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=postgres.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/postgres.sh"

case ${1-} in
  "") keep=no ;;
  --keep) keep=yes ;;
  *)
    sed -n 's/^# usage/usage/p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac

least_megabytes=200
dumps=8

# --- PostgreSQL ------------------------------------------------------------------------------------------

command -v curl >/dev/null || {
  echo "there is no curl"
  exit 77
}
need_postgres

release() {
  stop_postgres
  if [[ $keep == yes ]]; then
    mv "$cluster" "$work/storage" "$kept"
    echo "kept: the cluster and the stored files in $kept"
  fi
  remove_postgres
}

# --- the database ----------------------------------------------------------------------------------------

# Values that a careless pipe or dump would change, and bulk: sha512 makes bytes that no compression shortens, the
# same on every run.
fill() {
  ask -d "$1" <<'SQL'
create schema "Odd ""schema"" name";
create type mood as enum ('', 'so so', E'line\nbreak', 'très bien');

create table "Odd ""schema"" name"."table with 'quotes' and 	tab" (
  id int primary key, "Column ""Ü""" text, "select" bytea, note text
);
insert into "Odd ""schema"" name"."table with 'quotes' and 	tab"
select n, t, convert_to(t, 'UTF8'), case when n % 3 = 0 then null else '' end
from (select row_number() over () as n, t from (values
  (null), (''), (' '), ('NULL'), ('\N'), ('\.'), (E'\\'), (E'\\\\.\n\\.\n'), (''''), (''''''), ('"'), ('$$'), ('$1'),
  (E'\t'), (E'\n'), (E'\r\n'), (E'\r'), (E'a\tb\nc\\d\re'), (E'\b\f\v'), (E'\x01\x02\x7f'), ('--'), ('/*'), (';'), ('%s%n'),
  ('Größe'), ('日本語'), ('👩‍👩‍👧‍👦'), (E'e\u0301'), (E'\u00e9'), (E'\u202e\u200b\ufeff'), (E'\U0010ffff'), ('0' || E'\r\n\r\n' || '0')
) as odd (t)) as numbered;

create table bytes (id int primary key, b bytea);
insert into bytes select n, set_byte('\x00', 0, n) from generate_series(0, 255) as n;
insert into bytes values (256, ''), (257, null),
  (258, (select string_agg(set_byte('\x00', 0, n), '' order by n) from generate_series(0, 255) as n));

create table numbers (id serial primary key, n numeric, d double precision, r real, i bigint);
insert into numbers (n, d, r, i) values
  ('NaN', 'NaN', 'NaN', 0), ('Infinity', 'Infinity', 'Infinity', 9223372036854775807),
  ('-Infinity', '-Infinity', '-Infinity', -9223372036854775808), (null, null, null, null),
  (0.00, '-0', '-0', 1), (1e-300, 5e-324, 1e-45, 2), (1e300, 1.7976931348623157e308, 3.4028235e38, 3),
  (repeat('9', 1000)::numeric, 0.1, 0.1, 4), (1.10, 1.1, 1.1, 5), (1.100, 0.30000000000000004, 0.3, 6);

create table times (id serial primary key, t timestamp, tz timestamptz, d date, i interval);
insert into times (t, tz, d, i) values
  ('infinity', 'infinity', 'infinity', '-178000000 years'), ('-infinity', '-infinity', '-infinity', '178000000 years'),
  (null, null, null, null), ('4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC', '4713-01-01 BC', '0'),
  ('294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '5874897-12-31', '1 mon -1 day 00:00:00.000001'),
  ('2024-02-29 23:59:59.999999', '2024-10-27 02:30:00+02', '2024-02-29', '-1 year -2 mons +3 days -04:05:06');

create table composed (
  id serial primary key, a text[], m int[][], j jsonb, raw json, moods mood[], r int4range, u uuid, ip inet, bits bit varying
);
insert into composed (a, m, j, raw, moods, r, u, ip, bits) values
  ('{}', '{}', '{}', '{ "b": 1,  "a" : 2, "a": 3 }', '{}', 'empty', gen_random_uuid(), '::1', ''),
  (null, null, null, null, null, null, null, null, null),
  (array['', null, 'NULL', '"', '\', ',', '{}', E'\n', E'\t', 'ü'], '{{1,null},{null,4}}', 'null', 'null',
    array['', E'line\nbreak', 'très bien']::mood[], '[,)', gen_random_uuid(), '10.0.0.0/8', B'0101'),
  ('[-2:0]={x,y,z}', '[0:1][5:6]={{1,2},{3,4}}', '{"": "", "quote": "\"", "back": "\\", "nl": "\n", "u": "\u00e9\ud83d\ude00", "n": 1e400}',
    '"\u0000 stays text"', null, '[1,10)', gen_random_uuid(), 'fe80::/10', B'1');

create table long_texts (id int primary key, t text);
alter table long_texts alter t set storage external;
insert into long_texts values
  (1, repeat(E'a line with \\ and \t and ü\n', 300000)), (2, repeat('x', 60000000)), (3, repeat(E'\n', 1000000));

create table events (
  id bigint generated always as identity primary key, at timestamptz not null, kind text, amount numeric(12, 2), payload jsonb
);
insert into events (at, kind, amount, payload)
select timestamptz '2024-01-01 00:00:00+00' + n * interval '13 seconds', (array['view', 'click', null, ''])[n % 4 + 1],
  case when n % 17 = 0 then null else (n::bigint * 7919 % 1000000) / 100.0 end,
  jsonb_build_object('n', n, 'id', md5(n::text), 'tags', jsonb_build_array(n % 7, null, 'tag "' || n % 13 || '"'))
from generate_series(1, 350000) as n;
create index on events (at);
create index on events using gin (payload jsonb_path_ops) where id % 50 = 0;

create table blobs (id int primary key, event bigint references events, b bytea);
alter table blobs alter b set storage external;
insert into blobs select n, n,
  (select string_agg(sha512(int8send(n * 100000 + m)), '' order by m) from generate_series(1, 1024) as m)
from generate_series(1, 900) as n;

create table empty_table (id int primary key);
create table by_range (id int, t text) partition by range (id);
create table by_range_low partition of by_range for values from (minvalue) to (500);
create table by_range_high partition of by_range for values from (500) to (maxvalue);
insert into by_range select n, md5(n::text) from generate_series(1, 1000) as n;
create view seen as select kind, count(*) from events group by kind;
select lo_from_bytea(0, string_agg(sha512(int4send(n)), '' order by n)) from generate_series(1, 40000) as n;
select setval('numbers_id_seq', 4711);
SQL
}

# digest DATABASE: "TABLE ROWS MD5" a line for every table, sequence and the large objects, whatever the order of
# the rows. The name is quoted as SQL quotes it; separated by a character that no name here has.
digest() {
  {
    ask -d "$1" -c "
      select format('select %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text) collate \"C\"), '''')) from (select %s from %s) as t;',
        c.oid::regclass, case c.relkind when 'S' then 'last_value, is_called' else '*' end, c.oid::regclass)
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm', 'S') and n.nspname !~ '^(pg_|information_schema)'
      order by c.oid::regclass::text collate \"C\""
    echo "select 'large objects', count(*), md5(coalesce(string_agg(md5(lo_get(oid)), '' order by md5(lo_get(oid))), '')) from pg_largeobject_metadata;"
  } | ask -F '|' -d "$1"
  # The definitions too: with its comments and the random key of newer versions left out, pg_dump's text is the same.
  echo "definitions|$(schema_of "$1" | wc -l)|$(schema_of "$1" | md5sum | cut -d ' ' -f 1)"
}
schema_of() { pg_dump --schema-only "$1" | grep -vE '^(--|\\restrict|\\unrestrict|$)'; }

print_comparison() {
  printf '  %-52s %9s  %-32s  %-32s\n' "table" "rows" "source" "restored"
  join -t '|' -a 1 -a 2 -e '-' -o '0,1.2,1.3,2.3' <(LC_ALL=C sort "$1") <(LC_ALL=C sort "$2") |
    while IFS='|' read -r name rows one two; do
      printf '  %-52s %9s  %s  %s%s\n' "$name" "$rows" "$one" "$two" "$([[ $one == "$two" ]] || echo '  DIFFERENT')"
    done
}

megabytes() { echo "$(($1 / 1000000)) MB"; }
seconds_since() { echo "$((SECONDS - $1)) s"; }

# --- one dump through the pipe ---------------------------------------------------------------------------

[[ -x $http_nas ]] || cargo build --release --locked --manifest-path "$root/Cargo.toml"
need_server_binary

if [[ $keep == yes ]]; then kept=$(mktemp -d "${TMPDIR:-/tmp}/http-nas-kept.XXXXXX"); fi
start_postgres
start_server "$work/storage"
echo "$(postgres --version), $("$http_nas" --version)"

started=$SECONDS
createdb source
fill source >/dev/null
bytes=$(ask -d source -c 'select pg_database_size(current_database())')
echo "the database has $(megabytes "$bytes"), made in $(seconds_since "$started")"
large_enough() { ((bytes >= least_megabytes * 1000000)); }
check "the database has at least $least_megabytes MB" large_enough
digest source >"$work/source.digest"
# A table with bytes in it must not digest to nothing because its query went wrong.
digested() { same 18 "$(grep -cE '^[^|]+\|[0-9]+\|[0-9a-f]{32}$' "$work/source.digest")"; }
check "every table, sequence and definition has a digest" digested

store() { pg_dump -Fc source | curl -fsS -X POST -T - "$URL/file/$1"; }
restore() {
  createdb "$2"
  curl -fsS "$URL/file/$1" | pg_restore --exit-on-error -d "$2"
}
same_digest() {
  digest "$1" >"$work/$1.digest"
  diff "$work/source.digest" "$work/$1.digest"
}

started=$SECONDS
check "pg_dump -Fc | curl -T - stores the dump" store db.dump
stored=$(stat -c %s "$work/storage/db.dump")
echo "the dump has $(megabytes "$stored"), stored in $(seconds_since "$started")"

started=$SECONDS
check "curl | pg_restore restores it" restore db.dump second
echo "restored in $(seconds_since "$started")"
check "both databases have the same digests" same_digest second
print_comparison "$work/source.digest" "$work/second.digest"
dropdb second

# --- eight at once ---------------------------------------------------------------------------------------

# at_once WIDTH FUNCTION: runs FUNCTION NUMBER for every dump, WIDTH at a time. `reported FUNCTION NUMBER` tells
# afterwards what one printed and ended with.
at_once() {
  local width=$1 action=$2 worker number workers=() started=$SECONDS
  for ((worker = 1; worker <= width; worker++)); do
    for ((number = worker; number <= dumps; number += width)); do
      set +e
      (
        set -e
        "$action" "$number"
      ) >"$work/$action-$number.out" 2>&1 </dev/null
      echo "$?" >"$work/$action-$number.code"
    done &
    workers+=("$!")
  done
  wait "${workers[@]}"
  echo "$action: $dumps, $width at a time, in $(seconds_since "$started")"
}
reported() {
  cat "$work/$1-$2.out"
  return "$(cat "$work/$1-$2.code")"
}

store_one() { store "parallel%2F$1.dump"; }
at_once "$dumps" store_one
for ((n = 1; n <= dumps; n++)); do check "dump $n of $dumps at once is stored" reported store_one "$n"; done

# The restores keep both cores busy, and eight databases at a time would need the disk for all of them.
restore_one() {
  restore "parallel%2F$1.dump" "copy_$1"
  same_digest "copy_$1"
  dropdb "copy_$1"
}
at_once 3 restore_one
for ((n = 1; n <= dumps; n++)); do
  check "dump $n restores to a database with the same digests" reported restore_one "$n"
  curl -fsS -o /dev/null -X DELETE "$URL/file/parallel%2F$n.dump"
done

# --- a dump that dies half-way ---------------------------------------------------------------------------

# publish NAME COMMAND...: what the command prints becomes NAME, if the command succeeds. The server cannot tell a
# dump that died from one that is complete: either way curl ends the body properly. So the body goes under a name of
# its own, and gets the final one by mv, which replaces the old file in one step.
publish() {
  local name=$1 partial=$1.partial-$BASHPID
  shift
  set -o pipefail
  if "$@" | curl -fsS -o /dev/null -X POST -T - "$URL/file/$partial" &&
    curl -fsS -o /dev/null -X PUT --data-raw "{\"path\": \"$name\"}" "$URL/file/$partial/mv"; then
    return 0
  fi
  curl -fsS -o /dev/null -X DELETE "$URL/file/$partial" || true
  return 1
}

whole_dump() { pg_dump -Fc source; }
cut_dump() {
  pg_dump -Fc source | head -c 5M
  false
}
# The server ends the connection of pg_dump while its output is held up by the pipe.
killed_dump() {
  pg_dump -Fc source | {
    head -c 5M
    ask -d postgres -c "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'" >/dev/null
    cat
  }
}

restorable() { curl -fsS "$URL/file/$1" | pg_restore -f /dev/null; }
names_in_root() { curl -fsS "$URL/file/%2F"; }
stored_size() { stat -c %s "$work/storage/$1"; }

check "publish stores a dump that succeeds" publish nightly.dump whole_dump
check "and it restores" restorable nightly.dump
published=$(checksum "$work/storage/nightly.dump")

for how in cut_dump killed_dump; do
  naive() (
    set +o pipefail
    curl -fsS "$URL/file/db.dump" | curl -fsS -o /dev/null -X POST -T - "$URL/file/naive.dump"
    restorable naive.dump
    "$how" | curl -fsS -X POST -T - "$URL/file/naive.dump"
  )
  check "$how: a plain pipe ends with 0, as if all were well" naive
  truncated() { (($(stored_size naive.dump) < stored)); }
  check "$how: but it has replaced a whole dump by a part" truncated
  check "$how: which does not restore" not restorable naive.dump
  check "$how: publish fails" not publish nightly.dump "$how"
  check "$how: the dump published before is as it was" same "$published" "$(checksum "$work/storage/nightly.dump")"
  check "$how: and still restores" restorable nightly.dump
  check "$how: the part is gone" same $'db.dump\nnaive.dump\nnightly.dump\nparallel' "$(names_in_root)"
done

ask -d source -c "insert into empty_table values (1)"
digest source >"$work/source.digest"
check "publish replaces a dump by the next one" publish nightly.dump whole_dump
check "which restores" restore nightly.dump next
check "to a database with the digests of today" same_digest next
check "nothing is left in the server's own folder" no_litter "$work/storage"

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
finish
