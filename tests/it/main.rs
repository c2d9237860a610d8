//! The one integration binary: `mod` lines only.

mod contract_engines;
mod corpus;
mod screen;
mod tidy;
