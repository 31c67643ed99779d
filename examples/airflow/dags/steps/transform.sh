# shellcheck shell=bash
# One share of the rows, every SHARDS-th, with the addresses of COLUMN made unreadable:
# ann@example.com is ***@example.com.
# shellcheck disable=SC2016 # The text in quotes is for awk.
masked() {
  download rows | awk -F '\t' -v OFS='\t' -v shard="$SHARD" -v shards="$SHARDS" -v column="$COLUMN" '
    NR % shards == shard { if ($column ~ /@/) sub(/^[^@]*/, "***", $column); print }'
}
publish "masked/$SHARD" masked
