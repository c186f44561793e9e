//! warroom: a verified Severity-1 alert becomes a `WhatsApp` group with the right people in it, briefed.

pub mod alert;
pub mod clock;
pub mod gateway;
pub mod incident;
pub mod jid;
pub mod matcher;
pub mod message;
pub mod pacing;
pub mod room;
pub mod roster;
pub mod store;
pub mod telemetry;
pub mod worker;
