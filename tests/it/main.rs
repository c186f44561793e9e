//! The one integration binary: everything outside `src` is tested from here. One binary, because each more
//! would link the whole crate again.
#![cfg(test)]

mod budget;
mod calling;
mod configuring;
mod consent;
mod contacts;
mod crash;
mod crowd;
mod duty;
mod dying;
mod events;
mod failover;
mod faults;
mod follow_ups;
mod gates;
mod gateway_contract;
mod golden;
mod handouts;
mod hardship;
mod harness;
mod imports;
mod listing;
mod odd_gateway;
mod one_room;
mod operators;
mod ownership;
mod patience;
mod place;
mod process;
mod quorum;
mod receiving;
mod relatives;
mod reloading;
mod rooms;
mod seats;
mod simulation;
mod sns;
mod sources;
mod storm;
mod sweep;
mod truth;
mod unreadable;
mod verdict;
mod word;
mod workers;
