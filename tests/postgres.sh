#!/usr/bin/env bash
# The stories on PostgreSQL: Debian's, started on a folder of its own and ended afterwards.
#
#   tests/postgres.sh          what fits into about five minutes of two cores
#   tests/postgres.sh all      every test of the suite, and a larger part of the ladder
#
# The same suite as on SQLite, chosen by WARROOM_TEST_STORE; then replicas that are killed, stopped and cut off, on a
# PostgreSQL that is restarted under them.
set -euo pipefail
cd "$(dirname "$0")/.."
export INSTA_UPDATE=no CARGO_TERM_COLOR=never RUST_BACKTRACE=0

programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$programs" ]; then
  echo "there is no PostgreSQL: install Debian's package postgresql" >&2
  exit 1
fi
folder=$(mktemp -d)
# It refuses to be root.
as=()
if [ "$(id -u)" -eq 0 ]; then
  chown nobody "$folder"
  as=(setpriv --reuid=nobody --regid=nogroup --clear-groups --)
fi
server() { (cd "$folder" && "${as[@]}" "$programs/pg_ctl" -D "$folder/data" -w "$@" >/dev/null); }
stop() {
  server -m immediate stop || true
  rm -rf "$folder"
}
trap stop EXIT
(cd "$folder" && "${as[@]}" "$programs/initdb" -D data -U warroom -A trust -E UTF8 --no-locale -N >/dev/null)
# Nobody here outlives a power cut, so nothing waits for the disk.
options="-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c full_page_writes=off"
options+=" -c max_connections=400"
server -l "$folder/log" -o "$options" start
export WARROOM_TEST_STORE="postgres://warroom@${folder//\//%2F}/postgres"

part() { printf '\n--- %s\n' "$1"; }

part "versions side by side"
cargo test --locked --lib -- store::postgres

if [ "${1:-}" = all ]; then
  part "the suite"
  cargo test --locked --test it -- --skip process:: --skip configuring:: --skip sources:: --skip gateway_contract::
  pairs=199 faults=397 workers=83 stories=40
elif [ $# -eq 0 ]; then
  part "the store's part of the suite"
  cargo test --locked --test it -- \
    replicas:: migrating:: one_room:: budget:: follow_ups:: unreadable:: receiving::replays receiving::answers \
    crash::each events:: commits::
  pairs=1999 faults=1999 workers=401 stories=6
else
  sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
  exit 2
fi

part "the ladder, sampled"
WARROOM_PAIRS=$pairs WARROOM_FAULTS=$faults WARROOM_WORKERS=$workers WARROOM_STORIES=$stories tests/ladder.sh

part "replicas"
cargo test --locked --test it -- --ignored process::replicas --nocapture --test-threads 1
