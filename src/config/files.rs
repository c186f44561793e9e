//! A config or a roster as it lies on the disk: one file, or a folder of them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::finding::Level;
use crate::config::load_context::LoadContext;
use crate::config::merge;
use crate::config::source_text::SourceText;
use crate::config::words::reason;
use crate::config::yaml::{LARGEST_TEXT, Node};

/// More files than this in one folder are no roster.
const MOST_FILES: usize = 200;
/// What the files of a folder may hold together.
const LARGEST_TOGETHER: usize = 8 * 1024 * 1024;
/// How often something is read until two looks agree.
const LOOKS: usize = 3;

/// The text of one file or of several, or why there is none.
pub(super) struct Opened {
    text: SourceText,
    problems: Vec<Problem>,
    hash: String,
}

/// What is wrong with a file as a whole.
struct Problem {
    file: String,
    message: String,
    hint: String,
}

impl Opened {
    /// Reads one file.
    pub(super) fn file(path: &Path) -> Self {
        Self::settled(|| Self::file_once(path))
    }

    /// A file may be written, and a mounted volume may swap its links, while it is read: so it is read until two
    /// looks agree. What changes faster than that is taken as last seen, and looked at again soon.
    fn settled(look: impl Fn() -> Self) -> Self {
        let mut found = look();
        for _ in 1..LOOKS {
            let again = look();
            let agrees = again.hash == found.hash;
            found = again;
            if agrees {
                break;
            }
        }
        found
    }

    fn file_once(path: &Path) -> Self {
        let name = path.display().to_string();
        let bytes = read(path);
        let hash = bytes.as_ref().map_or_else(|_| String::new(), |b| hex::encode(Sha256::digest(b)));
        let (text, problems) = match into_text(&name, bytes) {
            Ok(text) => (text, Vec::new()),
            Err(problem) => (String::new(), vec![problem]),
        };
        Self { text: SourceText::new(name, text), problems, hash }
    }

    /// Reads the file at `path`, or all files of the folder at `path`.
    pub(super) fn file_or_folder(path: &Path) -> Self {
        if path.is_dir() { Self::settled(|| Self::folder(path)) } else { Self::file(path) }
    }

    fn folder(path: &Path) -> Self {
        let folder = path.display().to_string();
        let wrong =
            |message: String, hint: &str| Problem { file: folder.clone(), message, hint: hint.to_owned() };
        let mut problems = Vec::new();
        let files = match yaml_files(path) {
            Ok(files) => files,
            Err(e) => {
                let hint = "see that it is there and that this program may read it";
                problems.push(wrong(format!("this folder cannot be read: {}", reason(&e)), hint));
                Vec::new()
            }
        };
        if files.is_empty() && problems.is_empty() {
            problems.push(wrong(
                "this folder holds no roster".to_owned(),
                "files directly in it whose names end in `.yaml` or `.yml` are read",
            ));
        }
        if files.len() > MOST_FILES {
            problems
                .push(wrong(format!("this folder holds more than {MOST_FILES} files"), "join some of them"));
        }
        let (mut hash, mut texts, mut size) = (Sha256::new(), Vec::new(), 0_usize);
        for file in files.iter().take(MOST_FILES) {
            let bytes = read(file);
            // Lengths stand before names and texts, so that nothing can move from one to the next unseen.
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            hash.update(name.len().to_le_bytes());
            hash.update(name);
            match &bytes {
                Ok(bytes) => {
                    size = size.saturating_add(bytes.len());
                    hash.update(bytes.len().to_le_bytes());
                    hash.update(bytes);
                }
                Err(_) => hash.update(usize::MAX.to_le_bytes()),
            }
            if size > LARGEST_TOGETHER {
                problems.push(wrong(
                    format!("the files of this folder are larger than {LARGEST_TOGETHER} bytes together"),
                    "move what is no part of the roster somewhere else",
                ));
                break;
            }
            let name = file.display().to_string();
            let text = into_text(&name, bytes).unwrap_or_else(|problem| {
                problems.push(problem);
                String::new()
            });
            texts.push((name, text));
        }
        Self { text: SourceText::joined(folder, texts), problems, hash: hex::encode(hash.finalize()) }
    }

    pub(super) fn text(&self) -> &SourceText {
        &self.text
    }

    /// The tree, several files merged into one, unless one of them could not be read or is not well-formed;
    /// these are findings. Half of a roster would only bring up names that the other half knows.
    pub(super) fn parse(&self, context: &LoadContext<'_>) -> Option<Node> {
        for Problem { file, message, hint } in &self.problems {
            context.whole_file(Level::Error, file.clone(), message.clone(), hint.clone());
        }
        let nodes = context.parse();
        let nodes = nodes.filter(|_| self.problems.is_empty())?;
        merge::merge(context, nodes)
    }

    /// SHA-256 in hex: of a file's bytes, or of the names and bytes of a folder's files. Empty if there is
    /// no such file.
    pub(super) fn hash(&self) -> &str {
        &self.hash
    }
}

/// The files directly in a folder whose names end in `.yaml` or `.yml`, by name. Hidden names are left out:
/// mounted volumes keep their copies under such names. Links are followed.
fn yaml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_yaml = path.extension().and_then(OsStr::to_str).is_some_and(|e| e == "yaml" || e == "yml");
        // A link that leads nowhere is a file that cannot be read, which must not go unnoticed.
        if !hidden && is_yaml && path.metadata().map_or(true, |m| m.is_file()) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A file's bytes; of one that is too large only as many as show that.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(LARGEST_TEXT).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn into_text(name: &str, bytes: io::Result<Vec<u8>>) -> Result<String, Problem> {
    let problem =
        |message: String, hint: &str| Problem { file: name.to_owned(), message, hint: hint.to_owned() };
    let bytes = bytes.map_err(|e| {
        let hint = if e.kind() == io::ErrorKind::NotFound {
            "paths in the config are relative to the config file"
        } else {
            "see that it is a file and that this program may read it"
        };
        problem(format!("this file cannot be read: {}", reason(&e)), hint)
    })?;
    if bytes.len() > LARGEST_TEXT {
        return Err(problem(
            format!("this file is larger than {LARGEST_TEXT} bytes"),
            "look whether this is the file that was meant",
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_not_utf8| problem("this file is not UTF-8 text".to_owned(), "save it as UTF-8"))
}
