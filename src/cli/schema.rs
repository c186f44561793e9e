//! `warroom schema`: the JSON Schema of the config or the roster.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::config::schema::Document;

/// The file whose schema is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum File {
    /// warroom.yaml
    Config,
    /// roster.yaml
    Roster,
}

/// Prints the schema.
pub fn run(file: File, out: &mut impl Write) -> io::Result<u8> {
    let document = match file {
        File::Config => Document::Config,
        File::Roster => Document::Roster,
    };
    writeln!(out, "{:#}", document.schema())?;
    Ok(0)
}
