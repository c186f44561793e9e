#!/usr/bin/env bash
# A real Prometheus Alertmanager in front of a real bridge: one alert, its repeats and its end are one room,
# in which each thing is said once; an Alertmanager with a wrong token opens none.
#
#   tests/e2e/alertmanager.sh [PATH-OF-WARROOM]
#
# Needs prometheus-alertmanager, curl and jq. Everything listens on loopback, on ports the system picks.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
need prometheus-alertmanager

token=$(secret)
printf '%s\n' "$token" >"$folder/token"
printf 'not-the-token-of-this-bridge\n' >"$folder/wrong-token"

start_bridge "  prometheus: { kind: alertmanager, verify: { bearer: { file: token } } }"

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
      - url: http://$bridge/hooks/prometheus
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
    } + (if $ends == "" then {} else { endsAt: $ends } end)]' |
    fetch --header 'content-type: application/json' --data-binary @- "$1/api/v2/alerts"
}

# Everything that the bridge ever wrote into the group, oldest first.
texts='[.groups[].messages[] | select(.kind == "text") | .text]'

start_alertmanager right "$folder/token"
right=http://$(address_in "$folder/right.log" 'address=')
post "$right" CheckoutDown
eventually "one group exists" state '.groups | length == 1'
eventually "its first message is the welcome" state "$texts"' | .[0] | contains("INCIDENT-1")'
eventually "the people of the roster are in it" state '.groups[0].members | length == 5'
eventually "the room is told who is here" state "$texts"' | .[1] | contains("INCIDENT-1 · who is here")'

# With everything said that a new room says, what comes now could only come from a repeat.
repeats=$(hooks prometheus repeated)
eventually "Alertmanager has repeated itself three times more" hooks_reached prometheus repeated $((repeats + 3))
expect "a repeat made a group" '(.groups | length == 1) and (.creations | length == 1)'
expect "a repeat made a message" "$texts | length == 2"
say "no repeat made a group or a message"

post "$right" CheckoutDown "$(date -u +%FT%TZ)"
eventually "the room is told that it is over" state "$texts"' | any(contains("INCIDENT-1 · update 1"))'
expect "the end is said once, after all else" "$texts"' | length == 3 and (.[2] | contains("alerts cleared"))'

start_alertmanager wrong "$folder/wrong-token"
wrong=http://$(address_in "$folder/wrong.log" 'address=')
accepted=$(hooks prometheus accepted)
post "$wrong" PaymentsDown
eventually "a wrong token is turned away" hooks_reached prometheus wrong 1
expect "a wrong token opened a room" '(.groups | length == 1) and (.creations | length == 1)'
[ "$(hooks prometheus accepted)" -eq "$accepted" ] || fail "a hook with a wrong token was accepted"
[ "$(fetch "http://$operators/api/incidents" | jq '[.. | .id? // empty | strings | select(startswith("INCIDENT-"))] | unique | length')" -eq 1 ] ||
  fail "there is not exactly one incident"
say "it opened nothing"

stop_bridge "$token" not-the-token-of-this-bridge
echo "e2e: done in $SECONDS s"
