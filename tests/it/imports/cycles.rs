//! Files of one folder import one another in one direction only.

use std::collections::{BTreeMap, BTreeSet};

use super::code::{Code, all_of_src};

/// Folders that still have circles, with the reason.
const EXCEPTIONS: [(&str, &str); 1] =
    [("sandbox", "one world, whose methods stand in the files of what they are about")];

/// How many re-exports are followed.
const RE_EXPORTS: usize = 4;

#[test]
fn no_folder_has_an_import_circle() {
    let files = all_of_src();
    let circles = circles(&files);
    let folders: BTreeSet<&str> = circles.iter().map(|circle| folder(&circle[0])).collect();
    for (excepted, why) in EXCEPTIONS {
        assert!(folders.contains(excepted), "{excepted} needs no exception any more ({why})");
    }
    let is_excepted = |circle: &&Vec<String>| EXCEPTIONS.iter().any(|(name, _)| folder(&circle[0]) == *name);
    let found: Vec<String> =
        circles.iter().filter(|circle| !is_excepted(circle)).map(|circle| circle.join(" -> ")).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_circle_is_seen_through_re_exports() {
    let files = |one: &str, other: &str| {
        vec![
            Code::read("room.rs", "pub use seat::Seat; mod seat; mod task;"),
            Code::read("room/seat.rs", one),
            Code::read("room/task.rs", other),
        ]
    };
    let circle = files("use super::task::{Kind, Task};", "use super::{Room, Seat};");
    assert_eq!(circles(&circle)[0], ["room/seat", "room/task", "room/seat"]);
    assert!(circles(&files("use super::task::Task;", "use crate::room::Room;")).is_empty());
    assert!(circles(&files("", "use super::Seat; use crate::room::seat;")).is_empty());
}

fn folder(module: &str) -> &str {
    module.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// One circle for each file that is in one, each from that file back to it.
fn circles(files: &[Code]) -> Vec<Vec<String>> {
    let modules: BTreeMap<&str, &Code> = files.iter().map(|code| (code.module(), code)).collect();
    let edges: BTreeMap<&str, BTreeSet<&str>> = modules
        .iter()
        .map(|(module, code)| {
            let to = code.imports().filter_map(|path| target(&modules, module, path, RE_EXPORTS));
            let beside = to.filter(|to| to != module && folder(to) == folder(module));
            (*module, beside.collect())
        })
        .collect();
    edges.keys().filter_map(|module| way_back(&edges, module)).collect()
}

/// The file in which the thing stands that is imported by `path`.
fn target<'a>(
    modules: &BTreeMap<&'a str, &'a Code>,
    from: &str,
    path: &str,
    re_exports: usize,
) -> Option<&'a str> {
    let mut at: Vec<&str> = from.split('/').collect();
    let mut names = path.split(" as ").next()?.split("::").peekable();
    match names.peek() {
        Some(&"crate") => {
            at.clear();
            names.next();
        }
        Some(&"self") => {
            names.next();
        }
        Some(&"super") => {
            while names.next_if_eq(&"super").is_some() {
                at.pop();
            }
        }
        // A module right below, or another crate.
        _ => {}
    }
    let mut found = None;
    let mut thing = None;
    for name in names {
        thing = Some(name);
        at.push(name);
        if let Some((module, _)) = modules.get_key_value(at.join("/").as_str()) {
            (found, thing) = (Some(*module), None);
        }
    }
    let module = found.or_else(|| {
        at.pop();
        modules.get_key_value(at.join("/").as_str()).map(|(module, _)| *module)
    })?;
    let (Some(thing), 1..) = (thing, re_exports) else { return Some(module) };
    let passed_on = modules[module].imports().find(|path| path.rsplit("::").next() == Some(thing));
    let further = passed_on.and_then(|path| target(modules, module, path, re_exports - 1));
    Some(further.unwrap_or(module))
}

/// The shortest way from a file to itself.
fn way_back(edges: &BTreeMap<&str, BTreeSet<&str>>, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| edges.get(last)).into_iter().flatten() {
                let way: Vec<&str> = way.iter().copied().chain([*next]).collect();
                if *next == start {
                    return Some(way.into_iter().map(str::to_owned).collect());
                }
                if seen.insert(*next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}
