# shellcheck shell=bash
# The shares, one behind the other: POST makes the file, each PUT appends to it. A retry makes
# another one, so no share is ever in it twice.
part=result.part-$HOSTNAME
trap 'remove "$part" 2>/dev/null || true' EXIT

upload "$part" </dev/null
for ((shard = 0; shard < SHARDS; shard++)); do
  download "masked/$shard" | append "$part"
done

lines=$(download "$part/wc")
expected=$(download rows/wc)
[[ $lines == "$expected" ]] || {
  echo "there are $lines rows instead of $expected" >&2
  exit 1
}
rename "$part" result
