//! The room: a persisted saga that takes one incident from "nobody knows" to "everybody is briefed".

pub mod phase;
pub mod policy;
pub mod seat;
