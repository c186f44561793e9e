//! The one integration binary: everything outside `src` is tested from here.

mod gateway_contract;
