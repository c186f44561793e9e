//! Which texts a pattern matches, as far as that can be said.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// More values than this are not listed.
const MOST: usize = 64;

/// Every text that the anchored pattern matches, if these are a few: `sev[12]`, `prod(uction)?`, `a|b`.
pub(super) fn language(pattern: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let is = |part: &Hir, look: Look| matches!(part.kind(), HirKind::Look(found) if *found == look);
    let first = parts.iter().position(|part| !is(part, Look::Start))?;
    let last = parts.iter().rposition(|part| !is(part, Look::End))?;
    // Without both anchors it would match parts of other texts too.
    if first == 0 || last + 1 == parts.len() {
        return None;
    }
    let mut texts = product(parts.get(first..=last).unwrap_or_default())?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

fn texts(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Class(Class::Unicode(class)) => {
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            let chars: Vec<String> = chars.take(MOST + 1).map(String::from).collect();
            few(chars)
        }
        HirKind::Repetition(repetition) => {
            let most = usize::try_from(repetition.max?).ok().filter(|n| *n <= MOST)?;
            let least = usize::try_from(repetition.min).ok()?;
            let once = texts(&repetition.sub)?;
            let (mut all, mut some) = (Vec::new(), vec![String::new()]);
            for n in 0..=most {
                if n >= least {
                    all = few(all.into_iter().chain(some.iter().cloned()).collect())?;
                }
                if n < most {
                    some = times(&some, &once)?;
                }
            }
            Some(all)
        }
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => product(parts),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(texts(part)?);
                all = few(all)?;
            }
            Some(all)
        }
        HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => None,
    }
}

fn product(parts: &[Hir]) -> Option<Vec<String>> {
    parts.iter().try_fold(vec![String::new()], |all, part| times(&all, &texts(part)?))
}

fn times(first: &[String], then: &[String]) -> Option<Vec<String>> {
    if first.len().saturating_mul(then.len()) > MOST {
        return None;
    }
    Some(first.iter().flat_map(|a| then.iter().map(move |b| format!("{a}{b}"))).collect())
}

fn few(texts: Vec<String>) -> Option<Vec<String>> {
    (texts.len() <= MOST).then_some(texts)
}

/// Whether it is certain that a pattern matches no text at all, such as `$prod`.
pub(super) fn never(pattern: &str) -> bool {
    regex_syntax::parse(pattern).is_ok_and(|hir| is_never(&hir))
}

fn is_never(hir: &Hir) -> bool {
    let least = |hir: &Hir| hir.properties().minimum_len();
    if least(hir).is_none() {
        return true;
    }
    match hir.kind() {
        HirKind::Capture(capture) => is_never(&capture.sub),
        HirKind::Repetition(repetition) => repetition.min > 0 && is_never(&repetition.sub),
        HirKind::Alternation(parts) => parts.iter().all(is_never),
        HirKind::Concat(parts) => {
            // The end before, or the beginning behind, something that takes a character.
            let taken = |parts: &[Hir]| parts.iter().any(|part| least(part).is_none_or(|n| n > 0));
            parts.iter().enumerate().any(|(n, part)| {
                let (before, after) = (parts.get(..n), parts.get(n + 1..));
                match part.kind() {
                    HirKind::Look(Look::Start) => taken(before.unwrap_or_default()),
                    HirKind::Look(Look::End) => taken(after.unwrap_or_default()),
                    _ => is_never(part),
                }
            })
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => false,
    }
}
