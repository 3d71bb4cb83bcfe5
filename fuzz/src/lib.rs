//! What the fuzz targets do, as functions: ordinary tests replay the corpora through them.
pub mod hessian;
