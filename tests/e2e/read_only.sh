#!/usr/bin/env bash
# Forty Sev-1 alerts at once for a bridge in a read-only root whose only writable place is the store's folder: all
# are answered 200, every one has its room or its people were told, and the store never fails.
#
#   tests/e2e/read_only.sh [PATH-OF-WARROOM]
#
# Needs bwrap, curl and jq. Everything listens on loopback, on ports the system picks.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
# shellcheck source=tests/e2e/image.sh
source "$here/image.sh"
alerts=40

start_sandbox
token=$(secret)
cp "$here/../../config/roster.yaml" "$folder/etc/roster.yaml"
cat >"$folder/etc/warroom.yaml" <<YAML
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
store: sqlite:/data/warroom.db
roster: roster.yaml
gateway:
  kind: wawp
  base_url: $sandbox
  messages_per_minute: 600
  instances: [ { id: $(setting id), access_token: $(setting access_token), rooms_per_hour: 60, rooms_burst: 60, rooms_gap: 0s } ]
log: { format: json }
sources:
  prometheus: { kind: alertmanager, verify: { bearer: { env: ALERTMANAGER_TOKEN } } }
YAML
settings=(--setenv ALERTMANAGER_TOKEN "$token")
serve_in_image

# Five kilobytes each, as Alertmanager sends them.
for n in $(seq "$alerts"); do
  jq --null-input --arg n "$n" --arg words "$(head -c 4000 /dev/zero | tr '\0' 'x')" --arg now "$(date -u +%FT%TZ)" '
    { alertname: "Down\($n)", severity: "critical", client: "acme" } as $labels
    | { version: "4", groupKey: "{}:{alertname=\"Down\($n)\"}", truncatedAlerts: 0, status: "firing", receiver: "warroom",
        groupLabels: { alertname: $labels.alertname }, commonLabels: $labels, commonAnnotations: {},
        externalURL: "https://alertmanager.example",
        alerts: [ { status: "firing", labels: $labels, annotations: { summary: "number \($n) is down", description: $words },
                    startsAt: $now, endsAt: "0001-01-01T00:00:00Z", generatorURL: "https://prometheus.example/graph",
                    fingerprint: $n } ] }' >"$folder/alert-$n.json"
done
seq "$alerts" | xargs -P "$alerts" -I NUMBER curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}\n' \
  --header "Authorization: Bearer $token" --header 'Content-Type: application/json' \
  --data-binary @"$folder/alert-NUMBER.json" "http://$bridge/hooks/prometheus" | sort | uniq -c >"$folder/answers.txt" || true
[ "$(tr -s ' ' <"$folder/answers.txt")" = " $alerts 200" ] || fail "the answers were: $(cat "$folder/answers.txt")"
say "$alerts alerts at once are answered 200"

incidents() { fetch "http://$operators/api/incidents?limit=1000" | jq "$@"; }
# A room of its own, a place in another one's, or everybody written to 1:1.
everybody_has_a_word() {
  incidents --exit-status --argjson alerts "$alerts" '.incidents | length == $alerts and all(.[].room;
    .briefed_at != null or .guest_of != null or (.seats | length > 0 and all(.[]; .told_alone)))'
}
eventually "every incident has its room, or its people were told" everybody_has_a_word
incidents --raw-output '.incidents | map(.room | if .guest_of then "in the group of another" elif .briefed_at then "with a group"
  else "told 1:1" end) | group_by(.)[] | "    \(length) \(.[0])"'
grep --quiet '^warroom_store_failures_total 0$' <<<"$(fetch "http://$operators/metrics")" || fail "the store failed"
! grep --quiet '"level":"ERROR"' "$folder/bridge.log" || fail "there are errors in the log"
say "the store never failed"
stop_image
[ "$(find "$folder/data" -type f ! -name 'warroom.db*' | wc -l)" = 0 ] || fail "there is something else in /data"
say "it ends well"
echo "e2e: done in $SECONDS s"
