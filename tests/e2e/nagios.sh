#!/usr/bin/env bash
# A real Nagios in front of a real bridge, with the notification command that docs/ tells to paste: a
# failing service opens one room however often Nagios repeats itself, an acknowledgement and the end are
# understood, and output that would break what is not quoted does no harm.
#
#   tests/e2e/nagios.sh [PATH-OF-WARROOM]
#
# Needs nagios4 (Debian's nagios4-core; another place can be named by $NAGIOS), curl and jq. Everything
# listens on loopback, on ports the system picks.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
nagios=$(command -v "${NAGIOS:-nagios4}") || fail "nagios4 is not installed"
root=$here/../..

token=$(secret)
printf '%s\n' "$token" >"$folder/token"
start_bridge "  nagios: { kind: nagios, verify: { bearer: { file: token } } }"
bridge=http://$bridge

# The page's command, with this bridge's address and this folder's file of the token.
printf 'Authorization: Bearer %s\n' "$token" >"$folder/header"
awk '/^#!\/bin\/sh/ { inside = 1 } /^```/ { inside = 0 } inside' "$root/docs/sources/nagios.md" |
  sed -e "s|https://warroom.example|$bridge|" -e "s|/etc/warroom/header|$folder/header|" >"$folder/notify-warroom"
grep --quiet "$bridge/hooks/nagios" "$folder/notify-warroom" || fail "the page has no notify-warroom"
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

texts='[.groups[].messages[] | select(.kind == "text") | .text]'
expect() { state "$2" >/dev/null || { fetch "$sandbox/sandbox/state" | jq "$texts" >&2; fail "$1"; }; }

echo 2 >"$folder/state"
eventually "one group exists" state '.groups | length == 1'
eventually "its first message is the welcome" state "$texts"' | .[0] | contains("INCIDENT-1")'
expect "it does not say what broke" "$texts"' | .[0] | contains("disk \"/data\" on db-1 is CRITICAL")'
expect "it does not say whose it is" "$texts"' | .[0] | contains("acme")'
repeats=$(hooks nagios repeated)
eventually "Nagios has repeated itself three times more" hooks_reached nagios repeated $((repeats + 3))
expect "a repeat made a group" '(.groups | length == 1) and (.creations | length == 1)'

printf '[%s] ACKNOWLEDGE_SVC_PROBLEM;db-1;disk "/data";2;1;0;mei;freeing space\n' "$(date +%s)" >"$folder/rw/nagios.cmd"
eventually "the room is told that somebody is on it" state "$texts"' | any(contains("Acknowledged"))'

echo 0 >"$folder/state"
# The room hears of it as well, once updates that follow each other closely may be told again.
is_over() { fetch "http://$operators/api/incidents" | jq --exit-status '[.. | .state? // empty] | index("resolved")'; }
eventually "the incident is over" is_over
expect "another group was made" '(.groups | length == 1) and (.creations | length == 1)'
[ ! -e "$folder/harmed" ] || fail "what the plug-in printed was run by a shell"
say "what the plug-in printed did no harm"
stop_bridge "$token"
echo "e2e: done in $SECONDS s"
