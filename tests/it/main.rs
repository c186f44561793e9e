//! The one integration binary: everything outside `src` is tested from here.

mod configuring;
#[cfg(test)]
mod sources;
