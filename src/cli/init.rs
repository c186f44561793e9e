//! `warroom init`: a first config and roster, to be filled in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Failure;

/// The files by their names.
const FILES: [(&str, &str); 2] =
    [("warroom.yaml", include_str!("init/warroom.yaml")), ("roster.yaml", include_str!("init/roster.yaml"))];

/// Writes both files into `folder`, which may not be there yet; one that is there already is left as it is, and then
/// neither is written.
pub fn run(folder: &Path, out: &mut dyn Write) -> Result<u8, Failure> {
    let there: Vec<String> = FILES
        .iter()
        .map(|(name, _)| folder.join(name))
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Failure::no(format!(
            "nothing written, because there is {} already",
            there.join(" and ")
        )));
    }
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    for (name, text) in FILES {
        let path = folder.join(name);
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| failed(&path, &e))?;
        writeln!(out, "wrote {}", path.display())?;
    }
    let config = folder.join("warroom.yaml");
    let config = config.display();
    writeln!(
        out,
        "\nWhat to do next:
  1. put your people and their numbers into {}
  2. set WAWP_INSTANCE_ID, WAWP_ACCESS_TOKEN and ALERTMANAGER_TOKEN (`openssl rand -hex 32`)
  3. warroom check --config {config}
  4. warroom serve --config {config}
  5. warroom send prometheus --config {config}     # in another terminal: a signed sample",
        folder.join("roster.yaml").display(),
    )?;
    Ok(0)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::no(format!("{} cannot be written: {error}", path.display()))
}
