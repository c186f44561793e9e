//! warroom: a verified Severity-1 alert becomes a `WhatsApp` group with the right people in it, briefed.

pub mod clock;
pub mod sandbox;
