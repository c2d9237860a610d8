//! Measures of a bar that are also controls: density and register.

use crate::music::Role;

/// Density of a role in a bar, 0..=1: its onsets (for chords: notes) per sixteen steps as a share of a full bar
/// of that role (drums 32, bass 16, chords 48, lead 16), so that all metres are measured alike.
pub fn density(role: Role, onsets: u32, bar_steps: u32) -> f32 {
    (onsets as f32 * 16.0 / (bar_steps.max(1) as f32 * FULL[role.index()])).min(1.0)
}

/// Onsets (for drums and chords: notes) of a bar of that density: the inverse of [`density`].
pub fn onsets(role: Role, density: f32, bar_steps: u32) -> f32 {
    density.clamp(0.0, 1.0) * FULL[role.index()] * bar_steps as f32 / 16.0
}

/// Onsets in sixteen steps of a full bar.
const FULL: [f32; 4] = [32.0, 16.0, 48.0, 16.0];

/// Register of a role in a bar, 0..=1: where its mean pitch lies in the role's range; `None` for drums and for silence.
pub fn register(role: Role, pitch_sum: u32, count: u32) -> Option<f32> {
    if count == 0 || !role.is_pitched() {
        return None;
    }
    let (low, high) = role.range();
    let mean = pitch_sum as f32 / count as f32;
    Some(((mean - f32::from(low)) / f32::from(high - low)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn measures_stay_within_0_and_1() {
        assert_eq!(density(Role::Bass, 8, 16), 0.5);
        assert_eq!(density(Role::Bass, 6, 12), 0.5);
        assert_eq!(onsets(Role::Bass, 0.5, 12), 6.0);
        assert_eq!(density(Role::Lead, 90, 16), 1.0);
        assert_eq!(register(Role::Bass, 44 * 3, 3), Some(0.5));
        assert_eq!((register(Role::Bass, 10, 1), register(Role::Lead, 0, 0)), (Some(0.0), None));
        assert_eq!(register(Role::Drums, 36, 1), None);
    }
}
