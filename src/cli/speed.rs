//! `bench net`, `parity`, `load`: the live step in each precision: its time, what its rounding does, and how late it is on a
//! machine that is busy.

use super::bench::{Figure, figure};
use crate::audio;
use crate::engine::lstm::kernel::Simd;
use crate::engine::lstm::{self, ARITHMETICS, Arithmetic, Weights};
use crate::engine::{self, engine_named};
use crate::wiring::models;
use anyhow::{Context, Result, anyhow};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn band() -> Result<Weights> {
    Weights::parse(models::BAND, &lstm::expected()).map_err(|why| anyhow!("the built-in model cannot be used: {why}"))
}

/// A step of the net alone in each precision on each path, then the widest path in turns.
pub fn net(figures: &mut Vec<Figure>) -> Result<()> {
    let weights = band()?;
    for arithmetic in ARITHMETICS {
        for simd in Simd::all().into_iter().filter(|simd| *simd != Simd::best()) {
            let f = lstm::bench::net(&weights, arithmetic, simd, 1000)?;
            let name = format!("{} {}, a step of 2 x 256, p50", arithmetic.name(), simd.name());
            figures.push(figure("net", &name, f.step.p50_us, "us", None));
        }
    }
    let mut rounds: Vec<Vec<lstm::bench::NetFigures>> = vec![Vec::new(); ARITHMETICS.len()];
    for _ in 0..5 {
        for (of_one, arithmetic) in rounds.iter_mut().zip(ARITHMETICS) {
            of_one.push(lstm::bench::net(&weights, arithmetic, Simd::best(), 2000)?);
        }
    }
    for (of_one, arithmetic) in rounds.iter_mut().zip(ARITHMETICS) {
        of_one.sort_by(|a, b| a.step.p50_us.total_cmp(&b.step.p50_us));
        let (name, f) = (format!("{} {}", arithmetic.name(), Simd::best().name()), of_one[of_one.len() / 2]);
        figures.push(figure("net", &format!("{name}, bytes of all matrices"), f.bytes as f64 / 1e6, "MB", None));
        figures.push(figure("net", &format!("{name}, a step of 2 x 256, p50"), f.step.p50_us, "us", None));
    }
    Ok(())
}

/// The built-in model in each precision on each path against plain candle.
pub fn parity(figures: &mut Vec<Figure>) -> Result<()> {
    for p in lstm::parity::measure(&band()?)? {
        let name = format!("{} {}, off plain candle", p.precision, p.path);
        let bound = (p.precision == Arithmetic::F32.name()).then_some("<= 10");
        figures.push(figure(
            "parity",
            &format!("{name}, any probability"),
            f64::from(p.probability) * 1e6,
            "1e-6",
            bound,
        ));
        figures.push(figure("parity", &format!("{name}, any logit"), f64::from(p.logit) * 1e6, "1e-6", None));
    }
    Ok(())
}

/// Ends what spins when it is dropped.
struct Spin<'a>(&'a AtomicBool);

impl Drop for Spin<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Steps of the band, one every few milliseconds, beside a synth of 16 voices that plays in real time, with every other core busy.
pub fn load(figures: &mut Vec<Figure>) -> Result<()> {
    const VOICES: usize = 16;
    const STEPS: u64 = 4000;
    const PAUSE: Duration = Duration::from_millis(4);
    let kind = engine_named("lstm").context("this build has no LSTM engine")?;
    let others = std::thread::available_parallelism().map_or(1, |n| n.get().saturating_sub(1).max(1));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _spin = Spin(&stop);
        for _ in 0..others {
            scope.spawn(|| {
                while !stop.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
            });
        }
        let (_stream, feed) = audio::bench::playing(VOICES).context("the synth's thread does not start")?;
        for arithmetic in ARITHMETICS {
            let models = models::load(models::Choice { arithmetic, ..models::Choice::default() })?;
            let blocks = feed.callbacks();
            let band = engine::bench::paced(&mut || (kind.open)(&models), STEPS, PAUSE)?.band;
            let name = format!("{}, a step of the band", arithmetic.name());
            figures.push(figure("load", &format!("{name}, p50"), band.p50_us, "us", None));
            figures.push(figure("load", &format!("{name}, p99"), band.p99_us, "us", None));
            let bound = (arithmetic == Arithmetic::F32).then_some("<= 5000");
            figures.push(figure("load", &format!("{name}, p99.9"), band.p999_us, "us", bound));
            figures.push(figure("load", &format!("{name}, max"), band.max_us, "us", None));
            let blocks = feed.callbacks() - blocks;
            figures.push(figure(
                "load",
                &format!("{}, blocks of sound meanwhile", arithmetic.name()),
                blocks as f64,
                "",
                None,
            ));
        }
        figures.push(figure("load", "voices that sounded", f64::from(feed.meters().voices), "", None));
        Ok(())
    })
}
