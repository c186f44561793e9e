//! The one integration binary: everything outside `src` is tested from here. One binary, because each more
//! would link the whole crate again.
#![cfg(test)]

mod configuring;
mod crash;
mod duty;
mod faults;
mod gates;
mod gateway_contract;
mod hardship;
mod harness;
mod imports;
mod odd_gateway;
mod operators;
mod ownership;
mod patience;
mod place;
mod process;
mod receiving;
mod reloading;
mod rooms;
mod simulation;
mod sources;
mod storm;
mod sweep;
mod verdict;
mod workers;
