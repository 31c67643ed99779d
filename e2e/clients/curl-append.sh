#!/usr/bin/env bash
# curl -C OFFSET -T FILE: a log that grows is sent piece by piece, and the connection breaks 50
# times at random places, before, in and behind a body and its answer. It must come out as if
# nothing had ever broken.

# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

need_python # for the proxy
version=$(curl --version | awk 'NR == 1 { print $2 }')
echo "curl $version, seed $seed"
cd -- "$work"
start_server "$work/storage"
start_proxy
cuts=50
most=$((1200 * 1024)) # of a piece: curl asks with Expect: 100-continue from 1 MiB on
random_file whole $((100 * 1024 * 1024))

stored_length() { curl -fsSI "$URL/file/$1" | header Content-Length; }

# What has been seen: by kind of cut, how many were made, and after how many of them the piece was
# there.
tally() {
  local kind=$1 there=$2
  made[$kind]=$((${made[$kind]:-0} + 1))
  ((there == 0)) || kept[$kind]=$((${kept[$kind]:-0} + 1))
}

# With -C 0 curl sends no Content-Range at all, and with -C - it says that it begins at 0.
offset_for_curl() { if (($1 == 0)); then echo -; else echo "$1"; fi; }

# append OFFSET ADDRESS: sets REPLIED, 000 where there was no reply.
append() {
  REPLIED=$(curl -sS -C "$(offset_for_curl "$1")" -T local -o reply -w '%{http_code}' "$2/file/log" 2>trace) || true
}

# cut_append KIND OFFSET: the same, and the connection breaks.
cut_append() {
  local kind=$1 offset=$2 length reset client
  reset=$([[ $((RANDOM % 2)) == 0 ]] || echo reset)
  length=$((end - offset))
  case $kind in
    # A head has at least 120 bytes, so the cut is before the end of the request.
    request | killed) below $((length + 120)) && order "${kind/killed/hold-request}" $((BELOW + 1)) "$reset" ;;
    # "HTTP/1.1 200 OK" and the headers have more than 60 bytes.
    reply) below 60 && order reply $((BELOW + 1)) "$reset" ;;
    *) order "$kind" "$reset" ;;
  esac
  if [[ $kind == killed ]]; then
    curl -sS -C "$(offset_for_curl "$offset")" -T local -o reply "$PROXY/file/log" 2>trace &
    client=$!
    ends_with_check "$client"
    wait_for 30 ordered_is_done 1
    signal KILL "$client"
    same 137 "$CODE"
  else
    append "$offset" "$PROXY"
    ordered_is_done 1 || {
      echo "the connection was not cut by: $kind"
      return 1
    }
    # 100 is what curl has read last where the body was asked for; a part of a reply may hold its
    # status.
    [[ $REPLIED == [01]00 || $kind == reply ]] || {
      echo "status $REPLIED came through a connection cut by: $kind"
      return 1
    }
  fi
}

appended_exactly_once() {
  local kinds=(request killed reply unanswered answered) n=0 tries=0 offset end=0 blindly=0 refused=0 kind before
  declare -A made=() kept=()
  RANDOM=$seed
  curl -fsS -o none -X POST --data-binary '' "$URL/file/log"
  : >local
  while ((n < cuts || $(stored_length log) < end)); do
    tries=$((tries + 1))
    offset=$(stored_length log)
    if ((offset == end)); then
      # Small ones now and then; a body of one byte too.
      below $((RANDOM % 4 == 0 ? 50 : most))
      head -c $((end + BELOW + 1)) whole >local
      end=$((end + BELOW + 1))
      before=$offset
    fi
    # Nothing in between is ever there: a piece is in the file or it is not.
    ((offset == before)) || {
      echo "the file has $offset bytes, where it had $before and $end are to be"
      return 1
    }
    if ((n < cuts && RANDOM % 4 > 0)); then
      kind=${kinds[RANDOM % ${#kinds[@]}]}
      n=$((n + 1))
      cut_append "$kind" "$offset"
      tally "$kind" "$(($(stored_length log) > offset))"
      # A client that does not ask first is refused where the piece has arrived, and heard where it
      # has not.
      if ((RANDOM % 2 == 0)); then
        blindly=$((blindly + 1))
        append "$offset" "$URL"
        case $REPLIED in
          200) ;;
          416) refused=$((refused + 1)) ;;
          *)
            echo "status $REPLIED for the piece from $offset to $end"
            return 1
            ;;
        esac
        same "$end" "$(stored_length log)"
      fi
    else
      append "$offset" "$URL"
      # One that was cut unanswered may still have come first.
      [[ $REPLIED == 200 || $REPLIED == 416 ]]
    fi
  done
  cmp storage/log local
  same "$(checksum local)" "$(checksum storage/log)"
  {
    echo "$tries appends, $n cut, $blindly retried without asking, $refused of them refused as done; $end bytes"
    for kind in "${kinds[@]}"; do echo "  $kind: ${made[$kind]:-0} cut, ${kept[$kind]:-0} had arrived"; done
  } | tee summary
  # What is to be shown has been met: cuts of each kind, pieces that arrived unknown to their
  # sender, and refusals.
  same "${#kinds[@]}" "${#made[@]}"
  same "${made[answered]}" "${kept[answered]:-0}"
  same "0 0" "${kept[request]:-0} ${kept[killed]:-0}"
  ((refused > 0 && refused < blindly))
}
check "curl -C OFFSET -T FILE: cut $cuts times at random places, every byte arrives exactly once" appended_exactly_once
[[ ! -e summary ]] || sed "s#^#    #" summary

refused() {
  printf 'abcdef' >local
  curl -fsS -o none -X POST -T local "$URL/file/short"
  printf 'abcdefghij' >local
  status 416 -C 3 -T local -D headers "$URL/file/short"
  same "bytes */6" "$(header Content-Range <headers)"
  status 416 -C 8 -T local "$URL/file/short"
  same abcdef "$(cat storage/short)"
  status 200 -C 6 -T local "$URL/file/short"
  same abcdefghij "$(cat storage/short)"
  # TOTAL unknown, and what does not fit together.
  status 200 -X PUT -H 'Content-Range: bytes 10-11/*' -d 'kl' "$URL/file/short"
  status 400 -X PUT -H 'Content-Range: bytes 12-15/*' -d 'mn' "$URL/file/short"
  status 400 -X PUT -H 'Content-Range: bytes 12-13/13' -d 'mn' "$URL/file/short"
  status 400 -X PUT -H 'Content-Range: bytes 13-12/*' -d 'mn' "$URL/file/short"
  same abcdefghijkl "$(cat storage/short)"
  status 404 -X PUT -H 'Content-Range: bytes 1-2/3' -d 'ab' "$URL/file/not-there"
  # What begins at byte 0 creates the file, once.
  status 200 -X PUT -H 'Content-Range: bytes 0-1/2' -d 'ab' "$URL/file/not-there"
  status 416 -X PUT -H 'Content-Range: bytes 0-1/2' -d 'ab' "$URL/file/not-there"
  same ab "$(cat storage/not-there)"
  no_litter "$work/storage"
}
check "an append that begins elsewhere is refused, and Content-Range says where the end is" refused

# curl's own retries: the answer to the second try is lost, and the third learns that there is
# nothing left to do.
retried() {
  printf 'a' >local
  curl -fsS -o none -X POST -T local "$URL/file/retried"
  random_file more 3000000
  cat more >>local
  orders "request 1000000" answered
  fails_with 22 curl -fsS --retry 2 --retry-all-errors --retry-delay 1 -C 1 -T local -o none "$PROXY/file/retried"
  ordered_is_done 2
  cmp storage/retried local
}
check "curl --retry -C OFFSET -T FILE: what was done is not done again" retried

signal TERM "$PID"
check "the server ends well" same 0 "$CODE"
works_with "curl" "$version" "\`-C OFFSET -T FILE\`: an append that is cut $cuts times at random places arrives exactly once"
finish
