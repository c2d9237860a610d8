//! The one integration binary: `mod` lines only.

mod contract_engines;
mod screen;
mod corpus;
mod tidy;
