#!/usr/bin/env bash
# A real Monit, which has no webhook: the script of docs/ signs what Monit runs it with. What breaks opens
# a room, repeats change nothing, what works again ends it, and a script with another secret opens none.
#
#   tests/e2e/monit.sh [PATH-OF-WARROOM]
#
# Needs monit, openssl, curl and jq.
# shellcheck source=tests/e2e/bridge.sh
source "$(dirname "$0")/bridge.sh"
need monit openssl

secret=$(secret)
printf '%s\n' "$secret" >"$folder/monit-secret"
start_bridge "  monit: { kind: generic, verify: { hmac: { file: monit-secret } } }"

# The page's own script, told where this bridge and its secret are.
awk '/^```/ { if (inside && index(block, "MONIT_SERVICE")) printf "%s", block; inside = !inside; block = ""; next }
     inside { block = block $0 "\n" }' "$here/../../docs/sources/generic.md" >"$folder/page.sh"
grep --quiet MONIT_SERVICE "$folder/page.sh" || fail "the page has no script for Monit"
sed -e "s|https://warroom.example|http://$bridge|" -e "s|/etc/monit/warroom-secret|$folder/monit-secret|" \
  "$folder/page.sh" >"$folder/tell"
printf 'another-secret-altogether\n' >"$folder/wrong-secret"
sed "s|$folder/monit-secret|$folder/wrong-secret|" "$folder/tell" >"$folder/lie"
chmod +x "$folder/tell" "$folder/lie"

touch "$folder/open" "$folder/open-too"
cat >"$folder/monitrc" <<MONIT
set daemon 1
set log $folder/monit.log
set pidfile $folder/monit.pid
set idfile $folder/monit.id
set statefile $folder/monit.state
check program shop with path "/usr/bin/test -e $folder/open"
  if status != 0 then exec "$folder/tell" repeat every 1 cycles
  else if succeeded then exec "$folder/tell"
check program bank with path "/usr/bin/test -e $folder/open-too"
  if status != 0 then exec "$folder/lie"
MONIT
chmod 600 "$folder/monitrc"
monit -I -c "$folder/monitrc" >"$folder/monit.out.log" 2>&1 &
pids+=($!)

rm "$folder/open"
eventually "Monit's failed check makes a group" state '.groups | length == 1'
eventually "the room is told who is here" state "$(texts_of shop) | any(contains(\"who is here\"))"
repeats=$(hooks monit repeated)
eventually "Monit has repeated itself" hooks_reached monit repeated $((repeats + 2))
expect "a repeat said something" "$(texts_of shop) | length == 2"

touch "$folder/open"
eventually "the room is told that it is over" state "$(texts_of shop) | any(contains(\"alerts cleared\"))"

rm "$folder/open-too"
eventually "a wrong signature is turned away" hooks_reached monit wrong 1
expect "it opened a room" '(.groups | length == 1) and (.creations | length == 1)'

stop_bridge "$secret" another-secret-altogether
echo "e2e: done in $SECONDS s"
