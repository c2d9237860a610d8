//! Every capacity and budget of the instrument, each with its reason.

/// Steps that the player has already committed to outputs reach this far ahead of now.
/// 100 ms: what a loaded two-core machine needs so that no event is late (measured: 20 ms loses notes).
pub const HAND_OVER_MS: u64 = 100;
/// A replacement for a step must reach the player this long before the step is handed over.
pub const REVISION_GUARD_MS: u64 = 8;
/// Bars planned ahead by default, and the most a performer may ask for.
pub const PLAN_BARS: u32 = 2;
/// The most bars that can be planned ahead.
pub const PLAN_BARS_MAX: u32 = 8;
/// A step whose plan is missing or void is waited for until this long before it begins: two periods of 512 frames for
/// the output, and [`REVISION_GUARD_MS`]. Then the player helps itself.
pub const LAST_CALL_MS: u64 = 22 + REVISION_GUARD_MS;
/// From the start key to the first tick: time for the first events to reach an output's queue.
pub const START_LEAD_MS: u64 = 20;
/// When the player wakes up later than this after its deadline (a stopped process, a sleeping machine), the music goes
/// on from where it was instead of catching up in a burst.
pub const STALL_MS: u64 = 1000;
/// Bars of history that engines may look back on (two for lookback, the rest for `hold` and fallback).
pub const HISTORY_BARS: u32 = 16;
/// Longest bar in steps: 12/4 and 24/8.
pub const BAR_STEPS_MAX: u32 = 48;
/// Notes one part may start in one step. A ten-finger chord and some: the kit has 13 rows.
pub const NOTES_PER_STEP: usize = 16;
/// Parts in a set: sixteen MIDI channels.
pub const PARTS_MAX: usize = 16;
/// Style names in one blend.
pub const BLEND_MAX: usize = 8;
/// Model files kept loaded beside the model of the performance, for rewinds and other parts: 16 MB each at most as shipped.
pub const MODELS_MAX: usize = 8;
/// Points of the latent space that can be stored by name: more than a hand finds again, and 16 kB.
pub const POINTS_MAX: usize = 64;
/// Commands waiting for the conductor; when full the sender keeps the newest per control and says so.
pub const COMMANDS: usize = 256;
/// Messages waiting for the player; a planned step each, so eight bars of sixteenths and room.
pub const PLAYER_INBOX: usize = 1024;
/// Notices waiting for the screen; when full the newest are dropped and counted.
pub const NOTICES: usize = 256;
/// Events waiting in one output's ring; more than a hand-over horizon of 16 parts can hold.
pub const OUTPUT_RING: usize = 4096;
/// Time that one call into a script may take, dry run included.
pub const SCRIPT_DEADLINE_MS: u64 = 50;
/// Largest script that is read.
pub const SCRIPT_BYTES: usize = 1 << 20;
/// Largest MIDI file that is read: real ones are below 1 MiB.
pub const MIDI_FILE_BYTES: u64 = 16 << 20;
/// Notes accepted from one MIDI file.
pub const MIDI_FILE_NOTES: usize = 400_000;
/// Longest MIDI file that is read, in sixteenths: nine hours at 120. Keeps a crafted file from taking the memory.
pub const MIDI_FILE_STEPS: u32 = 1 << 18;
/// Largest file of a likelihood benchmark: by its counts the largest public one, MuseData, takes some 7 MB.
pub const BENCHMARK_BYTES: u64 = 16 << 20;
/// Pieces in one split of a benchmark: the public ones have 694 at most.
pub const BENCHMARK_PIECES: usize = 4096;
/// Steps in one piece of a benchmark: two hours of sixteenths at 120.
pub const BENCHMARK_STEPS: usize = 1 << 16;
/// Files read from one corpus folder: two orders of magnitude above the largest shipped one.
pub const CORPUS_FILES: usize = 200_000;
/// Bars that the player repeats from memory when no plan comes, before it is silent on purpose.
pub const FALLBACK_BARS: u32 = 8;
/// Voices of the internal synth.
pub const SYNTH_VOICES: usize = 24;
