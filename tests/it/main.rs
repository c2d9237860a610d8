//! The one integration binary: `mod` lines only.

mod benchmarks;
#[cfg(all(unix, feature = "jack"))]
mod clicks;
mod contract_engines;
mod contract_outputs;
mod corpus;
mod hall;
#[cfg(all(unix, feature = "jack"))]
mod jack;
#[cfg(all(unix, feature = "jack"))]
mod jack_child;
#[cfg(all(unix, feature = "jack"))]
mod jack_rig;
mod map;
#[cfg(all(unix, feature = "jack"))]
mod play;
#[cfg(unix)]
mod pty;
mod render;
mod screen;
mod sets;
mod sim;
mod slow;
mod take;
mod taste;
mod tidy;
mod train;
mod training_pane;
mod whims;
