//! Tests of the crate through its public API.
#[cfg(test)]
mod conversions;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod grammar;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod splice;
#[cfg(test)]
mod support;
