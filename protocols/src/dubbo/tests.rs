//! Frames of stock peers, and calls through the whole codec.
