//! The one integration binary: `mod` lines only.

mod contract_engines;
mod contract_outputs;
mod corpus;
#[cfg(all(unix, feature = "jack"))]
mod jack;
#[cfg(all(unix, feature = "jack"))]
mod jack_child;
#[cfg(all(unix, feature = "jack"))]
mod jack_rig;
mod render;
mod screen;
mod sets;
mod sim;
mod tidy;
