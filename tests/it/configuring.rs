//! What the operator writes: the shipped files, and every way in which such a file can be wrong.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use warroom::cli::{check, who};
use warroom::clock::Timestamp;
use warroom::config::{self, Colours, Findings, Loaded, Strictness};

fn nothing_set(_: &str) -> Option<String> {
    None
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/warroom.yaml")
}

fn now() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

#[test]
fn show_me() {
    let mut out = Vec::new();
    let code = check::run(&shipped(), &nothing_set, now(), Colours::No, &mut out).unwrap();
    println!("{code}\n{}", String::from_utf8(out).unwrap());
}
