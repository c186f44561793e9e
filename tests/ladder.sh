#!/usr/bin/env bash
# The ladder: one incident's whole life, again and again, with everything that can go wrong in it, counted.
#
#   tests/ladder.sh        what fits into about six minutes of two cores, with the build that `cargo test` uses
#   tests/ladder.sh all    every single combination, with the optimised build
#
# What is run of each part may be chosen by hand: `all`, or a number n for every n-th case.
#   WARROOM_PAIRS     pairs of crashes, and lists that lag
#   WARROOM_FAULTS    faults together with a crash, and pairs of faults; a hundredth of it, of faults alone
#   WARROOM_WORKERS   two workers over one store
#   WARROOM_STORIES   how many stories are generated
# A number that shares no divisor with the kinds of a thing (5 lags, 8 faults) meets all kinds.
# On SQLite a small part of it is run once more with the other provider's API (WARROOM_TEST_API=waha).
# Prints one table, and fails if anything was violated.
set -euo pipefail
cd "$(dirname "$0")/.."

build=()
if [ "${1:-}" = all ]; then
  build=(--release)
  pairs=all faults=all workers=all stories=5000
elif [ $# -eq 0 ]; then
  pairs=17 faults=41 workers=7 stories=300
else
  sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' >&2
  exit 2
fi
export WARROOM_PAIRS=${WARROOM_PAIRS:-$pairs} WARROOM_FAULTS=${WARROOM_FAULTS:-$faults}
export WARROOM_WORKERS=${WARROOM_WORKERS:-$workers} WARROOM_STORIES=${WARROOM_STORIES:-$stories}
export INSTA_UPDATE=no CARGO_TERM_COLOR=never RUST_BACKTRACE=0

said=$(mktemp)
trap 'rm -f "$said"' EXIT
code=0
sweeps() { cargo test --locked "${build[@]}" --test it -- --ignored --skip process:: --nocapture >>"$said" 2>&1 || code=$?; }
sweeps
[ -n "${WARROOM_TEST_STORE:-}" ] ||
  WARROOM_TEST_API=waha WARROOM_PAIRS=97 WARROOM_FAULTS=211 WARROOM_WORKERS=37 WARROOM_STORIES=40 sweeps

# A sweep ends with: "<what>: <n> runs in <s> s, violations: <n>".
awk '
  match($0, /: [0-9]+ runs in [0-9]+ s, violations: [0-9]+$/) {
    what = substr($0, 1, RSTART - 1)
    split(substr($0, RSTART + 2), word, " ")
    sub(/, ending .*/, "", what); sub(/: two groups .*/, "", what); sub(/, Tally .*/, "", what)
    printf "%8d  %10d  %s\n", word[1], word[7], what
    runs += word[1]; violations += word[7]; sweeps++
    if (match($0, /operations: [0-9]+/)) operations += substr($0, RSTART + 12, RLENGTH - 12)
  }
  BEGIN { printf "%8s  %10s  %s\n", "runs", "violations", "of what" }
  END {
    printf "%8d  %10d  in all; %d simulated operations\n", runs, violations, operations
    if (sweeps == 0) exit 1
  }
' "$said" || code=1

if [ "$code" -ne 0 ]; then
  echo
  grep -v '^test .* ok$' "$said" | tail -n 60
  echo "the ladder does not hold"
  exit 1
fi
