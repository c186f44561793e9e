//! warroom: a verified Severity-1 alert becomes a `WhatsApp` group with the right people in it, briefed.

pub mod alert;
pub mod cli;
pub mod clock;
pub mod config;
pub mod gateway;
pub mod jid;
pub mod matcher;
pub mod pacing;
pub mod room;
pub mod roster;
pub mod signature;
pub mod source;
