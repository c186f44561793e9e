//! README.md and the pages below docs/: links lead somewhere, each monitoring tool has its page, and what
//! everybody reads first is short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use warroom::source::SourceKind;

mod reference;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap()
}

/// README.md and every page below docs/, by path.
pub(crate) fn pages() -> BTreeMap<PathBuf, String> {
    let mut paths = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                paths.push(path);
            }
        }
    }
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// The lines of a page outside fenced blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// The anchors that GitHub gives the headings of a page; a heading without links is assumed.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(page)
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings
        .map(|heading| {
            let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
            let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
            let earlier = seen.entry(anchor.clone()).or_default();
            *earlier += 1;
            if *earlier == 1 { anchor } else { format!("{anchor}-{}", *earlier - 1) }
        })
        .collect()
}

/// What a line links to within this repository; code between backticks holds no links.
fn targets(line: &str) -> Vec<&str> {
    let is_code = |at: usize| line[..at].matches('`').count() % 2 == 1;
    line.match_indices("](")
        .filter(|(at, _)| !is_code(*at))
        .filter_map(|(at, _)| line[at + 2..].split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.starts_with("https://"))
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let (mut checked, mut dead) = (0, Vec::new());
    for (path, page) in &pages {
        for target in prose(page).flat_map(targets) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let there = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let leads = there.canonicalize().is_ok_and(|there| {
                anchor.is_empty() || pages.get(&there).is_some_and(|page| anchors(page).contains(anchor))
            });
            checked += 1;
            if !leads {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
    assert!(checked > 100, "{checked}");
}

#[test]
fn anchors_are_those_of_github() {
    let page = "# The `who` command\n## 1. A, b & c\n```sh\n# no heading\n```\n## 1. A, b & c\n#no heading\n";
    assert_eq!(anchors(page), ["1-a-b--c", "1-a-b--c-1", "the-who-command"].map(String::from).into());
    assert_eq!(targets("[a](b.md#c), `[no](link)` and [d](#e), [f](https://g.example)"), ["b.md#c", "#e"]);
}

#[test]
fn each_kind_of_source_has_its_page_and_its_line_in_the_index() {
    let pages = pages();
    let sources = root().join("docs/sources");
    let index = &pages[&sources.join("README.md")];
    for kind in SourceKind::ALL {
        let page = format!("{}.md", kind.as_str());
        assert!(pages.contains_key(&sources.join(&page)), "there is no docs/sources/{page}");
        assert!(index.contains(&format!("]({page})")), "docs/sources/README.md does not name {page}");
    }
}

#[test]
fn the_first_page_is_short() {
    let lines = pages()[&root().join("README.md")].lines().count();
    assert!(lines <= 250, "README.md has {lines} lines");
}

/// The names of metrics in a text, without what an exposition adds to them.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
    let words = text.split(|c| !is_part(c)).filter(|word| word.starts_with("warroom_"));
    words
        .map(|word| {
            ["_total", "_bucket", "_count", "_sum"].iter().fold(word, |w, end| w.trim_end_matches(end))
        })
        .collect()
}

#[test]
fn alarms_dashboard_and_page_name_metrics_that_there_are_and_the_page_names_all() {
    let source = fs::read_to_string(root().join("src/telemetry.rs")).unwrap();
    let registered = source.split("registry.register").skip(1).map(|call| {
        let name = call.split('"').nth(1).unwrap();
        let unit = if call.starts_with("_with_unit") { "_seconds" } else { "" };
        format!("warroom_{name}{unit}")
    });
    let registered: Vec<String> = registered.collect();
    let exposed: BTreeSet<&str> = registered.iter().map(String::as_str).collect();
    assert!(exposed.len() > 20, "{exposed:?}");
    let page = fs::read_to_string(root().join("docs/alarms.md")).unwrap();
    for path in ["config/prometheus/warroom.rules.yaml", "config/grafana/warroom.json", "docs/alarms.md"] {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let unknown: Vec<_> = metrics_in(&text).difference(&exposed).copied().collect();
        assert!(unknown.is_empty(), "{path} names metrics that there are not: {unknown:?}");
    }
    let untold: Vec<_> = exposed.difference(&metrics_in(&page)).copied().collect();
    assert!(untold.is_empty(), "docs/alarms.md says nothing of {untold:?}");
}
