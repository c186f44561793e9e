//! Runs many stories on all cores, several at a time on each, and collects what went wrong in them.

use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use futures_util::{FutureExt, StreamExt, stream};
use warroom::config::environment;

/// Stories told at the same time on one core, so that one that waits does not hold up the others.
const SIDE_BY_SIDE: usize = 4;

/// Violations shown; the rest is counted.
const SHOWN: usize = 12;

/// Which part of a set of cases is run: all of it when the environment says so (`WARROOM_PAIRS=all`), every
/// n-th when it says a number, and every `usual`-th otherwise.
pub(crate) fn stride(variable: &str, usual: usize) -> usize {
    match environment(variable).as_deref() {
        Some("all") => 1,
        Some(text) => text.parse().expect("`all` or a number"),
        None => usual,
    }
}

/// How often something generated is run: as often as the environment says, or `usual` times.
pub(crate) fn times(variable: &str, usual: u64) -> u64 {
    environment(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// What came of a sweep.
#[derive(Debug)]
pub(crate) struct Swept<T> {
    /// In the order of the cases.
    pub(crate) results: Vec<T>,
    pub(crate) violations: Vec<String>,
    seconds: u64,
}

impl<T> Swept<T> {
    /// Prints how it went, and fails if anything was violated.
    pub(crate) fn conclude(&self, what: &str) {
        let Self { results, violations, seconds } = self;
        println!("{what}: {} runs in {seconds} s, violations: {}", results.len(), violations.len());
        let shown: Vec<&str> = violations.iter().take(SHOWN).map(String::as_str).collect();
        assert!(violations.is_empty(), "{} violations, among them:\n{}", violations.len(), shown.join("\n"));
    }
}

/// Tells `story` for each of `cases`. A story says what it found and what was violated; one that panics
/// violates.
pub(crate) fn sweep<C, T, F>(cases: &[C], story: F) -> Swept<T>
where
    C: Sync,
    T: Send,
    F: AsyncFn(&C) -> (T, Vec<String>) + Sync,
{
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let on_one_core = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cases = std::iter::from_fn(|| {
            let number = next.fetch_add(1, Ordering::SeqCst);
            cases.get(number).map(|case| (number, case))
        });
        let told = stream::iter(cases).map(async |(number, case)| {
            let result = AssertUnwindSafe(story(case)).catch_unwind().await;
            (number, result)
        });
        runtime.block_on(told.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<_>>())
    };
    let cores = thread::available_parallelism().map_or(2, NonZero::get);
    let mut told = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(on_one_core)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    told.sort_by_key(|(number, _)| *number);
    let (mut results, mut violations) = (Vec::new(), Vec::new());
    for (_, outcome) in told {
        match outcome {
            Ok((result, found)) => {
                results.push(result);
                violations.extend(found);
            }
            Err(panic) => violations.push(words_of(panic.as_ref())),
        }
    }
    Swept { results, violations, seconds: began.elapsed().as_secs() }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}
