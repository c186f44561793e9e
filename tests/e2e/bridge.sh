# Sourced by the tests of real senders: a simulated phone network, a bridge before it, and words to ask both.
# Everything listens on loopback, on ports the system picks. shellcheck shell=bash
set -euo pipefail

warroom=$(realpath "${1:-target/debug/warroom}")
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
folder=$(mktemp -d)
pids=()
finish() {
  code=$?
  if [ "$code" -ne 0 ]; then
    for log in "$folder"/*.log; do
      echo "--- the end of $(basename "$log")" >&2
      tail -n 30 "$log" >&2
    done
  fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait || true
  rm -rf "$folder"
}
trap finish EXIT

say() { printf '  %s\n' "$*"; }
fail() { echo "e2e: $*" >&2; exit 1; }
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is not installed"
  done
}
need curl jq

# Asks again and again until the rest of the line succeeds, for at most 60 seconds.
eventually() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "not within 60 seconds: $what"
    sleep 0.1
  done
  say "$what"
}

fetch() { curl --silent --show-error --fail --max-time 5 "$@"; }
secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# The address after `KEY` in a log or output file.
address_in() { grep -o "$2[^0-9]*127\.0\.0\.1:[0-9]\+" "$1" | grep -o '127\.0\.0\.1:[0-9]\+' | head -n 1; }

# The phones.
start_sandbox() {
  "$warroom" sandbox --listen 127.0.0.1:0 >"$folder/sandbox.out" 2>"$folder/sandbox.log" &
  pids+=($!)
  eventually "the sandbox listens" address_in "$folder/sandbox.out" base_url
  sandbox=http://$(address_in "$folder/sandbox.out" base_url)
  setting() { awk -v key="$1" '$1 == key { print $2 }' "$folder/sandbox.out"; }
}

# The bridge of $folder/warroom.yaml, with the shipped roster.
serve() {
  cp "$here/../../config/roster.yaml" "$folder/roster.yaml"
  "$warroom" check --config "$folder/warroom.yaml" >"$folder/check.log" || fail "check refuses the config"
  "$warroom" serve --config "$folder/warroom.yaml" 2>"$folder/bridge.log" &
  bridge_pid=$!
  pids+=("$bridge_pid")
  eventually "the bridge listens" address_in "$folder/bridge.log" server.listen
  bridge=$(address_in "$folder/bridge.log" server.listen)
  operators=$(address_in "$folder/bridge.log" server.admin)
  eventually "the bridge is ready" fetch "http://$bridge/readyz"
}

# start_bridge SOURCES: with the shipped roster and these lines below `sources:`.
start_bridge() {
  start_sandbox
  cat >"$folder/warroom.yaml" <<YAML
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
store: sqlite:warroom.db
roster: roster.yaml
gateway:
  kind: wawp
  base_url: $sandbox
  instances: [ { id: $(setting id), access_token: $(setting access_token) } ]
log: { format: json }
sources:
$1
YAML
  serve
}

# How many hooks of a source had this outcome.
hooks() {
  fetch "http://$operators/metrics" | awk -v source="source=\"$1\"" -v outcome="outcome=\"$2\"" \
    '/^warroom_hooks_total/ && index($0, source) && index($0, outcome) { n = $2 } END { print n + 0 }'
}
hooks_reached() { [ "$(hooks "$1" "$2")" -ge "$3" ]; }

state() { fetch "$sandbox/sandbox/state" | jq --exit-status "$1"; }
# Everything that the bridge ever wrote into groups whose name holds the text $1, oldest first.
texts_of() { printf '[.groups[] | select(.subject | contains("%s")) | .messages[] | select(.kind == "text") | .text]' "$1"; }
expect() { state "$2" >/dev/null || { fetch "$sandbox/sandbox/state" | jq '.groups' >&2; fail "$1"; }; }

# stop_bridge SECRET…: it ends well, and no secret is in its log.
stop_bridge() {
  kill -TERM "$bridge_pid"
  wait "$bridge_pid" || fail "the bridge did not end well: exit code $?"
  local secret
  for secret in "$@" "$(setting access_token)"; do
    ! grep --quiet --fixed-strings -- "$secret" "$folder/bridge.log" || fail "a secret is in the log"
  done
  ! grep --quiet --extended-regexp '\+?15550100[0-9]{3}' "$folder/bridge.log" || fail "a phone number is in the log"
  say "the bridge ends well, and neither a secret nor a phone number is in its log"
}
