//! The one integration binary: everything outside `src` is tested from here.

#[cfg(test)]
mod configuring;
#[cfg(test)]
mod sources;
