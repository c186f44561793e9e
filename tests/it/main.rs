//! The one integration binary: everything outside `src` is tested from here. One binary, because each more
//! would link the whole crate again.
#![cfg(test)]

mod configuring;
mod crash;
mod gates;
mod gateway_contract;
mod harness;
mod imports;
mod process;
mod receiving;
mod rooms;
mod sources;
