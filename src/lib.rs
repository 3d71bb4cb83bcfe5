//! The `rialto` binary as a library: command line, configuration files, the control plane and the admin pages.
//!
//! This crate only connects the others. The path of a call is in `rialto-core`, and wire formats are in
//! `rialto-protocols`.
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
