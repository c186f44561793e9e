//! A roster in several files.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;

use warroom::config::Strictness;

use super::{Files, GOOD_CONFIG, GOOD_ROSTER};

const PEOPLE: &str = "people:\n  mei: { name: Mei Tanaka, phone: \"+15550100103\", opted_in: true }\n";
const MORE: &str = "# The other office.\npeople:\n  jo: { name: Jo Okafor, phone: \"+15550100109\", opted_in: true }\nroutes:\n  - { name: acme, match: client = acme, invite: { commander: rotation:platform } }\n";
const TURNS: &str = "rotations:\n  platform: { timezone: UTC, start: 2026-01-05 09:00, shift_length: 1 week, people: [ mei, jo ] }\n";
const LAST: &str = "routes:\n  - { name: other, match: client = other, invite: { commander: mei } }\nfallback:\n  invite: { commander: rotation:platform }\n";

/// A config whose roster is a folder of these files.
fn folder(files: &[(&str, &str)]) -> Files {
    let all = Files::new(&format!("{GOOD_CONFIG}roster: people\n"), GOOD_ROSTER);
    fs::create_dir(all.0.path().join("people")).unwrap();
    for (name, text) in files {
        all.write(&format!("people/{name}"), text);
    }
    all
}

fn good() -> Vec<(&'static str, &'static str)> {
    vec![("30-last.yaml", LAST), ("10-people.yaml", PEOPLE), ("20-more.yml", MORE), ("25-turns.yaml", TURNS)]
}

#[test]
fn a_folder_is_read_as_one_roster_in_the_order_of_its_names() {
    let files = folder(&good());
    files.write("people/.hidden.yaml", "nonsense");
    files.write("people/README.md", "nonsense");
    fs::create_dir(files.0.path().join("people/deeper.yaml")).unwrap();
    assert_eq!(files.findings(), Vec::<String>::new());
    let loaded = files.load(Strictness::Serve).unwrap();
    let routes: Vec<&str> = loaded.roster.routes.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(routes, ["acme", "other"]);
    assert_eq!(loaded.roster.people.keys().collect::<Vec<_>>(), ["jo", "mei"]);
    assert!(loaded.roster.rotations.contains_key("platform"));
    let (code, said) = files.check();
    assert_eq!(code, 0);
    assert!(said.contains("roster   people"), "{said}");
}

#[test]
fn the_hash_of_a_folder_is_that_of_its_names_and_texts() {
    let hash = |files: &[(&str, &str)]| folder(files).load(Strictness::Serve).unwrap().roster_hash;
    let usual = hash(&good());
    assert_eq!(usual, hash(&good()), "wherever it lies");
    let mut renamed = good();
    renamed[0].0 = "40-last.yaml";
    assert_ne!(usual, hash(&renamed));
    let mut changed = good();
    let text = format!("{LAST}# more\n");
    changed[0].1 = &text;
    assert_ne!(usual, hash(&changed));
    let alone = Files::new(GOOD_CONFIG, GOOD_ROSTER).load(Strictness::Serve).unwrap().roster_hash;
    assert_eq!(alone, folder_hash_of_text(GOOD_ROSTER), "of one file it is that of its text");
}

fn folder_hash_of_text(text: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(text))
}

#[test]
fn what_two_files_say_about_one_thing_is_told_with_both_places() {
    let files = folder(&good());
    files.write("people/11-again.yaml", PEOPLE);
    files.write("people/31-last.yaml", "fallback: { invite: { commander: mei } }\n");
    files.write("people/32-turns.yaml", &format!("\n{TURNS}"));
    let same = MORE.replace("jo:", "joe:").replace("name: acme", "name: wide");
    files.write("people/21-number.yaml", same.split("routes:").next().unwrap());
    files.write(
        "people/33-route.yaml",
        "routes:\n  - { name: acme, match: x = y, invite: { commander: mei } }\n",
    );
    insta::assert_snapshot!(files.findings().join("\n"));
    let (code, drawn) = files.check();
    assert_eq!(code, 1);
    assert!(!drawn.contains("5550100"), "{drawn}");
}

#[test]
fn findings_stand_in_the_file_they_are_about() {
    let files = folder(&good());
    files.write("people/20-more.yml", &MORE.replace("rotation:platform", "rotation:platfrom"));
    files.write("people/25-turns.yaml", &TURNS.replace("[ mei, jo ]", "[ mai, jo ]"));
    let (code, drawn) = files.check();
    assert_eq!(code, 1);
    insta::assert_snapshot!(drawn);
}

#[test]
fn one_file_that_cannot_be_read_is_told_and_nothing_is_guessed_about_the_rest() {
    let files = folder(&good());
    files.write("people/10-people.yaml", "people: [\n");
    fs::write(files.0.path().join("people/20-more.yml"), b"\xff\xfe").unwrap();
    symlink("nowhere", files.0.path().join("people/25-gone.yaml")).unwrap();
    let found = files.findings();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("people/10-people.yaml:1:9: this is not well-formed YAML"), "{found:#?}");
    assert_eq!(found[1], "people/20-more.yml: this file is not UTF-8 text (save it as UTF-8)");
    assert!(found[2].starts_with("people/25-gone.yaml: this file cannot be read: there is no such file"));

    let files = folder(&good());
    files.write("people/10-people.yaml", "- mei\n");
    assert_eq!(
        files.findings(),
        [
            "people/10-people.yaml:1:1: this file must be a map, not a list (write `key: value`, each on a line of its own below, indented)"
        ]
    );
}

#[test]
fn a_folder_without_a_roster_says_so() {
    let files = folder(&[]);
    assert_eq!(
        files.findings(),
        [
            "people: this folder holds no roster (files directly in it whose names end in `.yaml` or `.yml` are read)"
        ]
    );
    let files = folder(&[("a.yaml", PEOPLE), ("b.yaml", "# nothing yet\n")]);
    let found = files.findings();
    assert!(
        found.len() == 1 && found[0].starts_with("people/a.yaml:1:1: `fallback` is missing"),
        "{found:#?}"
    );
}

#[test]
fn a_folder_may_hold_two_hundred_files_and_eight_mebibytes() {
    let files = folder(&good());
    for n in 0..197 {
        files.write(&format!("people/x{n:03}.yaml"), "# nothing\n");
    }
    let found = files.findings();
    assert!(found.len() == 1 && found[0].contains("more than 200 files"), "{found:#?}");

    let files = folder(&good());
    let mut large = String::new();
    while large.len() < 1_900_000 {
        writeln!(large, "# {}", "x".repeat(1000)).unwrap();
    }
    for n in 0..5 {
        files.write(&format!("people/x{n}.yaml"), &large);
    }
    let found = files.findings();
    assert!(found.len() == 1 && found[0].contains("larger than 8388608 bytes together"), "{found:#?}");
    files.write("people/x0.yaml", &large.repeat(2));
    assert!(files.findings().iter().any(|f| f.starts_with("people/x0.yaml: this file is larger than")));
}
