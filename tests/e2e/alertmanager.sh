#!/usr/bin/env bash
# A real Prometheus Alertmanager in front of a real bridge: one alert, its repeats and its end are one room,
# in which each thing is said once; an Alertmanager with a wrong token opens none.
#
#   tests/e2e/alertmanager.sh [PATH-OF-WARROOM]
#
# Needs prometheus-alertmanager, curl and jq. Everything listens on loopback, on ports the system picks.
set -euo pipefail

warroom=$(realpath "${1:-target/debug/warroom}")
for program in prometheus-alertmanager curl jq; do
  command -v "$program" >/dev/null || { echo "e2e: $program is not installed" >&2; exit 1; }
done

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

# The address after `KEY` in a log or output file.
address_in() { grep -o "$2[^0-9]*127\.0\.0\.1:[0-9]\+" "$1" | grep -o '127\.0\.0\.1:[0-9]\+' | head -n 1; }

token=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$token" >"$folder/token"
printf 'not-the-token-of-this-bridge\n' >"$folder/wrong-token"

# The phones.
"$warroom" sandbox --listen 127.0.0.1:0 >"$folder/sandbox.out" 2>"$folder/sandbox.log" &
pids+=($!)
eventually "the sandbox listens" address_in "$folder/sandbox.out" base_url
sandbox=http://$(address_in "$folder/sandbox.out" base_url)
setting() { awk -v key="$1" '$1 == key { print $2 }' "$folder/sandbox.out"; }

# The bridge, with the shipped roster.
cp "$(dirname "$0")/../../config/roster.yaml" "$folder/roster.yaml"
cat >"$folder/warroom.yaml" <<YAML
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
store: sqlite:warroom.db
roster: roster.yaml
gateway:
  kind: wawp
  base_url: $sandbox
  instances: [ { id: $(setting id), access_token: $(setting access_token) } ]
sources:
  prometheus:
    kind: alertmanager
    verify: { bearer: { file: token } }
log: { format: json }
YAML
"$warroom" check --config "$folder/warroom.yaml" >"$folder/check.log"
"$warroom" serve --config "$folder/warroom.yaml" 2>"$folder/bridge.log" &
bridge_pid=$!
pids+=("$bridge_pid")
eventually "the bridge listens" address_in "$folder/bridge.log" server.listen
bridge=http://$(address_in "$folder/bridge.log" server.listen)
operators=http://$(address_in "$folder/bridge.log" server.admin)
eventually "the bridge is ready" fetch "$bridge/readyz"

# start_alertmanager NAME TOKEN-FILE
start_alertmanager() {
  cat >"$folder/$1.yaml" <<YAML
route:
  receiver: nobody
  routes:
    - receiver: warroom
      matchers: [ severity="critical" ]
      group_by: [ alertname, client ]
      group_wait: 1s
      group_interval: 1s
      repeat_interval: 1s
receivers:
  - name: nobody
  - name: warroom
    webhook_configs:
      - url: $bridge/hooks/prometheus
        send_resolved: true
        http_config:
          authorization:
            credentials_file: $2
YAML
  prometheus-alertmanager --config.file="$folder/$1.yaml" --storage.path="$folder/$1" \
    --web.listen-address=127.0.0.1:0 --cluster.listen-address= >"$folder/$1.log" 2>&1 &
  pids+=($!)
  eventually "Alertmanager ($1) listens" address_in "$folder/$1.log" 'address='
}

# post ALERTMANAGER ALERTNAME [ENDS-AT]
post() {
  jq -n --arg name "$2" --arg ends "${3:-}" '[{
      labels: { alertname: $name, severity: "critical", client: "acme", environment: "production" },
      annotations: { summary: ($name + " is what this alert is about") },
      generatorURL: "https://prometheus.example/graph"
    } + (if $ends == "" then {} else { startsAt: "2026-01-01T00:00:00Z", endsAt: $ends } end)]' |
    fetch --header 'content-type: application/json' --data-binary @- "$1/api/v2/alerts"
}

# How many hooks of the source `prometheus` had this outcome.
hooks() {
  fetch "$operators/metrics" |
    awk -v outcome="outcome=\"$1\"" '/^warroom_hooks_total/ && index($0, outcome) { n = $2 } END { print n + 0 }'
}
hooks_reached() { [ "$(hooks "$1")" -ge "$2" ]; }

state() { fetch "$sandbox/sandbox/state" | jq --exit-status "$1"; }
# Everything that the bridge ever wrote into the group, oldest first.
texts='[.groups[].messages[] | select(.kind == "text") | .text]'
expect() { state "$2" >/dev/null || { fetch "$sandbox/sandbox/state" | jq "$texts" >&2; fail "$1"; }; }

start_alertmanager right "$folder/token"
right=http://$(address_in "$folder/right.log" 'address=')
post "$right" CheckoutDown
eventually "one group exists" state '.groups | length == 1'
eventually "its first message is the welcome" state "$texts"' | .[0] | contains("INCIDENT-1")'
eventually "the people of the roster are in it" state '.groups[0].members | length == 5'
eventually "the room is told who is here" state "$texts"' | .[1] | contains("INCIDENT-1 · who is here")'

# With everything said that a new room says, what comes now could only come from a repeat.
repeats=$(hooks repeated)
eventually "Alertmanager has repeated itself three times more" hooks_reached repeated $((repeats + 3))
expect "a repeat made a group" '(.groups | length == 1) and (.creations | length == 1)'
expect "a repeat made a message" "$texts | length == 2"
say "no repeat made a group or a message"

post "$right" CheckoutDown 2026-01-02T00:00:00Z
eventually "the room is told that it is over" state "$texts"' | any(contains("INCIDENT-1 · update 1"))'
expect "the end is said once, after all else" "$texts"' | length == 3 and (.[2] | contains("nothing fires any more"))'

start_alertmanager wrong "$folder/wrong-token"
wrong=http://$(address_in "$folder/wrong.log" 'address=')
accepted=$(hooks accepted)
post "$wrong" PaymentsDown
eventually "a wrong token is turned away" hooks_reached wrong 1
expect "a wrong token opened a room" '(.groups | length == 1) and (.creations | length == 1)'
[ "$(hooks accepted)" -eq "$accepted" ] || fail "a hook with a wrong token was accepted"
[ "$(fetch "$operators/api/incidents" | jq '[.. | .id? // empty | strings | select(startswith("INCIDENT-"))] | unique | length')" -eq 1 ] ||
  fail "there is not exactly one incident"
say "it opened nothing"

kill -TERM "$bridge_pid"
wait "$bridge_pid" || fail "the bridge did not end well: exit code $?"
say "the bridge ends well when told to stop"
for secret in "$token" not-the-token-of-this-bridge "$(setting access_token)"; do
  ! grep --quiet --fixed-strings -- "$secret" "$folder/bridge.log" || fail "a secret is in the log"
done
! grep --quiet --extended-regexp '\+?15550100[0-9]{3}' "$folder/bridge.log" || fail "a phone number is in the log"
say "neither a secret nor a phone number is in its log"
echo "e2e: done in $SECONDS s"
