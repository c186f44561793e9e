//! The `warroom` command.

fn main() {}
