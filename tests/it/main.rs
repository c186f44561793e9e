//! The one integration binary: everything outside `src` is tested from here. One binary, because each more
//! would link the whole crate again.

#[cfg(test)]
mod configuring;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod sources;
