//! warroom: a verified Severity-1 alert becomes a `WhatsApp` group with the right people in it, briefed.
//!
//! # The way of an alert
//!
//! ```text
//! monitoring tool ──POST──▶ receiver ─▶ signature ─▶ source ─▶ incident ─▶ store ──200──▶ monitoring tool
//!                                       raw bytes     Alert      fold      one transaction
//!
//!            ┌──────────────────────────── signal, timer ◀───────────────────────┘
//!            ▼
//!         worker ─▶ room::plan ─▶ store (intent) ─▶ gateway (one call) ─▶ room.finish ─▶ store (outcome)
//!            ▲              pure                                                    pure           │
//!            └─────────────────────────── until it sleeps ─────────────────────────────────────────┘
//! ```
//!
//! # The map, in reading order
//!
//! Words: [`alert`] (what a tool reports), [`incident`] (what people gather around), [`roster`] (who there
//! is), [`room`] (the group made for an incident; the file worth reading twice), [`message`] (what is said),
//! [`pacing`], [`matcher`], [`jid`], [`json`]. All pure: no I/O, no clock, no chance.
//!
//! Edges: [`receiver`] with [`signature`] and [`source`] (one file per monitoring tool), by which also comes
//! what the chat provider tells by itself ([`gateway::notice`]); [`gateway`] (one file per chat provider); [`store`]; [`console`]; [`config`]; [`clock`]; [`telemetry`]; [`problem`]; [`peer`] and [`fair_share`].
//!
//! Movement: [`worker`] does the work, [`app`] puts everything together and is the only place that starts
//! tasks, [`cli`] is the only place that prints. [`sandbox`] is the other side: a chat provider to run
//! against, which shares no code with the client.
//!
//! # What always holds
//!
//! - A 2xx to a monitoring tool means that the alert is on disk.
//! - Nothing is parsed that was not verified: only [`signature::verify`] makes a
//!   [`VerifiedBody`](signature::VerifiedBody).
//! - An intent is stored before a call and its outcome after it, and both compare the lease. A call whose
//!   outcome is unknown is looked for, never repeated blindly.
//! - Nothing is undone automatically: a room goes forward, or is parked for a person.
//! - Nothing here retries in memory: what waits, waits in a row with a moment in it.

pub mod alert;
pub mod app;
pub mod chat_text;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consent;
pub mod console;
pub mod fair_share;
pub mod gateway;
pub mod incident;
pub mod jid;
pub mod json;
pub mod matcher;
pub mod message;
pub mod number;
pub mod pacing;
pub mod peer;
pub mod problem;
pub mod receiver;
pub mod room;
pub mod roster;
pub mod roster_in_force;
pub mod sandbox;
pub mod signature;
pub mod source;
pub mod store;
pub mod telemetry;
pub mod worker;
