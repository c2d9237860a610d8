//! Ops of the trainer: candle custom ops with hand-written gradients, each fused over a whole batch.
//!
//! Every op is made anew for a forward pass, keeps what its backward pass needs, and is first-order only.
//! Rows are ordered by shard, then time, then piece ([`Rows`]), so that every shard runs through time alone.

mod bag;
mod dropout;
mod heads;
mod linear;
mod lstm;

pub use bag::{Bag, Bags, Mix, MixPlan};
pub use dropout::{Dropout, mask};
pub use heads::{DETAIL_BIAS, DETAIL_CLASSES, DetailTargets, Details, Heads, Known, RoleTargets};
pub use linear::Linear;
pub use lstm::{LstmLayer, LstmState};

use crate::engine::lstm::device;
use crate::train::report::TrainError;
use candle_core::{CpuStorage, Device, Error, Layout, Result, Tensor};
use std::sync::Arc;

/// How the rows of a batch lie: `shards` x `steps` x `batch` pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Parts of the batch that run through time on their own, in parallel when there are threads.
    pub shards: usize,
    /// Grid steps.
    pub steps: usize,
    /// Pieces of one shard.
    pub batch: usize,
}

impl Rows {
    /// Rows of all shards.
    pub fn total(&self) -> usize {
        self.shards * self.steps * self.batch
    }
    /// The row of a step of a piece; pieces are numbered through all shards.
    pub fn row(&self, piece: usize, step: usize) -> usize {
        (piece / self.batch * self.steps + step) * self.batch + piece % self.batch
    }
}

/// What nets compute with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// The fused ops, on the processor.
    #[default]
    Fused,
    /// Plain candle operations, on the processor: what a GPU does, to be compared.
    Plain,
    /// Plain candle operations on the first NVIDIA GPU.
    Cuda,
}

impl Compute {
    /// The device of plain operations; `None` for the fused ones.
    ///
    /// # Errors
    /// A sentence when this build or this machine has no CUDA.
    pub fn device(self) -> std::result::Result<Option<Device>, TrainError> {
        match self {
            Compute::Fused => Ok(None),
            Compute::Plain => Ok(Some(Device::Cpu)),
            Compute::Cuda => device(true).map(Some).map_err(|e| TrainError::Setting(e.to_string())),
        }
    }
}

/// Where a net computes: on the trainer's own threads, so that live playing never queues behind it, or on a device.
#[derive(Clone)]
pub struct Pool {
    /// Threads, at least one.
    pub threads: usize,
    pool: Arc<rayon::ThreadPool>,
    device: Option<Device>,
}

impl Pool {
    /// A pool of at least one thread.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(threads: usize) -> std::result::Result<Pool, rayon::ThreadPoolBuildError> {
        let threads = threads.max(1);
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("train {i}")).build()?;
        Ok(Pool { threads, pool: Arc::new(pool), device: None })
    }
    /// A pool for nets that compute this way.
    ///
    /// # Errors
    /// A sentence when the system gives no threads, or has no such device.
    pub fn of(compute: Compute, threads: usize) -> std::result::Result<Pool, TrainError> {
        let pool = Pool::new(threads).map_err(|e| TrainError::Setting(format!("no threads for training: {e}")))?;
        Ok(Pool { device: compute.device()?, ..pool })
    }
    /// The device of nets in plain candle operations; `None` where they have the fused ops.
    pub fn plain(&self) -> Option<&Device> {
        self.device.as_ref()
    }
    /// Where variables lie.
    pub fn device(&self) -> &Device {
        self.device.as_ref().unwrap_or(&Device::Cpu)
    }
    /// Runs `work` where rayon's calls use this pool.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}

/// The numbers of an op's argument, which must be contiguous f32.
pub(in crate::train) fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => Err(Error::Msg("a training op needs contiguous numbers".into())),
    }
}

/// The numbers of a tensor, copied out.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1::<f32>()
}

/// Gives the numbers of a contiguous f32 tensor to `work` without a copy.
pub(in crate::train) fn with_values<T>(tensor: &Tensor, work: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(cpu) => work(floats(cpu, layout)?),
        _ => Err(Error::Msg("the fused training ops run on the CPU".into())),
    }
}

pub(in crate::train) fn tensor(values: Vec<f32>, dims: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(values, dims, &candle_core::Device::Cpu)
}
