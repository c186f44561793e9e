//! What is told in the end: medians of rounds, and ratios to the baseline of the same round.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::Sample;

/// What Sentry waits for an answer, who waits the shortest.
const SENTRYS_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) round: usize,
    pub(crate) case: &'static str,
    pub(crate) connections: usize,
    pub(crate) sample: Sample,
    /// What the server used of the processor meanwhile.
    pub(crate) processor: Duration,
    /// How many cores everybody else used meanwhile, the simulated phones among them.
    pub(crate) others: f64,
    pub(crate) idle_memory: f64,
    pub(crate) peak_memory: f64,
    /// From the start to the first accepted hook.
    pub(crate) took: Duration,
}

#[derive(Debug)]
pub(crate) struct Paced {
    pub(crate) case: &'static str,
    pub(crate) per_second: u32,
    pub(crate) sample: Sample,
}

fn median(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let numbers = sorted(numbers);
    numbers[numbers.len() / 2]
}

fn sorted(numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}

/// Of all rounds together: nothing is averaged away.
fn odd<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> String {
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for (what, times) in samples.into_iter().flat_map(Sample::odd) {
        *all.entry(what).or_default() += times;
    }
    if all.is_empty() { "-".to_owned() } else { format!("{all:?}") }
}

pub(crate) fn print(measured: &[Measured]) {
    println!(
        "| case | connections | req/s | p50 ms | p99 ms | req/s × baseline | p99 × baseline | CPU ms per 1000 | \
         idle → peak MB | start ms | not as expected |\n|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let baseline = |of: &Measured| {
        let is_its =
            |m: &&Measured| m.case == "baseline" && m.round == of.round && m.connections == of.connections;
        &measured.iter().find(is_its).unwrap().sample
    };
    for runs in by_case(measured) {
        let [first, ..] = runs.as_slice() else { continue };
        let median = |figure: &dyn Fn(&Measured) -> f64| median(runs.iter().map(|run| figure(run)));
        let ratios = sorted(runs.iter().map(|run| run.sample.rate() / baseline(run).rate()));
        println!(
            "| {} | {} | {:.0} | {:.2} | {:.1} | {:.2} ({:.2} to {:.2}) | {:.2} | {:.0} | {:.0} → {:.0} | {:.0} | {} |",
            first.case,
            first.connections,
            median(&|run| run.sample.rate()),
            median(&|run| run.sample.percentile(50)),
            median(&|run| run.sample.percentile(99)),
            ratios[ratios.len() / 2],
            ratios[0],
            ratios[ratios.len() - 1],
            median(&|run| run.sample.percentile(99) / baseline(run).percentile(99)),
            median(&|run| run.processor.as_secs_f64() * 1e6 / run.sample.count() as f64),
            median(&|run| run.idle_memory),
            median(&|run| run.peak_memory),
            median(&|run| run.took.as_secs_f64() * 1000.0),
            odd(runs.iter().map(|run| &run.sample)),
        );
    }
}

/// Whether the last hooks of an incident cost more than its first.
pub(crate) fn print_growth(runs: &[&Sample]) {
    let [first, ..] = runs else { return };
    println!(
        "\nchanged: of {} bodies the first tenth {:.0} a second, the last tenth {:.0}",
        first.count(),
        median(runs.iter().map(|run| run.first_and_last_rate().0)),
        median(runs.iter().map(|run| run.first_and_last_rate().1)),
    );
}

/// Says how much else the machine did.
pub(crate) fn print_others(measured: &[Measured]) {
    let others = sorted(measured.iter().map(|run| run.others));
    println!(
        "\nmeanwhile everything else used {:.2} cores, and {:.2} in the worst sample",
        others[others.len() / 2],
        others[others.len() - 1]
    );
}

/// The rounds of each case and number of connections, in the order of their first.
fn by_case(measured: &[Measured]) -> impl Iterator<Item = Vec<&Measured>> {
    let firsts = measured.iter().filter(|run| run.round == 1);
    firsts.map(|first| {
        let is_same = |run: &&Measured| run.case == first.case && run.connections == first.connections;
        measured.iter().filter(is_same).collect()
    })
}

pub(crate) fn print_paced(paced: &[Paced]) {
    if paced.is_empty() {
        return;
    }
    println!(
        "\n| at a pace | a second | p50 ms | p99 ms | worst ms | over 1 s | not as expected |\n\
         |---|---|---|---|---|---|---|"
    );
    let mut cases: Vec<(&str, u32)> = paced.iter().map(|run| (run.case, run.per_second)).collect();
    cases.sort_unstable();
    cases.dedup();
    for (case, per_second) in cases {
        let runs: Vec<&Sample> = paced.iter().filter(|run| run.case == case).map(|run| &run.sample).collect();
        println!(
            "| {case} | {per_second} | {:.1} | {:.1} | {:.1} | {} | {} |",
            median(runs.iter().map(|run| run.percentile(50))),
            median(runs.iter().map(|run| run.percentile(99))),
            runs.iter().map(|run| run.percentile(100)).fold(0.0, f64::max),
            runs.iter().map(|run| run.longer_than(SENTRYS_PATIENCE)).sum::<usize>(),
            odd(runs),
        );
    }
}
