//! A weighted set of rows of an embedding table, and the tables' groups.

/// A group of neighbouring rows of an embedding table.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What it is called; part of the fingerprint.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u32,
    /// What the rows mean.
    pub doc: &'static str,
}

/// A group, for the tables.
pub const fn group(name: &'static str, rows: u32, doc: &'static str) -> Group {
    Group { name, rows, doc }
}

/// First row of the group called `name`; a wrong name stops the build.
pub const fn start_of(groups: &[Group], name: &str) -> u32 {
    let (mut i, mut row) = (0, 0);
    while i < groups.len() {
        if same(groups[i].name.as_bytes(), name.as_bytes()) {
            return row;
        }
        row += groups[i].rows;
        i += 1;
    }
    panic!("no group has this name")
}

/// All rows of the groups.
pub const fn total(groups: &[Group]) -> u32 {
    let (mut i, mut row) = (0, 0);
    while i < groups.len() {
        row += groups[i].rows;
        i += 1;
    }
    row
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Rows and their weights: the input `sum of weight_k x table[id_k]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bag {
    /// Rows of the table.
    pub ids: Vec<u32>,
    /// One weight for each row.
    pub weights: Vec<f32>,
}

impl Bag {
    /// An empty bag with room for every row that a step can name.
    pub fn new() -> Bag {
        Bag { ids: Vec::with_capacity(512), weights: Vec::with_capacity(512) }
    }
    /// Forgets every row and keeps the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.weights.clear();
    }
    /// Takes over the rows of another bag, into the memory that is there.
    pub fn copy_from(&mut self, other: &Bag) {
        self.clear();
        self.ids.extend_from_slice(&other.ids);
        self.weights.extend_from_slice(&other.weights);
    }
    /// Adds a row.
    pub fn push(&mut self, id: u32, weight: f32) {
        self.ids.push(id);
        self.weights.push(weight);
    }
    /// Adds a row of weight 1.
    pub fn one(&mut self, id: u32) {
        self.push(id, 1.0);
    }
    /// Adds a row of weight 1 for every bit of `bits`, counted from row `start`.
    pub fn bits(&mut self, start: u32, mut bits: u128) {
        while bits != 0 {
            self.one(start + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    /// Rows and weights in pairs.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.ids.iter().copied().zip(self.weights.iter().copied())
    }
}
