//! The `rialto` binary as a library: command line, configuration files, the control plane and its admin pages.
//! It only connections: what a call meets on its way is in `rialto-core`, what knows bytes in `rialto-protocols`.
#![forbid(unsafe_code)]

pub mod access_log;
mod address;
pub mod admin;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod logging;
mod route;
pub mod state;
pub mod version;
