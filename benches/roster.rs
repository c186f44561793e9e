//! How long a large roster takes to load and check: `cargo bench --bench roster`.
//!
//! The promise is a second for 5,000 people and 500 routes, whether there is a mistake in each line or none, and
//! whatever their turns are like.

#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

use std::path::Path;
use std::time::{Duration, Instant};

use warroom::cli::check;
use warroom::config::Colours;

#[path = "roster/large.rs"]
mod large;

use large::Turns;

/// Rounds of which the middle one counts.
const ROUNDS: usize = 9;

const CONFIG: &str = "\
gateway: { instances: [ { id: instance-1, access_token: token-of-instance-one } ] }
sources: { prometheus: { kind: alertmanager, verify: { bearer: bearer-token-0123456789 } } }
";

fn main() -> std::io::Result<()> {
    let cases = [
        ("without a mistake", 0, Turns::Usual),
        ("with 5,000 mistakes", 5_000, Turns::Usual),
        ("with turns of an hour in office hours", 0, Turns::Hourly),
    ];
    for (what, mistakes, turns) in cases {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("warroom.yaml");
        std::fs::write(&config, CONFIG)?;
        std::fs::write(folder.path().join("roster.yaml"), large::roster(mistakes, turns))?;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(round(&config, mistakes > 0)?);
        }
        times.sort_unstable();
        let median = times.get(ROUNDS / 2).copied().unwrap_or_default();
        println!("load and check, {what}: {median:.0?} (median of {ROUNDS} rounds)");
    }
    Ok(())
}

/// One time through all that `warroom check` does.
fn round(config: &Path, is_wrong: bool) -> std::io::Result<Duration> {
    let now = "2026-03-01T10:00:00Z".parse().map_err(std::io::Error::other)?;
    let mut out = Vec::new();
    let began = Instant::now();
    let code = check::run(config, &|_| None, now, check::Form::Text(Colours::No), &mut out)?;
    let took = began.elapsed();
    assert_eq!(code, u8::from(is_wrong), "{}", String::from_utf8_lossy(&out));
    Ok(took)
}
