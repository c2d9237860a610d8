//! The kit: kick, backbeat, hats, and what marks a phrase.

use super::{Moment, rhythm};
use crate::engine::sampling;
use crate::music::{StepNotes, kit};

const KICK: usize = 0;
const SNARE: usize = 1;
const RIM: usize = 2;
const HAT: usize = 4;
const OPEN: usize = 6;
const TOMS: [usize; 3] = [9, 8, 7];
const CRASH: usize = 10;
const RIDE: usize = 11;
/// Bars of a phrase: a crash where it begins, a fill where it ends.
const PHRASE_BARS: u64 = 8;

/// What the kit plays in this step.
pub fn play(moment: &Moment, out: &mut StepNotes) {
    let place = &moment.ask.place;
    let (bar, at) = (place.metre.bar_steps(), place.step_in_bar);
    // Where eighths are counted, the kit feels them in pairs.
    let beat = place.metre.beat_steps();
    let beat = if beat < 4 && bar >= 8 { 4 } else { beat };
    let (density, free) = (moment.density_or(0.4), moment.freedom());
    let beats = (bar / beat).max(1);
    let mut strike = |row: usize, base: f32| {
        let pitch = kit::ROWS[row].pitch;
        if sampling::is_allowed(moment.ask, pitch, 0) && !out.iter().any(|n| n.pitch == pitch) {
            out.push(moment.note(pitch, base, 1, row as u64));
        }
    };
    let is_beat = at.is_multiple_of(beat);
    let is_backbeat = is_beat && if beats == 3 { at / beat == 2 } else { (at / beat) % 2 == 1 };
    let is_end = moment.ask.bars_to_end == Some(1) || place.bar % PHRASE_BARS == PHRASE_BARS - 1;
    let is_fill = is_end && free > 0.0 && density > 0.15 && beats > 1 && at >= bar - beat;
    if is_fill && moment.unit(6) < 0.45 + 0.5 * density {
        let tom = ((at + beat - bar) * TOMS.len() as u32 / beat) as usize;
        strike(if moment.unit(7) < 0.4 { SNARE } else { TOMS[tom.min(2)] }, 80.0);
        return;
    }
    // Sparse kicks stand on the bar line, busy ones spread over the bar.
    let kicks = (1.0 + density * 5.0 * bar as f32 / 16.0) as u32;
    let kick = rhythm::is_onset(kicks, bar, 0, at) && (at == 0 || !is_backbeat);
    if kick || (!is_beat && moment.unit(1) < 0.1 * free * density) {
        strike(KICK, 82.0);
    }
    if is_backbeat {
        strike(if density < 0.2 { RIM } else { SNARE }, 84.0);
    } else if moment.unit(2) < 0.25 * free * (density - 0.25) {
        strike(SNARE, 28.0);
    }
    if at == 0 && place.bar > 0 && place.bar.is_multiple_of(PHRASE_BARS) && density > 0.2 {
        strike(CRASH, 76.0);
        return;
    }
    let every = match density {
        d if d < 0.15 => beat,
        d if d < 0.55 => (beat / 2).max(1),
        _ => 1,
    };
    if at.is_multiple_of(every) && moment.unit(3) >= 0.08 * free {
        let is_open = at + every >= bar && moment.unit(4) < 0.5 * free;
        let row = if place.bar % (2 * PHRASE_BARS) >= PHRASE_BARS && density > 0.5 { RIDE } else { HAT };
        strike(if is_open { OPEN } else { row }, if is_beat { 62.0 } else { 54.0 });
    }
}
