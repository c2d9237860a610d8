//! Terminal: taking it and giving it back.
