//! Starts the chosen run mode; nothing else.

fn main() {}
