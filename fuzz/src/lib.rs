//! The fuzz targets as functions, so that ordinary tests can replay the corpora through them.
pub mod bridge;
pub mod config;
pub mod detect;
mod frame;
mod graph;
pub mod hessian;
pub mod jsonb;
pub mod reframe;
pub mod session;
mod stock;
mod values;
