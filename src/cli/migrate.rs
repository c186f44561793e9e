//! `warroom migrate`: moves a stopped installation from its file into a database.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::Args;

use super::Failure;
use crate::config::{StoreAddress, environment, parse_store};
use crate::store::migration::migrate;

/// `warroom migrate`.
#[derive(Debug, Args)]
#[command(after_help = "Example, with the bridge stopped:
  PGPASSWORD=... warroom migrate --from sqlite:warroom.db --to postgres://warroom@db.example/warroom

All of it is in the database afterwards, or nothing; the file stays as it is. Then name the database as `store` in the
config of every replica. Paths are relative to where you are.

Exit codes: 0 moved, 1 nothing was moved, 2 wrong usage.")]
pub(super) struct Options {
    /// The store as the config named it so far: `sqlite:` and a path
    #[arg(long, value_name = "STORE")]
    from: String,
    /// The database, which holds nothing of warroom yet; its password may stand in PGPASSWORD
    #[arg(long, value_name = "STORE")]
    to: String,
}

/// Moves everything, showing how far it is on a terminal.
pub(super) fn run(options: &Options, out: &mut dyn Write) -> Result<u8, Failure> {
    let parse = |text: &str| parse_store(text, Path::new(""), &environment);
    let from = parse(&options.from).map_err(|why| Failure::wrong(format!("--from: {why}")))?;
    let to = parse(&options.to).map_err(|why| Failure::wrong(format!("--to: {why}")))?;
    let (StoreAddress::Sqlite(path), StoreAddress::Postgres(address)) = (&from, &to) else {
        return Err(Failure::wrong("stores are moved from `sqlite:` to `postgres:` only"));
    };
    let mut said = anstream::stderr();
    let shows = io::stderr().is_terminal();
    let mut progress = |table: &'static str, rows: u64| {
        if shows {
            let _ = write!(said, "\r\x1b[K{table}: {rows} rows");
        }
    };
    let moved = migrate(path, address, &mut progress);
    if shows {
        let _ = write!(anstream::stderr(), "\r\x1b[K");
    }
    let moved = moved.map_err(|error| Failure::no(format!("{from} was not moved to {to}: {error}")))?;
    for table in moved.iter().filter(|table| table.rows > 0) {
        writeln!(
            out,
            "{:<16} {:>10} rows, checksum {:016x} in both",
            table.table, table.rows, table.checksum
        )?;
    }
    let rows: u64 = moved.iter().map(|table| table.rows).sum();
    writeln!(out, "{rows} rows were moved and compared; name {to} as `store` in the config")?;
    Ok(0)
}
