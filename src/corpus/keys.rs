//! The key of a piece: Krumhansl and Kessler's profiles (Krumhansl, "Cognitive Foundations of Musical Pitch", 1990),
//! helped by the key signature.

use super::piece::GridNote;
use crate::midi::KeySignature;
use crate::music::{Key, SCALES};

/// How well each pitch class fits, from the tonic upwards: major, then minor.
const PROFILES: [[f32; 12]; 2] = [
    [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
];

/// Added to the correlation of the two keys that a key signature allows: the empty signature, which many programs write by
/// default, and any other. Signatures often lack the mode, so they help and do not decide.
const SIGNATURE_BONUS: [f32; 2] = [0.1, 0.25];

/// The most likely of the 24 major and minor keys; `None` when there is no pitched note.
pub fn estimate(notes: &[GridNote], signature: Option<KeySignature>) -> Option<Key> {
    let mut weights = [0f32; 12];
    for note in notes.iter().filter(|n| n.role.is_pitched()) {
        weights[usize::from(note.note.pitch % 12)] += f32::from(note.note.duration_steps.min(16));
    }
    if weights.iter().all(|w| *w == 0.0) {
        return None;
    }
    let mut best: Option<(f32, Key)> = None;
    for (profile, name) in PROFILES.iter().zip(["major", "minor"]) {
        let scale = *SCALES.iter().find(|s| s.name == name)?;
        for tonic in 0..12u8 {
            let relative = if name == "minor" { (tonic + 3) % 12 } else { tonic };
            let is_signed = signature.is_some_and(|s| KeySignature { is_minor: false, ..s }.tonic() == relative);
            let bonus = signature.filter(|_| is_signed).map_or(0.0, |s| SIGNATURE_BONUS[usize::from(s.fifths != 0)]);
            let score = correlation(&weights, profile, tonic) + bonus;
            if best.is_none_or(|b| score > b.0) {
                best = Some((score, Key { tonic, scale }));
            }
        }
    }
    best.map(|b| b.1)
}

/// Pearson's correlation of pitch-class weights with a profile moved to a tonic.
fn correlation(weights: &[f32; 12], profile: &[f32; 12], tonic: u8) -> f32 {
    let mean_w = weights.iter().sum::<f32>() / 12.0;
    let mean_p = profile.iter().sum::<f32>() / 12.0;
    let (mut wp, mut ww, mut pp) = (0.0, 0.0, 0.0);
    for (i, p) in profile.iter().enumerate() {
        let w = weights[(i + usize::from(tonic)) % 12] - mean_w;
        let p = p - mean_p;
        wp += w * p;
        ww += w * w;
        pp += p * p;
    }
    if ww == 0.0 { 0.0 } else { wp / (ww * pp).sqrt() }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::music::{Role, StepNote};

    fn key_of(pitches: &[u8], signature: Option<(i8, bool)>) -> String {
        let notes: Vec<GridNote> = pitches
            .iter()
            .enumerate()
            .map(|(i, p)| GridNote { step: i as u32, role: Role::Lead, note: StepNote::new(*p, 80, 1) })
            .collect();
        let signature = signature.map(|(fifths, is_minor)| KeySignature { fifths, is_minor });
        estimate(&notes, signature).map_or("none".into(), |k| k.to_string())
    }

    #[test]
    fn tunes_have_their_keys() {
        assert_eq!(key_of(&[60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60], None), "C major");
        assert_eq!(key_of(&[57, 59, 60, 62, 64, 65, 68, 69, 64, 60, 57], None), "A minor");
        assert_eq!(key_of(&[62, 64, 66, 67, 69, 71, 73, 74, 69, 66, 62], None), "D major");
        assert_eq!(key_of(&[], Some((0, false))), "none");
    }

    #[test]
    fn a_signature_helps_and_does_not_decide() {
        // A scale without a centre: the signature settles it.
        assert_eq!(key_of(&[60, 62, 64, 67, 69], Some((1, false))), "G major");
        // A default signature of C over music in D flat says nothing.
        assert_eq!(key_of(&[61, 63, 65, 66, 68, 70, 72, 73, 68, 65, 61], Some((0, false))), "C# major");
    }
}
