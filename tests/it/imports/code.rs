//! A source file as far as the rules care: code apart from texts, without comments and tests.

use std::fs;
use std::path::Path;

/// One file.
#[derive(Debug)]
pub(super) struct Code {
    /// Below `src`, with slashes.
    pub(super) path: String,
    /// The code alone: comments and the insides of texts are blank, tests and every `use` are gone.
    body: String,
    /// Every path of every `use`, written out, with its line.
    uses: Vec<(usize, String)>,
    /// The insides of all texts outside of tests.
    pub(super) texts: Vec<String>,
}

/// Every file below `src` that goes into the program.
pub(super) fn all_of_src() -> Vec<Code> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    gather(&src, &src, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "{} files are too few to be all of them", files.len());
    files
}

fn gather(root: &Path, folder: &Path, files: &mut Vec<Code>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let below = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let is_test = below.ends_with("/tests.rs") || below.contains("/tests/");
        if path.is_dir() {
            gather(root, &path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && !is_test {
            files.push(Code::read(&below, &fs::read_to_string(&path).unwrap()));
        }
    }
}

impl Code {
    pub(super) fn read(path: &str, text: &str) -> Self {
        let (mut code, texts) = without_words(text);
        let tests = tests_in(&code);
        for range in &tests {
            blank(&mut code, range);
        }
        let texts = texts
            .into_iter()
            .filter(|(at, _)| !tests.iter().any(|range| range.contains(at)))
            .map(|(_, text)| text)
            .collect();
        let uses = uses_in(&code);
        for range in use_statements(&code) {
            blank(&mut code, &range);
        }
        Self { path: path.to_owned(), body: code, uses, texts }
    }

    /// Whether it is `module` or below it.
    pub(super) fn is_below(&self, module: &str) -> bool {
        self.path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    /// Its name as a module, with slashes.
    pub(super) fn module(&self) -> &str {
        self.path.strip_suffix(".rs").unwrap_or(&self.path)
    }

    /// Every path that it imports, as it stands there.
    pub(super) fn imports(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(|(_, path)| path.as_str())
    }

    /// Numbers of lines that have `word` standing alone; a `use` counts at the line where it begins.
    pub(super) fn lines_with(&self, word: &str) -> Vec<usize> {
        let mut lines: Vec<usize> = self
            .uses
            .iter()
            .filter(|(_, path)| has_word(path, word))
            .map(|(line, _)| *line)
            .chain(self.body.lines().enumerate().filter(|(_, l)| has_word(l, word)).map(|(n, _)| n + 1))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        lines
    }

    /// The modules right below the crate that it names.
    pub(super) fn modules_of_ours(&self) -> Vec<String> {
        let depth = self.path.matches('/').count();
        // From `a/b.rs`, which is `crate::a::b`, two steps up is the crate.
        let top = vec!["super"; depth + 1].join("::");
        let mut names = Vec::new();
        for text in self.uses.iter().map(|(_, path)| path.as_str()).chain(self.body.lines()) {
            for start in ["crate", "warroom", top.as_str()] {
                for at in places_of(text, start) {
                    let rest = text[at + start.len()..].strip_prefix("::");
                    let name = rest.map(|r| r.split(|c| !is_word(c)).next().unwrap_or_default());
                    names.extend(name.filter(|n| !n.is_empty() && *n != "super").map(ToOwned::to_owned));
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }

    /// The names of all modules that it declares.
    pub(super) fn inline_modules(&self) -> Vec<String> {
        places_of(&self.body, "mod")
            .into_iter()
            .map(|at| {
                self.body[at + 3..].trim_start().split(|c| !is_word(c)).next().unwrap_or_default().to_owned()
            })
            .collect()
    }
}

/// Takes what stands there away and leaves its lines.
fn blank(code: &mut String, range: &std::ops::Range<usize>) {
    let lines: String = code[range.clone()].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
    // As many bytes as before, so that every position stays.
    let gap = " ".repeat(range.len() - lines.len());
    code.replace_range(range.clone(), &(lines + &gap));
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands in `text` with nothing of a word right before or after it.
fn places_of(text: &str, word: &str) -> Vec<usize> {
    let ends_open = word.ends_with(is_word);
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !text[..*at].ends_with(is_word))
        .filter(|at| !(ends_open && text[at + word.len()..].starts_with(is_word)))
        .collect()
}

fn has_word(text: &str, word: &str) -> bool {
    !places_of(text, word).is_empty()
}

/// Blanks comments and the insides of texts, keeping every position; also returns the texts.
fn without_words(text: &str) -> (String, Vec<(usize, String)>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut texts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let end = if rest.starts_with("//") {
            at + rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            end_of_block(text, at)
        } else if let Some((inside, end)) = text_at(text, at) {
            texts.push((at, text[inside].to_owned()));
            end
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    (String::from_utf8(code).unwrap(), texts)
}

fn end_of_block(text: &str, start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// A string or character literal that begins at `at`: its inside, and where it ends.
fn text_at(text: &str, at: usize) -> Option<(std::ops::Range<usize>, usize)> {
    let rest = &text[at..];
    let after_word = text[..at].ends_with(is_word);
    if !after_word && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        let marks = rest[1..].bytes().take_while(|b| *b == b'#').count();
        let begin = at + 1 + marks;
        if text[begin..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(marks));
            let end = begin + 1 + text[begin + 1..].find(&close)?;
            return Some((begin + 1..end, end + close.len()));
        }
        return None;
    }
    if rest.starts_with('"') {
        let mut escaped = false;
        for (n, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some((at + 1..at + n, at + n + 1)),
                _ => {}
            }
        }
        return None;
    }
    if rest.starts_with("'\\") {
        let end = at + 3 + text[at + 3..].find('\'')?;
        return Some((at + 1..end, end + 1));
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        // `'a'` is a character, `'a` alone a lifetime.
        let c = quoted.chars().next()?;
        let end = at + 1 + c.len_utf8();
        return text[end..].starts_with('\'').then_some((at + 1..end, end + 1));
    }
    None
}

/// Items under `#[cfg(test)]`.
fn tests_in(code: &str) -> Vec<std::ops::Range<usize>> {
    code.match_indices("#[cfg(test)]")
        .map(|(start, _)| {
            let open = code[start..].find(['{', ';']).map_or(code.len(), |n| start + n);
            if !code[open..].starts_with('{') {
                return start..(open + 1).min(code.len());
            }
            let mut depth = 0_i32;
            for (n, c) in code[open..].char_indices() {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if depth == 0 {
                    return start..open + n + 1;
                }
            }
            start..code.len()
        })
        .collect()
}

fn use_statements(code: &str) -> Vec<std::ops::Range<usize>> {
    places_of(code, "use")
        .into_iter()
        .filter(|at| code[at + 3..].starts_with(char::is_whitespace))
        .map(|at| at..code[at..].find(';').map_or(code.len(), |n| at + n))
        .collect()
}

/// Each path of each `use`, with the line where the statement begins.
fn uses_in(code: &str) -> Vec<(usize, String)> {
    let mut uses = Vec::new();
    for range in use_statements(code) {
        let line = code[..range.start].matches('\n').count() + 1;
        let tree: String = code[range.start + 3..range.end].split_whitespace().collect::<Vec<_>>().join(" ");
        write_out("", &tree, &mut |path| uses.push((line, path)));
    }
    uses
}

/// Writes a tree of paths out: `a::{b, c::{d, self}}` is `a::b`, `a::c::d` and `a::c`.
fn write_out(before: &str, tree: &str, tell: &mut dyn FnMut(String)) {
    let tree = tree.trim();
    match tree.split_once('{') {
        None => {
            let path = format!("{before}{tree}");
            tell(path.strip_suffix("::self").unwrap_or(&path).to_owned());
        }
        Some((start, rest)) => {
            let before = format!("{before}{}", start.trim());
            let inside = rest.trim_end().strip_suffix('}').unwrap_or(rest);
            let (mut depth, mut from) = (0_i32, 0);
            for (n, c) in inside.char_indices().chain([(inside.len(), ',')]) {
                depth += i32::from(c == '{') - i32::from(c == '}');
                if c == ',' && depth == 0 {
                    if !inside[from..n].trim().is_empty() {
                        write_out(&before, &inside[from..n], tell);
                    }
                    from = n + 1;
                }
            }
        }
    }
}
