//! The counts of the run, what is wrong with them, and the page that they are written to.
use super::Pair;
use super::doubles::{Again, Counts};
use crate::interop::options::say;
use serde::Deserialize;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

const PATH: &str = "docs/soak.md";

const HEAD: &str = "\
# Doubled responses

*Written by `cargo xtask soak doubled --update-docs`: what is below the date was counted on that run. Do not edit.*

A response must meet its own call only, also when a provider, or something in front of it, sends the response twice. Here stock Dubbo and
SOFARPC consumers call stock providers through one `rialto` with one worker, whose calls share one space of ids. Each call has an argument of
its own, and its consumer checks that the result is for this argument.

* A TCP relay in front of each provider sends **every response a second time**: a quarter at once, a quarter 50 to 150 responses later, a quarter
  3,600 to 4,600 later, and a quarter 4,096 later.
* First each pair makes 10,000 calls, one at a time. A version whose ids came round after 4,096 calls (085ff0b) gave 5,821 of these 40,000 calls the
  response of another.
* Then all pairs call at the same time, each with three consumers that have 32 calls in flight each. One response in 500 comes only when its call has timed out, and
  then twice. After 5 million calls at most, all consumers are replaced, and abandon the calls that they have in flight.

The run fails if a call gets what is not for it or fails by anything but its timeout, if one of these kinds of calls or doubles does not occur, and if
Rialto itself counts fewer responses without a call than there were doubles.

    cargo xtask soak doubled                          # 10,000,000 calls; JDK 17, Maven
    cargo xtask soak doubled --calls 400000           # some minutes
    cargo xtask soak doubled --update-docs            # and write this page
    RIALTO_BIN=/path/to/rialto cargo xtask soak doubled

Unless `RIALTO_BIN` names another, the program is the one that the tests use (the profile `quick`: optimised, with debug assertions).

";

/// What came of calls, as consumers tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Calls {
    pub(crate) sent: u64,
    right: u64,
    /// Calls that got something else than their own result.
    wrong: u64,
    timed_out: u64,
    /// Calls that failed by anything but their timeout.
    failed: u64,
    /// Calls in flight when their consumer ended.
    abandoned: u64,
    examples: Vec<String>,
}

impl Calls {
    pub(crate) fn add(&mut self, other: &Calls) {
        self.sent += other.sent;
        self.right += other.right;
        self.wrong += other.wrong;
        self.timed_out += other.timed_out;
        self.failed += other.failed;
        self.abandoned += other.abandoned;
        self.examples.extend_from_slice(&other.examples);
    }

    pub(crate) fn text(&self) -> String {
        format!(
            "{} calls: {} right, {} wrong, {} timed out, {} failed, {} abandoned",
            self.sent, self.right, self.wrong, self.timed_out, self.failed, self.abandoned
        )
    }
}

/// The counts of a pair.
pub(crate) struct Row {
    name: &'static str,
    calls: Calls,
    responses: u64,
    /// By [`Again`].
    doubles: [u64; 4],
    lost: u64,
}

impl Row {
    pub(crate) fn new(pair: &Pair, calls: Calls, counts: &Counts) -> Row {
        Row {
            name: pair.name,
            calls,
            responses: counts.responses.load(Relaxed),
            doubles: [0, 1, 2, 3].map(|n: usize| counts.doubles[n].load(Relaxed)),
            lost: counts.lost.load(Relaxed),
        }
    }

    fn doubled(&self) -> u64 {
        self.doubles.iter().sum()
    }

    /// What must not be, and what shows that nothing was tested.
    fn complaints(&self) -> Vec<String> {
        let Row { name, calls, .. } = self;
        let mut found = vec![];
        if calls.wrong > 0 {
            found.push(format!(
                "{name}: {} calls got what was not for them: {:?}",
                calls.wrong, calls.examples
            ));
        }
        if calls.failed > 0 {
            found.push(format!(
                "{name}: {} calls failed: {:?}",
                calls.failed, calls.examples
            ));
        }
        let measured = [calls.right, calls.timed_out, calls.abandoned]
            .into_iter()
            .chain(self.doubles);
        if measured.into_iter().any(|n| n == 0) {
            found.push(format!(
                "{name}: something was not tested: {}, doubles {:?}",
                calls.text(),
                self.doubles
            ));
        }
        // A call that timed out or was abandoned may never have come to the provider.
        if self.responses < calls.right || self.doubled() + self.lost != self.responses {
            found.push(format!(
                "{name}: {} doubles and {} lost ones of {} responses to {} calls",
                self.doubled(),
                self.lost,
                self.responses,
                calls.sent
            ));
        }
        found
    }

    fn write(&self, out: &mut String) {
        let Row { name, calls: c, .. } = self;
        let [at_once, soon, late, withheld] = [Again::AtOnce, Again::Soon, Again::Late, Again::Withheld]
            .map(|again| number(self.doubles[again as usize]));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| {name} | {} | {} | **{}** | {} | {} | {} | {at_once} | {soon} | {late} | {withheld} |",
            number(c.sent),
            number(c.right),
            number(c.wrong),
            number(c.timed_out),
            number(c.abandoned),
            number(c.failed),
        );
    }
}

/// The counts of a run.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// Responses for which Rialto found no call.
    pub(crate) late_responses: u64,
    pub(crate) took: Duration,
    /// The version of Rialto.
    pub(crate) version: String,
}

impl Report {
    /// Why the run proves nothing, or proves a fault. `calls` is how many were wanted.
    pub(crate) fn complaints(&self, calls: u64) -> Vec<String> {
        let mut found: Vec<_> = self.rows.iter().flat_map(Row::complaints).collect();
        let (sent, doubled) = (self.sum(|row| row.calls.sent), self.sum(Row::doubled));
        if sent != calls {
            found.push(format!("{sent} calls were sent, not {calls}"));
        }
        if self.late_responses < doubled {
            found.push(format!(
                "{doubled} doubles were sent, but rialto tells of {} responses without a call",
                self.late_responses
            ));
        }
        found
    }

    fn sum(&self, of: impl Fn(&Row) -> u64) -> u64 {
        self.rows.iter().map(of).sum()
    }

    /// The table.
    pub(crate) fn text(&self) -> String {
        let mut out = "\
| consumers and provider | calls | right | wrong | timed out | abandoned | failed | doubled at once | 100 later | 4,000 later | after the timeout |
|---|---|---|---|---|---|---|---|---|---|---|
"
        .to_owned();
        self.rows.iter().for_each(|row| row.write(&mut out));
        let calls = self.sum(|row| row.calls.sent);
        let _ = write!(
            out,
            "\n{} calls in {} s ({} a second, the start of all consumers included). {} responses came twice; {} more did not, \
             because their connection ended before. Rialto counted {} responses for which no call waited: the doubles, and \
             the first responses to calls that had timed out or were abandoned.",
            number(calls),
            self.took.as_secs(),
            number((calls as f64 / self.took.as_secs_f64()) as u64),
            number(self.sum(Row::doubled)),
            number(self.sum(|row| row.lost)),
            number(self.late_responses),
        );
        out
    }

    /// Writes the page.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let day = now.split('T').next().unwrap_or_default();
        let text = format!("{HEAD}{day}, {}:\n\n{}\n", self.version, self.text());
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH), text)?;
        say(&format!("{PATH} is written"));
        Ok(())
    }
}

/// A number with commas between thousands.
fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
