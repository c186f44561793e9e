//! The `warroom` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    warroom::cli::run(warroom::cli::Cli::parse())
}
