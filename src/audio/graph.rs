//! A fundsp graph that runs one frame at a time on the audio callback.

use std::fmt;

use fundsp::prelude::{An, AudioNode, AudioUnit};

/// A graph with `I` inputs and `O` outputs behind one pointer: its type, pages long, stays out of the synth.
///
/// One frame at a time, since fundsp's own blocks of 64 frames would let the host's block sizes be heard.
pub struct Graph<const I: usize, const O: usize> {
    unit: Box<dyn AudioUnit>,
}

impl<const I: usize, const O: usize> Graph<I, O> {
    /// Prepares a graph for `sample_rate` (Hz) and allocates all that it will need. Its inputs and outputs must be `I` and
    /// `O`: the effects' tests would panic at the first frame otherwise.
    pub fn new(graph: An<impl AudioNode + 'static>, sample_rate: f32) -> Graph<I, O> {
        let mut unit: Box<dyn AudioUnit> = Box::new(graph);
        unit.set_sample_rate(f64::from(sample_rate));
        unit.allocate();
        unit.reset();
        Graph { unit }
    }

    /// One frame.
    #[inline]
    pub fn tick(&mut self, input: [f32; I]) -> [f32; O] {
        let mut output = [0.0; O];
        self.unit.tick(&input, &mut output);
        output
    }

    /// Forgets everything; wipes the graph's memory, but allocates nothing.
    pub fn clear(&mut self) {
        self.unit.reset();
    }
}

impl<const I: usize, const O: usize> fmt::Debug for Graph<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph<{I}, {O}>")
    }
}
