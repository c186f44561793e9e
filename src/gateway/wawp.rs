//! The Wawp v2 client.
