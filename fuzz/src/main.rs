//! A search, guided by coverage, for bodies and headers that make a verifier or a parser panic or stall, that
//! are believed without a signature, or of which something leaves that is longer than our limits.
//!
//! `fuzz/run SECONDS` builds this with LLVM's counters (on stable Rust), starts it from the fixtures of the
//! tests, and lets it search for so many seconds for each target. What it finds becomes a plain test.
#![no_main]

mod input;
mod json;
mod parsers;
mod verifiers;

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    static TARGET: OnceLock<String> = OnceLock::new();
    let target = TARGET.get_or_init(|| std::env::var("WARROOM_FUZZ").expect("WARROOM_FUZZ names the target"));
    match target.as_str() {
        "verifiers" => verifiers::check(bytes),
        "json" => json::check(bytes),
        kind => parsers::check(kind, bytes),
    }
});
