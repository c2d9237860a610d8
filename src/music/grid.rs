//! Text grids for drums and piano rolls.
