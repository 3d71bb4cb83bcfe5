//! The callers and the backend: they speak through the benchmark's own codecs and check every byte.

use anyhow::{Context as _, ensure};
use rialto_benches::wire::{Protocol, RequestTemplate};

use crate::link::Link;

/// Ids begin here, so that an id of 0 or 1, easily made by mistake, is no call's.
const FIRST_ID: u64 = 0x1000;

/// One caller's connection. The id of a call is its place in `nonces`, after [`FIRST_ID`].
pub(crate) struct Caller {
    pub(crate) link: Link,
    nonces: Vec<Option<u64>>,
}

impl Caller {
    pub(crate) fn new(in_flight: usize) -> Self {
        Self {
            link: Link::default(),
            nonces: vec![None; in_flight],
        }
    }

    /// Checks the answers that came, and puts calls where none is in flight while `nonces` lasts. Returns how many
    /// answers came.
    pub(crate) fn go_on(
        &mut self,
        template: &RequestTemplate,
        nonces: &mut impl Iterator<Item = u64>,
    ) -> anyhow::Result<u64> {
        let Self { link, nonces: calls } = self;
        link.converse(|input, output| {
            let answered = frames(template.protocol(), input, |id, frame| {
                let call = calls
                    .get_mut(id.wrapping_sub(FIRST_ID) as usize)
                    .and_then(Option::take);
                let nonce =
                    call.with_context(|| format!("an answer to call {id}, which is not in flight"))?;
                Ok(template.check(frame, nonce)?)
            })?;
            for (id, call) in (FIRST_ID..).zip(calls).filter(|(_, call)| call.is_none()) {
                let Some(nonce) = nonces.next() else { break };
                template.append(id, nonce, output);
                *call = Some(nonce);
            }
            Ok(answered)
        })
    }
}

/// Answers the requests that came on a connection to the backend.
pub(crate) fn serve(link: &Link) -> anyhow::Result<()> {
    link.converse(|input, output| {
        let Some(first) = input.first() else { return Ok(()) };
        let protocol = Protocol::detect(*first)?;
        frames(protocol, input, |_, frame| Ok(protocol.answer(frame, output)?))?;
        Ok(())
    })
}

/// Takes whole frames, which is all that a worker writes in a turn. Returns how many there were.
fn frames(
    protocol: Protocol,
    input: &mut Vec<u8>,
    mut each: impl FnMut(u64, &[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<u64> {
    let (mut at, mut count) = (0, 0);
    while let Some(frame) = protocol.frame(&input[at..])? {
        each(frame.id, &input[at..at + frame.len])?;
        at += frame.len;
        count += 1;
    }
    ensure!(at == input.len(), "{} bytes are no whole frame", input.len() - at);
    input.clear();
    Ok(count)
}
