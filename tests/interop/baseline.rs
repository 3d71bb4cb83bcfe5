//! What stock peers do without a proxy (`tests/peers/java/stock-baseline.json`).
use super::cell::Outcome;
use super::plan::Pair;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// The recorded results of all pairs.
pub(crate) struct Baseline {
    /// Outcomes other than ok, by consumer, provider and case.
    failing: HashMap<(String, String, String), Outcome>,
    /// The number of cases of each pair.
    runs: HashMap<(String, String), usize>,
}

#[derive(Deserialize)]
struct BaselineFile {
    runs: Vec<Ran>,
    failing: Vec<Failing>,
}

#[derive(Deserialize)]
struct Ran {
    consumer: String,
    provider: String,
    cases: usize,
}

#[derive(Deserialize)]
struct Failing {
    consumer: String,
    provider: String,
    case: String,
    outcome: Outcome,
}

impl Baseline {
    pub(crate) fn read() -> anyhow::Result<Baseline> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/java/stock-baseline.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let file: BaselineFile = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let failing = file
            .failing
            .into_iter()
            .map(|f| ((f.consumer, f.provider, f.case), f.outcome))
            .collect();
        let runs = file
            .runs
            .into_iter()
            .map(|r| ((r.consumer, r.provider), r.cases))
            .collect();
        Ok(Baseline { failing, runs })
    }

    /// The number of cases of the pair.
    ///
    /// # Errors
    /// The pair was never run without a proxy.
    pub(crate) fn cases(&self, pair: &Pair) -> anyhow::Result<usize> {
        let found = self.runs.get(&(pair.consumer.name(), pair.provider.name()));
        ensure!(
            found.is_some(),
            "stock-baseline.json does not know {}: run tests/peers/java/baseline.py",
            pair.name()
        );
        Ok(found.copied().unwrap_or_default())
    }

    pub(crate) fn outcome(&self, pair: &Pair, case: &str) -> Outcome {
        let key = (pair.consumer.name(), pair.provider.name(), case.to_owned());
        self.failing.get(&key).copied().unwrap_or(Outcome::Ok)
    }
}
