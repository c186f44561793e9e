#!/usr/bin/env bash
# A rule of a real Prometheus fires, is repeated and ends: once by way of a real Alertmanager, once with the
# bridge listed as the Alertmanager. Each is one room, in which each thing is said once.
#
#   tests/e2e/prometheus.sh [PATH-OF-WARROOM]
#
# Needs prometheus, prometheus-alertmanager, curl and jq.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
need prometheus prometheus-alertmanager

token=$(secret)
printf '%s\n' "$token" >"$folder/token"
start_bridge "  through-alertmanager: { kind: alertmanager, verify: { bearer: { file: token } } }
  alone: { kind: prometheus, verify: { bearer: { file: token } } }"

cat >"$folder/alertmanager.yaml" <<YAML
route: { receiver: warroom, group_by: [ alertname, client ], group_wait: 0s, group_interval: 1s, repeat_interval: 1s }
receivers:
  - name: warroom
    webhook_configs:
      - url: http://$bridge/hooks/through-alertmanager
        http_config: { authorization: { credentials_file: $folder/token } }
YAML
prometheus-alertmanager --config.file="$folder/alertmanager.yaml" --storage.path="$folder/alertmanager" \
  --web.listen-address=127.0.0.1:0 --cluster.listen-address= >"$folder/alertmanager.log" 2>&1 &
pids+=($!)
eventually "Alertmanager listens" address_in "$folder/alertmanager.log" 'address='
alertmanager=$(address_in "$folder/alertmanager.log" 'address=')

# target ADDRESS: what both watch, under the same name wherever it is.
target() {
  jq -n --arg at "$1" '[{ targets: [$at], labels: { instance: "shop" } }]' >"$folder/shop.new"
  mv "$folder/shop.new" "$folder/shop.json"
}
# Nothing listens on this port.
target 127.0.0.1:9

# start_prometheus NAME ALERTMANAGERS
start_prometheus() {
  cat >"$folder/$1.rules.yaml" <<YAML
groups:
  - name: shop
    rules:
      - alert: $1
        expr: up{job="shop"} == 0
        labels: { severity: critical, client: acme, environment: production }
        annotations: { summary: "The shop is closed, says $1" }
YAML
  cat >"$folder/$1.yaml" <<YAML
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ $1.rules.yaml ]
alerting:
  alertmanagers:
    - $2
scrape_configs:
  - job_name: shop
    file_sd_configs: [ { files: [ shop.json ], refresh_interval: 1s } ]
YAML
  promtool check config "$folder/$1.yaml" >"$folder/$1.check.log" || fail "promtool refuses the config"
  prometheus --config.file="$folder/$1.yaml" --storage.tsdb.path="$folder/$1" \
    --web.listen-address=127.0.0.1:0 --rules.alert.resend-delay=1s >"$folder/$1.log" 2>&1 &
  pids+=($!)
}
start_prometheus ByAlertmanager "{ static_configs: [ { targets: [ '$alertmanager' ] } ] }"
start_prometheus Alone \
  "{ path_prefix: /hooks/alone, authorization: { credentials_file: token }, static_configs: [ { targets: [ '$bridge' ] } ] }"

for name in ByAlertmanager Alone; do
  eventually "$name: a group is made" state "[.groups[] | select(.subject | contains(\"$name\"))] | length == 1"
  eventually "$name: it is told who is here" state "$(texts_of $name) | any(contains(\"who is here\"))"
done

# With everything said that a new room says, what comes now could only come from a repeat.
eventually "Alertmanager has repeated itself" hooks_reached through-alertmanager repeated 3
eventually "Prometheus alone has repeated itself" hooks_reached alone repeated 3
expect "a repeat made a group" '(.groups | length == 2) and (.creations | length == 2)'
for name in ByAlertmanager Alone; do expect "$name: a repeat made a message" "$(texts_of $name) | length == 2"; done
say "no repeat made a group or a message"

# The shop opens: the bridge's own metrics stand for it.
target "$operators"
for name in ByAlertmanager Alone; do
  eventually "$name: the room is told that it is over" state "$(texts_of $name) | any(contains(\"alerts cleared\"))"
  expect "$name: the end is not said once" "$(texts_of $name) | length == 3"
done
# Prometheus says for a quarter of an hour that it is over.
repeats=$(hooks alone repeated)
eventually "Prometheus alone has repeated the end" hooks_reached alone repeated $((repeats + 2))
expect "a repeated end said something" "$(texts_of Alone) | length == 3"
[ "$(hooks alone accepted)" -eq 2 ] || fail "there was more than a beginning and an end"

stop_bridge "$token"
echo "e2e: done in $SECONDS s"
