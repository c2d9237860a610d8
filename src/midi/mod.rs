//! midi.
