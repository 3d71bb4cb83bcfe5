//! The clients and the backend, which use the benchmark's own codecs and check every byte.

use anyhow::{Context as _, ensure};
use rialto_benches::wire::{Protocol, RequestTemplate};

use crate::link::Link;

/// The first id, so that an id of 0 or 1, a likely mistake, belongs to no call.
const FIRST_ID: u64 = 0x1000;

/// One client connection. The id of a call is its index in `nonces` plus [`FIRST_ID`].
pub(crate) struct Client {
    pub(crate) link: Link,
    nonces: Vec<Option<u64>>,
}

impl Client {
    pub(crate) fn new(in_flight: usize) -> Self {
        Self {
            link: Link::default(),
            nonces: vec![None; in_flight],
        }
    }

    /// Checks the responses that came, and starts new calls in free slots while `nonces` lasts. Returns the
    /// number of responses.
    pub(crate) fn advance(
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
                    call.with_context(|| format!("a response to call {id}, which is not in flight"))?;
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

/// Responds to the requests that came on a connection to the backend.
pub(crate) fn serve(link: &Link) -> anyhow::Result<()> {
    link.converse(|input, output| {
        let Some(first) = input.first() else { return Ok(()) };
        let protocol = Protocol::detect(*first)?;
        frames(protocol, input, |_, frame| Ok(protocol.respond(frame, output)?))?;
        Ok(())
    })
}

/// Splits the input into frames, which are always whole, because a worker writes only whole frames in a turn.
/// Returns their number.
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
