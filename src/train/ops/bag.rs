//! Weighted sums of table rows, and the hidden layer of decisions and details, which is such a sum on top of a product.

use super::{Pool, floats, tensor, with_values};
use crate::train::kernel::{add_scaled, gelu, vectorised};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Error, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Lists of (row, weight), one a row of the result, stored end to end.
#[derive(Clone, Debug, Default)]
pub struct Bags {
    /// Rows of the table.
    pub ids: Vec<u32>,
    /// Their weights.
    pub weights: Vec<f32>,
    /// Where each list ends.
    pub ends: Vec<usize>,
}

impl Bags {
    /// Forgets all lists and keeps the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.weights.clear();
        self.ends.clear();
    }
    /// Adds a list.
    pub fn push(&mut self, ids: &[u32], weights: &[f32]) {
        self.ids.extend_from_slice(ids);
        self.weights.extend_from_slice(&weights[..ids.len()]);
        self.ends.push(self.ids.len());
    }
    /// Adds all lists of another.
    pub fn append(&mut self, other: &Bags) {
        let start = self.ids.len();
        self.ids.extend_from_slice(&other.ids);
        self.weights.extend_from_slice(&other.weights);
        self.ends.extend(other.ends.iter().map(|end| end + start));
    }
    /// Number of lists.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
    /// True without lists.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
    /// List `i`.
    pub fn get(&self, i: usize) -> (&[u32], &[f32]) {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        (&self.ids[start..self.ends[i]], &self.weights[start..self.ends[i]])
    }

    /// Every row is in a table of `rows`.
    pub(in crate::train) fn check(&self, rows: usize) -> Result<()> {
        match self.ids.iter().find(|id| **id as usize >= rows) {
            Some(id) => Err(Error::Msg(format!("feature {id} of a table of {rows}"))),
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn sum(&self, i: usize, table: &[f32], out: &mut [f32]) {
        let (ids, weights) = self.get(i);
        let width = out.len();
        for (id, w) in ids.iter().zip(weights) {
            add_scaled(out, &table[*id as usize * width..][..width], *w);
        }
    }

    #[inline(always)]
    fn scatter(&self, i: usize, slope: &[f32], table: &mut [f32]) {
        let (ids, weights) = self.get(i);
        for (id, w) in ids.iter().zip(weights) {
            add_scaled(&mut table[*id as usize * slope.len()..][..slope.len()], slope, *w);
        }
    }

    /// Adds every list's slope to its rows.
    fn scatter_all(&self, slopes: &[f32], rows: usize, width: usize) -> Vec<f32> {
        let mut table = vec![0.0; rows * width];
        vectorised(
            #[inline(always)]
            || (0..self.len()).for_each(|i| self.scatter(i, &slopes[i * width..][..width], &mut table)),
        );
        table
    }
}

/// The op: `table (rows, width) -> (lists, width)`.
pub struct Bag {
    /// The lists.
    pub bags: Arc<Bags>,
    /// Threads.
    pub pool: Pool,
}

impl CustomOp1 for Bag {
    fn name(&self) -> &'static str {
        "bag"
    }

    fn cpu_fwd(&self, table: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        let table = floats(table, layout)?;
        self.bags.check(rows)?;
        let mut out = vec![0.0; self.bags.len() * width];
        self.pool.run(|| {
            out.par_chunks_mut(64 * width).enumerate().for_each(|(c, chunk)| {
                vectorised(
                    #[inline(always)]
                    || chunk.chunks_exact_mut(width).enumerate().for_each(|(i, o)| self.bags.sum(c * 64 + i, table, o)),
                )
            });
        });
        Ok((CpuStorage::F32(out), Shape::from((self.bags.len(), width))))
    }

    fn bwd(&self, table: &Tensor, _: &Tensor, slope: &Tensor) -> Result<Option<Tensor>> {
        let (rows, width) = table.dims2()?;
        let grad = with_values(slope, |slope| Ok(self.bags.scatter_all(slope, rows, width)))?;
        Ok(Some(tensor(grad, table.dims())?))
    }
}

/// Which sums a [`Mix`] takes, in two levels: decisions of one role in one step share most of their rows.
#[derive(Clone, Debug, Default)]
pub struct MixPlan {
    /// For every group the row of the product that it starts from.
    pub product_row: Vec<u32>,
    /// For every group the rows that all its members share.
    pub shared: Bags,
    /// For every member its group.
    pub group: Vec<u32>,
    /// For every member its own rows.
    pub own: Bags,
}

impl MixPlan {
    /// Every row is in a table of `rows`, and every product one of `products`.
    pub(in crate::train) fn check(&self, products: usize, rows: usize) -> Result<()> {
        let groups = self.product_row.len();
        let fits = self.shared.len() == groups && self.own.len() == self.group.len();
        let known = self.product_row.iter().all(|r| (*r as usize) < products)
            && self.group.iter().all(|g| (*g as usize) < groups);
        if !fits || !known {
            return Err(Error::Msg("the plan of a mix does not fit".into()));
        }
        self.shared.check(rows)?;
        self.own.check(rows)
    }
}

/// The op: `(product (steps, width), table (rows, width)) -> gelu(product row + shared rows + own rows) * keep`, where
/// `keep` is dropout's mask (0 or 1 / (1 - p); empty: none).
pub struct Mix {
    plan: Arc<MixPlan>,
    keep: Vec<f32>,
    pool: Pool,
    slopes: Mutex<Vec<f32>>,
}

impl Mix {
    /// A mix of this plan.
    pub fn new(plan: Arc<MixPlan>, keep: Vec<f32>, pool: &Pool) -> Mix {
        Mix { plan, keep, pool: pool.clone(), slopes: Mutex::default() }
    }

    #[inline(always)]
    fn members(&self, first: usize, groups: &[f32], table: &[f32], width: usize, out: &mut [f32], slopes: &mut [f32]) {
        for (i, (o, s)) in out.chunks_exact_mut(width).zip(slopes.chunks_exact_mut(width)).enumerate() {
            o.copy_from_slice(&groups[self.plan.group[first + i] as usize * width..][..width]);
            self.plan.own.sum(first + i, table, o);
            for (o, s) in o.iter_mut().zip(s.iter_mut()) {
                (*o, *s) = gelu(*o);
            }
            if !self.keep.is_empty() {
                let keep = &self.keep[(first + i) * width..][..width];
                for ((o, s), k) in o.iter_mut().zip(s).zip(keep) {
                    *o *= k;
                    *s *= k;
                }
            }
        }
    }

    fn groups(&self, product: &[f32], table: &[f32], width: usize) -> Vec<f32> {
        let mut groups = vec![0.0; self.plan.product_row.len() * width];
        groups.par_chunks_mut(64 * width).enumerate().for_each(|(c, chunk)| {
            vectorised(
                #[inline(always)]
                || {
                    for (i, o) in chunk.chunks_exact_mut(width).enumerate() {
                        o.copy_from_slice(&product[self.plan.product_row[c * 64 + i] as usize * width..][..width]);
                        self.plan.shared.sum(c * 64 + i, table, o);
                    }
                },
            );
        });
        groups
    }
}

impl CustomOp2 for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn cpu_fwd(
        &self,
        product: &CpuStorage,
        pl: &Layout,
        table: &CpuStorage,
        tl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((products, width), (rows, table_width)) = (pl.shape().dims2()?, tl.shape().dims2()?);
        let (product, table) = (floats(product, pl)?, floats(table, tl)?);
        let count = self.plan.group.len();
        if width != table_width || !(self.keep.is_empty() || self.keep.len() == count * width) {
            return Err(Error::Msg("the arguments of a mix do not fit".into()));
        }
        self.plan.check(products, rows)?;
        let (mut out, mut slopes) = (vec![0.0; count * width], vec![0.0; count * width]);
        self.pool.run(|| {
            let groups = self.groups(product, table, width);
            let chunks = out.par_chunks_mut(64 * width).zip(slopes.par_chunks_mut(64 * width));
            chunks.enumerate().for_each(|(c, (out, slopes))| {
                vectorised(
                    #[inline(always)]
                    || self.members(c * 64, &groups, table, width, out, slopes),
                );
            });
        });
        *self.slopes.lock().unwrap_or_else(PoisonError::into_inner) = slopes;
        Ok((CpuStorage::F32(out), Shape::from((count, width))))
    }

    fn bwd(
        &self,
        product: &Tensor,
        table: &Tensor,
        _: &Tensor,
        slope: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((products, width), (rows, _)) = (product.dims2()?, table.dims2()?);
        let mut slopes = std::mem::take(&mut *self.slopes.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut dp, mut dt) = (vec![0.0; products * width], vec![0.0; rows * width]);
        let mut groups = vec![0.0; self.plan.product_row.len() * width];
        with_values(slope, |upstream| {
            if slopes.len() != upstream.len() {
                return Err(Error::Msg("a mix went back twice".into()));
            }
            vectorised(
                #[inline(always)]
                || {
                    slopes.iter_mut().zip(upstream).for_each(|(s, u)| *s *= u);
                    for (i, slope) in slopes.chunks_exact(width).enumerate() {
                        add_scaled(&mut groups[self.plan.group[i] as usize * width..][..width], slope, 1.0);
                        self.plan.own.scatter(i, slope, &mut dt);
                    }
                    for (g, slope) in groups.chunks_exact(width).enumerate() {
                        add_scaled(&mut dp[self.plan.product_row[g] as usize * width..][..width], slope, 1.0);
                        self.plan.shared.scatter(g, slope, &mut dt);
                    }
                },
            );
            Ok(())
        })?;
        Ok((Some(tensor(dp, product.dims())?), Some(tensor(dt, table.dims())?)))
    }
}
