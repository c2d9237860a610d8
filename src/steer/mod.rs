//! steer.
