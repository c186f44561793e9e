#!/usr/bin/env bash
# What README.md and the pages of docs/ tell people to paste is right: their configs are taken together and served
# against the simulator, their signed requests are sent as they stand there, their Alertmanager config is asked of
# amtool, the alarms are given what they are to fire on, and their container config is served as the container
# recipes say.
#
#   tests/e2e/readme.sh [PATH-OF-WARROOM]
#
# Needs amtool, promtool, bwrap, curl, jq and openssl. Everything listens on loopback, on ports the system picks.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
need amtool promtool openssl
root=$(realpath "$here/../..")

# README.md and every page of docs/, one after another in the order of their names.
pages=$folder/pages.md
find "$root/README.md" "$root/docs" -name '*.md' -print0 | LC_ALL=C sort --zero-terminated | xargs --null cat >"$pages"

# The fenced blocks of the pages that hold the text $1, without their fences.
blocks() {
  awk -v wanted="$1" '
    /^```/ { if (inside) { if (index(block, wanted)) { printf "%s", block; n++ } inside = 0 }
             else { inside = 1; block = "" } next }
    inside { block = block $0 "\n" }
    END { exit n ? 0 : 1 }' "$pages" || fail "no page has a block with: $1"
}

start_sandbox
# The first config and roster, as they are written, but for the simulator's address.
"$warroom" init "$folder/first" >"$folder/init.log" || fail "no first config is written"
sed -i "s|base_url: [^ ]*|base_url: $sandbox|" "$folder/first/warroom.yaml"
WAWP_INSTANCE_ID=$(setting id) WAWP_ACCESS_TOKEN=$(setting access_token) ALERTMANAGER_TOKEN=$(secret) \
  "$warroom" check --config "$folder/first/warroom.yaml" >"$folder/first.log" || fail "the first config has problems"
grep --quiet warning "$folder/first.log" && fail "the first config has warnings: $(cat "$folder/first.log")"
say "the first config and roster are taken"
export ALERTMANAGER_TOKEN GRAFANA_SECRET PAGERDUTY_SECRET WEBHOOK_SECRET SVIX_SECRET UPTIME_TOKEN
ALERTMANAGER_TOKEN=$(secret) GRAFANA_SECRET=$(secret) PAGERDUTY_SECRET=$(secret) WEBHOOK_SECRET=$(secret)
export WAWP_EVENTS_SECRET WAWP_INSTANCE_ID WAWP_ACCESS_TOKEN
WAWP_EVENTS_SECRET=$(secret) WAWP_INSTANCE_ID=$(setting id) WAWP_ACCESS_TOKEN=$(setting access_token)
SVIX_SECRET=whsec_$(openssl rand -base64 32) UPTIME_TOKEN=$(secret)
export INCIDENT_IO_SECRET
INCIDENT_IO_SECRET=whsec_$(openssl rand -base64 32)
for name in $(blocks '# warroom.yaml' | grep -o 'env: [A-Z0-9_]*' | cut -d ' ' -f 2 | sort -u); do
  [ -n "${!name:-}" ] || export "$name=$(secret)"
done

cat >"$folder/warroom.yaml" <<YAML
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
store: sqlite:warroom.db
gateway:
  kind: wawp
  base_url: $sandbox
$(blocks 'WAWP_EVENTS_SECRET } }' | grep -v '^gateway:')
log: { format: json }
$(blocks 'messages:' | awk '/^messages:/ && seen++ { next } { print }')
sources:
$(blocks '# warroom.yaml' | grep -v -e '^# warroom.yaml' -e '^sources:')
YAML
# A source of Amazon SNS that believes a certificate made as its page says.
(cd "$folder" && bash -euo pipefail -c "$(grep --after-context=1 'openssl req -x509' "$pages")" 2>openssl.log)
sed -i 's|^\( *\)topics: .*|&\n\1certificates: [ { file: sns.pem } ]|' "$folder/warroom.yaml"
serve
BRIDGE=http://$bridge
export BRIDGE
say "$(grep -c '^    verify:' <<<"$("$warroom" check --effective --config "$folder/warroom.yaml")") sources and a text of the pages are taken by check"
blocks 'admin_token: {' >"$folder/container.txt"
sed -e "/^server:/d" -e "/^store:/d" "$folder/warroom.yaml" | cat "$folder/container.txt" - >"$folder/container.yaml"
"$warroom" check --effective --config "$folder/container.yaml" >>"$folder/check.log" || fail "the container's config has problems"
grep --quiet '/data/warroom.db' "$folder/check.log" || fail "the container's store is not where it should be"
say "the container's config too"

blocks 'v2/session/webhook' | sed -e "s|https://api.wawp.net|$sandbox|" -e "s|https://warroom.example|$BRIDGE|" |
  bash -euo pipefail -s >"$folder/webhook.json" || fail "the provider does not take the webhook"
jq --exit-status '.webhooks[0].events | length > 5' "$folder/webhook.json" >/dev/null || fail "the webhook is not set"
say "the provider knows where to tell what happens"

opened() { jq --exit-status '.incidents[0].outcome == "opened" and .incidents[0].severity == "sev1"' >/dev/null; }
bash -euo pipefail -c "$(blocks '$BRIDGE/hooks/webhook')" | opened || fail "the curl with a body signature opened nothing"
say "the curl with a body signature opens an incident"
bash -euo pipefail -c "$(blocks 'webhook-signature:')" | opened || fail "the curl with Standard Webhooks opened nothing"
say "the curl with Standard Webhooks opens an incident"
body=$(grep -o '`{"check":.*}`' "$pages" | tr -d '`')
curl --silent --show-error --fail "$BRIDGE/hooks/uptime" --header "X-Webhook-Token: $UPTIME_TOKEN" --data-binary "$body" |
  opened || fail "the body for the field paths opened nothing"
say "the body for the field paths opens an incident"
for source in prometheus grafana pagerduty; do
  answer=$("$warroom" send "$source" --config "$folder/warroom.yaml" --to "$BRIDGE/hooks/$source")
  printf %s "${answer#200 }" | opened || fail "the sample of $source opened nothing: $answer"
  say "the sample of $source opens an incident"
done

blocks '# alertmanager.yml' >"$folder/alertmanager.yml"
amtool check-config "$folder/alertmanager.yml" >"$folder/amtool.log" || fail "amtool refuses the pages' config"
say "amtool takes the Alertmanager config"

blocks '# prometheus.yml' | sed "s|/etc/prometheus/warroom-token|$folder/token|" >"$folder/prometheus.yml"
printf %s "$PROMETHEUS_TOKEN" >"$folder/token"
promtool check config "$folder/prometheus.yml" >"$folder/promtool.log" || fail "promtool refuses the pages' config"
say "promtool takes the Prometheus config"

wrong='warroom_hooks_total{source="prometheus",outcome="wrong"}'
counts() { grep --quiet --fixed-strings --line-regexp "$1" <<<"$(fetch "http://$operators/metrics")"; }
counts "$wrong 0" || fail "wrong tokens are not counted from 0"
curl --silent --output /dev/null --header "Authorization: Bearer guessed" --data '{}' "$BRIDGE/hooks/prometheus"
counts "$wrong 1" || fail "a wrong token is not counted"
promtool test rules "$root/config/prometheus/warroom.rules.test.yaml" >"$folder/rules.log" 2>&1 || fail "the alarms do not fire: $(cat "$folder/rules.log")"
say "a wrong token is counted, and the alarms fire when they should"

fetch_metrics() { fetch "http://$operators/metrics"; }
six_are_live() { fetch_metrics | grep --quiet '^warroom_room_moves_total{phase="live"} 6$'; }
eventually "all six have their room" six_are_live
is_told() { fetch_metrics | grep --quiet '^warroom_notices_total{instance="main",notice="we_joined"} [1-9]'; }
eventually "the provider tells of the groups" is_told
metrics=$(fetch_metrics)
documented=$(grep -o '^| `warroom_[a-z_]*' "$pages" | tr -d '|` ')
for metric in $documented; do
  grep --quiet "^# TYPE ${metric%_total} \|^$metric" <<<"$metrics" ||
    [[ $metric =~ ^warroom_(alerts_unmapped|hooks_read_leniently|roster_reloads)_total$ ]] || fail "no metric $metric, which the pages explain"
done
# A metric of which nothing was counted is not shown, so unmapped ones are counted here.
for metric in $(awk '/^# TYPE/ { print $3 }' <<<"$metrics"); do
  grep --quiet "^$metric\(_total\)\?$" <<<"$documented" || fail "the pages do not explain $metric"
done
say "the pages explain all metrics and no others"
# After the rest, because these are more incidents than a number may make rooms for in an hour.
for source in datadog sentry opsgenie newrelic azure gcp zabbix uptime-kuma better-stack kibana dynatrace on-call \
  splunk nagios checkly pingdom statuscake site24x7 honeycomb incident-io rootly firehydrant goalert; do
  answer=$("$warroom" send "$source" --config "$folder/warroom.yaml" --to "$BRIDGE/hooks/$source")
  printf %s "${answer#200 }" | opened || fail "the sample of $source opened nothing: $answer"
  say "the sample of $source opens an incident"
done
answer=$("$warroom" send aws --config "$folder/warroom.yaml" --to "$BRIDGE/hooks/aws" --signing-key "$folder/sns-key.pem")
printf %s "${answer#200 }" | opened || fail "the signed sample of Amazon SNS opened nothing: $answer"
say "the signed sample of Amazon SNS opens an incident"
# The command that Nagios and Icinga 2 run, with output that would break what is not quoted.
echo "Authorization: Bearer $NAGIOS_TOKEN" >"$folder/header"
blocks '/usr/local/bin/notify-warroom
exec' | sed -e "s|https://warroom.example|$BRIDGE|" -e "s|/etc/warroom/header|$folder/header|" \
  -e "s|/dev/null|$folder/notified.json|" >"$folder/notify-warroom"
for state in CRITICAL OK; do
  kind=PROBLEM
  [ "$state" = OK ] && kind=RECOVERY
  NAGIOS_NOTIFICATIONTYPE=$kind NAGIOS_HOSTNAME=db-1 NAGIOS_SERVICEDESC='disk "/"' NAGIOS_SERVICESTATE=$state \
    NAGIOS_SERVICEOUTPUT='"; $(touch /tmp/x) `id` & a=b % @file \ é' NAGIOS_LASTSERVICESTATECHANGE=$(date +%s) \
    sh "$folder/notify-warroom"
  jq --raw-output '.incidents[0].outcome' "$folder/notified.json" >>"$folder/notified.txt"
done
[ "$(tr '\n' ' ' <"$folder/notified.txt")" = "opened resolved " ] || fail "Nagios' command: $(cat "$folder/notified.txt")"
say "the command of Nagios and Icinga 2 opens an incident and ends it"
stop_bridge "$ALERTMANAGER_TOKEN" "$PAGERDUTY_SECRET" "$WEBHOOK_SECRET" "$UPTIME_TOKEN" "$WAWP_EVENTS_SECRET"

# The container recipes: the config with the values that must differ, in the image's root, asked by its own probes.
# shellcheck source=tests/e2e/image.sh
source "$here/image.sh"
grep --quiet -e '--read-only' <<<"$(blocks 'docker run')" || fail "the pages' container is not read-only"
blocks 'kind: Deployment' >"$folder/deployment.yaml"
grep --quiet 'readOnlyRootFilesystem: true' "$folder/deployment.yaml" || fail "the pages' pod is not read-only"
export WARROOM_ADMIN_TOKEN
WARROOM_ADMIN_TOKEN=$(secret)
# The ports are the system's to pick here.
sed -e 's/^server:/&\n  listen: 127.0.0.1:0/' -e 's/0\.0\.0\.0:9090/127.0.0.1:0/' "$folder/container.yaml" >"$folder/etc/warroom.yaml"
cp "$folder"/*.pem "$folder/roster.yaml" "$folder/etc"
for name in $(grep -o 'env: [A-Z0-9_]*' "$folder/etc/warroom.yaml" | cut -d ' ' -f 2 | sort -u); do
  settings+=(--setenv "$name" "${!name}")
done
serve_in_image
for path in $(grep -o 'path: /[a-z]*' "$folder/deployment.yaml" | cut -d ' ' -f 2); do
  fetch "http://$bridge$path" >/dev/null || fail "the probe of $path is not answered"
done
image /warroom healthcheck --url "http://$bridge/readyz" >/dev/null || fail "the image's own health check fails"
[ "$(curl --silent --output /dev/null --write-out '%{http_code}' "http://$operators/")" = 401 ] || fail "the console asks for no token"
answer=$("$warroom" send prometheus --config "$folder/warroom.yaml" --to "http://$bridge/hooks/prometheus")
printf %s "${answer#200 }" | opened || fail "the container opened nothing: $answer"
in_image_is_live() {
  fetch --header "Authorization: Bearer $WARROOM_ADMIN_TOKEN" "http://$operators/api/incidents" |
    jq --exit-status '.incidents[0].room.briefed_at != null or .incidents[0].room.guest_of != null or (.incidents[0].room.seats | all(.[]; .told_alone))'
}
eventually "the container's incident has its room, or its people were told" in_image_is_live
[ -s "$folder/data/warroom.db" ] || fail "the container's store is not on its volume"
stop_image
say "the container's config serves in a read-only root, its probes are answered, and it ends well"
echo "e2e: done in $SECONDS s"
