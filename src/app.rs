//! Assembles everything.
