# shellcheck shell=bash disable=SC2154
# A proxy in front of the server, configured as docs/operations.md says, for e2e/proxies/run. It is
# sourced, after lib.sh, and needs $address and $port, where the proxy is to listen.

# In a session of its own: nginx has workers, which do not end when their master is killed.
proxy=
stop_proxy() {
  [[ -n $proxy ]] || return 0
  kill -KILL -- "-$proxy" 2>/dev/null || true
  wait_for 20 gone "$proxy"
  proxy=
}
release() { stop_proxy; }

# documented LANGUAGE: the one configuration of that language in docs/operations.md.
documented() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$root/docs/operations.md" | sed '1d;$d'; }

# change FILE OLD NEW: the text is in exactly one line of the file.
change() {
  [[ $(grep -cF -- "$2" "$1") == 1 ]] || {
    echo "docs/operations.md does not have \"$2\" once:" >&2
    cat "$1" >&2
    exit 1
  }
  sed -i "s|$2|$3|" "$1"
}

# configure MODE [ADDRESS...]: in $folder, with these servers behind it.
configure() {
  local mode=$1 behind runs_as=
  shift
  folder=$work/$mode
  rm -rf -- "$folder"
  mkdir -p "$folder/bodies"
  case $mode in
    nginx-*)
      documented nginx >"$folder/site"
      printf -v behind 'server %s; ' "$@"
      change "$folder/site" "server 127.0.0.1:3000;" "$behind"
      change "$folder/site" "listen 80;" "listen $address:$port;"
      ((EUID != 0)) || runs_as="user root;"
      # What is around it is as in Debian's nginx.conf; and little is kept of a reply, so that it
      # can be cut off.
      cat >"$folder/configuration" <<CONFIGURATION
$runs_as
worker_processes auto;
daemon off;
pid $folder/pid;
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  default_type application/octet-stream;
  gzip on;
  access_log $folder/access.log;
  client_body_temp_path $folder/bodies;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  proxy_max_temp_file_size 16m;
  include $folder/site;
}
CONFIGURATION
      ;;
    haproxy-*)
      documented haproxy >"$folder/configuration"
      printf -v behind 'server nas%s\\n    ' "${@/#/-}"
      behind=$(sed -E 's/nas-([^ \\]*)/nas-\1 \1/g' <<<"$behind")
      change "$folder/configuration" "server nas 127.0.0.1:3000" "$behind"
      change "$folder/configuration" "bind :80" "bind $address:$port"
      ;;
  esac
  case $mode in
    nginx-buffering)
      change "$folder/site" "proxy_request_buffering off" "proxy_request_buffering on"
      change "$folder/site" "proxy_buffering off" "proxy_buffering on"
      ;;
    haproxy-server-close) change "$folder/configuration" "option http-keep-alive" "option http-server-close" ;;
  esac
}

proxy_answers() {
  if gone "$proxy"; then
    cat "$folder/out" >&2
    exit 1
  fi
  curl -fsS "$at" >/dev/null 2>&1
}

# start_proxy MODE [ADDRESS...]: ready when this returns. Sets proxy, its session.
start_proxy() {
  stop_proxy
  configure "$@"
  case $1 in
    nginx-*) setsid nginx -e "$folder/error.log" -c "$folder/configuration" >"$folder/out" 2>&1 </dev/null & ;;
    haproxy-*) setsid haproxy -db -f "$folder/configuration" >"$folder/out" 2>&1 </dev/null & ;;
  esac
  proxy=$!
  disown
  wait_for 20 proxy_answers
}
