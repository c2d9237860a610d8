//! The one integration binary: `mod` lines only.

mod tidy;
