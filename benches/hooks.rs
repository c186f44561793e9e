//! How fast hooks are taken in, beside what a durable receiver cannot do without and beside receivers that store
//! nothing.
//!
//! ```sh
//! cargo bench --bench hooks
//! WARROOM_ROUNDS=1 WARROOM_SECONDS=1 WARROOM_CASES=new,webhook cargo bench --bench hooks
//! WARROOM_STORE=postgres://user@host/database cargo bench --bench hooks
//! ```
//!
//! On PostgreSQL the baseline stores one row for each request: `hooks/row.rs`.
//!
//! All run in turn in each round, in a fresh process each time, with 1, 32 and 256 connections: a figure of one round
//! depends on what else the machine does, the ratio to the baseline of the same round hardly does. Whoever takes the
//! hooks in has the first core alone; the load and the simulated phones have the second.
//!
//! | case | the bodies: 1.4 kB of Alertmanager with one alert, signed by HMAC-SHA256 |
//! |---|---|
//! | baseline | as of `repeat`; what it does with each: `hooks/baseline.rs` |
//! | new | a new Sev-1 incident in each, with its room: over 20 sources and 20 routes, so that they are no outbreak |
//! | repeat | a hundred incidents in turn, of which nothing changes but an annotation that nobody reads |
//! | replay | a hundred incidents in turn, the same bytes each time |
//! | changed | one incident, each time with another alert; with 32 connections `WARROOM_CHANGES` of them |
//! | webhook, irc-relay, alertmanager | as of `new`, if these programs are installed; they store nothing |
//!
//! Then loads that come at their own pace, whatever the answers do, where a late answer counts from the moment when its
//! request was due: a bad night (each alert another Sev-1 incident) and a storm (a hundred incidents over and over).
//! Needs Linux, where nothing else runs (what others use of the cores is told), and `taskset` to keep the cores apart.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program that measures: whatever is not as expected ends it, and time is what it is about"
)]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[path = "hooks/baseline.rs"]
mod baseline;
#[path = "shared/bridge.rs"]
mod bridge;
#[path = "hooks/load.rs"]
mod load;
#[path = "shared/process.rs"]
mod process;
#[path = "hooks/programs.rs"]
mod programs;
#[path = "hooks/requests.rs"]
mod requests;
#[path = "hooks/row.rs"]
mod row;
#[path = "shared/store.rs"]
mod store;
#[path = "hooks/table.rs"]
mod table;
#[path = "hooks/usage.rs"]
mod usage;

use load::{Until, as_fast_as_answered, at_a_pace};
use process::Under;
use programs::{BASELINE_FLAG, Program};
use requests::Kind;
use table::{Measured, Paced};

const CASES: [(&str, Program); 8] = [
    ("baseline", Program::Baseline),
    ("new", Program::Bridge(Kind::New)),
    ("repeat", Program::Bridge(Kind::Repeat)),
    ("replay", Program::Bridge(Kind::Replay)),
    ("changed", Program::Bridge(Kind::Changed)),
    ("webhook", Program::Webhook),
    ("irc-relay", Program::IrcRelay),
    ("alertmanager", Program::Alertmanager),
];
const CONNECTIONS: [usize; 3] = [1, 32, 256];
/// With so many it is measured whether a hook costs more the more its incident has seen.
const GROWING_BY: usize = 32;
const PACED: [(&str, Kind, u32); 2] = [("night", Kind::New, 100), ("storm", Kind::Repeat, 500)];

const SERVERS_CORE: [&str; 3] = ["taskset", "-c", "0"];
const LOADS_CORE: usize = 1;

/// What is measured, and for how long.
struct Plan {
    rounds: usize,
    /// Of one sample.
    lasts: Duration,
    /// How many bodies the incident sees whose alert changes, where that is measured.
    changes: u64,
    cases: Vec<String>,
}

impl Plan {
    #[expect(clippy::disallowed_methods, reason = "these settings are of this program alone")]
    fn of_environment() -> Self {
        let set = |name: &str| std::env::var(format!("WARROOM_{name}")).ok();
        let number = |name: &str, usual: f64| set(name).map_or(usual, |text| text.parse().unwrap());
        let cases = set("CASES").unwrap_or_default();
        let cases: Vec<String> = cases.split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect();
        let is_known = |name: &String| {
            CASES.iter().any(|(case, _)| case == name) || PACED.iter().any(|(case, ..)| case == name)
        };
        if let Some(unknown) = cases.iter().find(|name| !is_known(name)) {
            panic!("WARROOM_CASES names `{unknown}`, which is no case");
        }
        Self {
            rounds: set("ROUNDS").map_or(5, |text| text.parse().unwrap()),
            lasts: Duration::from_secs_f64(number("SECONDS", 1.6)),
            changes: set("CHANGES").map_or(3000, |text| text.parse().unwrap()),
            cases,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.cases.is_empty() || self.cases.iter().any(|case| case == name)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, address, store] = arguments.as_slice()
        && flag == BASELINE_FLAG
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let address = address.parse().unwrap();
        return match store.strip_prefix("sqlite:") {
            Some(path) => runtime.block_on(baseline::serve(address, Path::new(path))),
            None => runtime.block_on(row::serve(address, store)),
        };
    }
    // Before the runtime has threads, which stay where this one is; so do the phones.
    let own = std::process::id().to_string();
    let pinned = Command::new("taskset").args(["-pc", &LOADS_CORE.to_string(), &own]).output();
    let is_pinned = pinned.is_ok_and(|done| done.status.success());
    let under: Under = if is_pinned { &SERVERS_CORE } else { &[] };
    if !is_pinned {
        println!("`taskset` (package util-linux) does not work here: load and server share all cores");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&Plan::of_environment(), under));
}

async fn measure(plan: &Plan, under: Under) {
    let missing = |program: Program| program.package().filter(|(program, _)| !is_installed(program));
    for (program, package) in CASES.iter().filter_map(|(_, program)| missing(*program)) {
        println!("`{program}` is left out: it is in Debian's package `{package}`");
    }
    // The others are told by it.
    let is_wanted = |name: &str, program| program == Program::Baseline || plan.has(name);
    let cases: Vec<(&str, Program)> = CASES
        .into_iter()
        .filter(|(name, program)| is_wanted(name, *program) && missing(*program).is_none())
        .collect();
    let (mut measured, mut paced) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for connections in CONNECTIONS {
            for &(case, program) in &cases {
                measured.push(sample(plan, under, round, case, program, connections).await);
            }
        }
        for (case, kind, per_second) in PACED.into_iter().filter(|(case, ..)| plan.has(case)) {
            let started = Program::Bridge(kind).start(under).await;
            let sample = at_a_pace(&started.target, per_second, plan.lasts * 2).await;
            paced.push(Paced { case, per_second, sample });
        }
    }
    println!(
        "{} rounds of {} s a sample; medians, and from where to where the ratios of the rounds go\n",
        plan.rounds,
        plan.lasts.as_secs_f64()
    );
    table::print(&measured);
    let is_growing = |run: &&Measured| run.case == "changed" && run.connections == GROWING_BY;
    table::print_growth(&measured.iter().filter(is_growing).map(|run| &run.sample).collect::<Vec<_>>());
    table::print_paced(&paced);
    table::print_others(&measured);
}

/// One program under one load, from its start to its end.
async fn sample(
    plan: &Plan,
    under: Under,
    round: usize,
    case: &'static str,
    program: Program,
    connections: usize,
) -> Measured {
    let started = program.start(under).await;
    let until = match program {
        Program::Bridge(Kind::Changed) if connections == GROWING_BY => Until::Count(plan.changes),
        _ => Until::Time(plan.lasts),
    };
    let (id, own) = (started.process.0.id(), std::process::id());
    let used = || (usage::all_processor_time(), usage::processor_time(id), usage::processor_time(own));
    let before = used();
    let sample = as_fast_as_answered(&started.target, connections, until).await;
    let after = used();
    let processor = after.1.saturating_sub(before.1);
    let all = after.0.saturating_sub(before.0);
    Measured {
        round,
        case,
        connections,
        processor,
        others: all
            .saturating_sub(processor + after.2.saturating_sub(before.2))
            .div_duration_f64(sample.lasted),
        peak_memory: usage::peak_memory(id),
        idle_memory: started.idle_memory,
        took: started.took,
        sample,
    }
}

fn is_installed(program: &str) -> bool {
    // Whatever it says of this flag, it could be started.
    Command::new(program).arg("--help").output().is_ok()
}
