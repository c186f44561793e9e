//! The commands. The only place that prints.

pub mod check;
pub mod who;
