#!/usr/bin/env bash
# A real Nagios in front of a real bridge, with the notification command that the README tells to paste: a
# failing service opens one room however often Nagios repeats itself, an acknowledgement and the end are
# understood, and output that would break what is not quoted does no harm.
#
#   tests/e2e/nagios.sh [PATH-OF-WARROOM]
#
# Needs nagios4 (Debian's nagios4-core; another place can be named by $NAGIOS), curl and jq. Everything
# listens on loopback, on ports the system picks.
set -euo pipefail

warroom=$(realpath "${1:-target/debug/warroom}")
root=$(realpath "$(dirname "$0")/../..")
nagios=$(command -v "${NAGIOS:-nagios4}") || { echo "e2e: nagios4 is not installed" >&2; exit 1; }
for program in curl jq; do
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
address_in() { grep -o "$2[^0-9]*127\.0\.0\.1:[0-9]\+" "$1" | grep -o '127\.0\.0\.1:[0-9]\+' | head -n 1; }

token=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$token" >"$folder/token"

"$warroom" sandbox --listen 127.0.0.1:0 >"$folder/sandbox.out" 2>"$folder/sandbox.log" &
pids+=($!)
eventually "the sandbox listens" address_in "$folder/sandbox.out" base_url
sandbox=http://$(address_in "$folder/sandbox.out" base_url)
setting() { awk -v key="$1" '$1 == key { print $2 }' "$folder/sandbox.out"; }

cp "$root/config/roster.yaml" "$folder/roster.yaml"
cat >"$folder/warroom.yaml" <<YAML
server: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
store: sqlite:warroom.db
roster: roster.yaml
gateway:
  kind: wawp
  base_url: $sandbox
  instances: [ { id: $(setting id), access_token: $(setting access_token) } ]
sources:
  nagios:
    kind: nagios
    verify: { bearer: { file: token } }
log: { format: json }
YAML
"$warroom" serve --config "$folder/warroom.yaml" 2>"$folder/bridge.log" &
pids+=($!)
eventually "the bridge listens" address_in "$folder/bridge.log" server.listen
bridge=http://$(address_in "$folder/bridge.log" server.listen)
operators=http://$(address_in "$folder/bridge.log" server.admin)
eventually "the bridge is ready" fetch "$bridge/readyz"

# The README's command, with this bridge's address and this folder's file of the token.
printf 'Authorization: Bearer %s\n' "$token" >"$folder/header"
awk '/^#!\/bin\/sh/ { inside = 1 } /^```/ { inside = 0 } inside' "$root/README.md" |
  sed -e "s|https://warroom.example|$bridge|" -e "s|/etc/warroom/header|$folder/header|" >"$folder/notify-warroom"
grep --quiet "$bridge/hooks/nagios" "$folder/notify-warroom" || fail "the README has no notify-warroom"
chmod +x "$folder/notify-warroom"

# A plug-in that says what it is told, and prints what no shell should ever see unquoted.
cat >"$folder/check" <<'SH'
#!/bin/sh
folder=$(dirname "$0")
printf '%s\n' "\"; \$(touch $folder/harmed) \`touch $folder/harmed\` & <b> 100% \\ | load=9"
exit "$(cat "$folder/state")"
SH
chmod +x "$folder/check"
echo 0 >"$folder/state"
mkdir "$folder/results" "$folder/rw"
cat >"$folder/objects.cfg" <<CFG
define timeperiod {
  timeperiod_name  always
  alias            always
  sunday           00:00-24:00
  monday           00:00-24:00
  tuesday          00:00-24:00
  wednesday        00:00-24:00
  thursday         00:00-24:00
  friday           00:00-24:00
  saturday         00:00-24:00
}
define command {
  command_name  notify-warroom
  command_line  $folder/notify-warroom
}
define command {
  command_name  check
  command_line  $folder/check
}
define contact {
  contact_name                   warroom
  host_notification_period       always
  service_notification_period    always
  host_notification_options      d,u,r
  service_notification_options   w,u,c,r
  host_notification_commands     notify-warroom
  service_notification_commands  notify-warroom
}
define host {
  host_name           db-1
  address             192.0.2.11
  contacts            warroom
  max_check_attempts  1
  check_period        always
  _CLIENT             acme
}
define service {
  host_name              db-1
  service_description    disk "/data"
  contacts               warroom
  check_command          check
  check_period           always
  notification_period    always
  max_check_attempts     1
  check_interval         1
  retry_interval         1
  notification_interval  1
}
CFG
cat >"$folder/nagios.cfg" <<CFG
log_file=$folder/nagios.log
cfg_file=$folder/objects.cfg
object_cache_file=$folder/objects.cache
precached_object_file=$folder/objects.precache
status_file=$folder/status.dat
temp_file=$folder/nagios.tmp
temp_path=$folder
check_result_path=$folder/results
state_retention_file=$folder/retention.dat
lock_file=$folder/nagios.pid
command_file=$folder/rw/nagios.cmd
query_socket=$folder/rw/nagios.qh
nagios_user=$(id -un)
nagios_group=$(id -gn)
check_external_commands=1
enable_notifications=1
execute_service_checks=1
interval_length=1
service_inter_check_delay_method=n
status_update_interval=1
enable_environment_macros=1
illegal_macro_output_chars=~
CFG
"$nagios" "$folder/nagios.cfg" >"$folder/nagios.out.log" 2>&1 &
nagios_pid=$!
pids+=("$nagios_pid")
# Settings of a size that only a bigger installation needs may be warned about; errors end it.
eventually "Nagios runs" test -p "$folder/rw/nagios.cmd"

hooks() {
  fetch "$operators/metrics" |
    awk -v outcome="outcome=\"$1\"" '/^warroom_hooks_total/ && index($0, outcome) { n = $2 } END { print n + 0 }'
}
hooks_reached() { [ "$(hooks "$1")" -ge "$2" ]; }
state() { fetch "$sandbox/sandbox/state" | jq --exit-status "$1"; }
texts='[.groups[].messages[] | select(.kind == "text") | .text]'
expect() { state "$2" >/dev/null || { fetch "$sandbox/sandbox/state" | jq "$texts" >&2; fail "$1"; }; }

echo 2 >"$folder/state"
eventually "one group exists" state '.groups | length == 1'
eventually "its first message is the welcome" state "$texts"' | .[0] | contains("INCIDENT-1")'
expect "it does not say what broke" "$texts"' | .[0] | contains("disk \"/data\" on db-1 is CRITICAL")'
expect "it does not say whose it is" "$texts"' | .[0] | contains("acme")'
repeats=$(hooks repeated)
eventually "Nagios has repeated itself three times more" hooks_reached repeated $((repeats + 3))
expect "a repeat made a group" '(.groups | length == 1) and (.creations | length == 1)'

printf '[%s] ACKNOWLEDGE_SVC_PROBLEM;db-1;disk "/data";2;1;0;mei;freeing space\n' "$(date +%s)" >"$folder/rw/nagios.cmd"
eventually "the room is told that somebody is on it" state "$texts"' | any(contains("Acknowledged"))'

echo 0 >"$folder/state"
# The room hears of it as well, once updates that follow each other closely may be told again.
is_over() { fetch "$operators/api/incidents" | jq --exit-status '[.. | .state? // empty] | index("resolved")'; }
eventually "the incident is over" is_over
expect "another group was made" '(.groups | length == 1) and (.creations | length == 1)'
[ ! -e "$folder/harmed" ] || fail "what the plug-in printed was run by a shell"
say "what the plug-in printed did no harm"
! grep --quiet --fixed-strings -- "$token" "$folder/bridge.log" || fail "the token is in the log"
echo "e2e: done in $SECONDS s"
