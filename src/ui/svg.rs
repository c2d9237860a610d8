//! Svg: the screen as a picture.
