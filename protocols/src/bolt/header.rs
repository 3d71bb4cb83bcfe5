//! Reads and writes the header block: pairs of length-prefixed strings (wire section 1.4).

/// The longest class name or header block, in bytes: Java keeps their lengths as `short`.
pub(crate) const MAX: usize = i16::MAX as usize;

/// A key and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

/// Iterates over the pairs of a block. Pairs that contain a null are skipped, as stock readers do.
pub(crate) struct Pairs<'a> {
    rest: &'a [u8],
}

/// Iterates over the pairs of a block.
#[inline]
pub(crate) fn pairs(block: &[u8]) -> Pairs<'_> {
    Pairs { rest: block }
}

impl<'a> Pairs<'a> {
    /// Whether the block was well-formed up to its end. The iterator stops early at a malformed pair.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_empty()
    }

    /// Splits the first pair off.
    #[inline(always)]
    fn split(block: &'a [u8]) -> Option<(Pair<'a>, &'a [u8])> {
        let (len, rest) = block.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        let (len, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        Some(((key, value), rest))
    }

    /// Skips a pair that contains a null.
    #[cold]
    fn skip_null(&mut self) -> Option<()> {
        let mut rest = self.rest;
        let mut nulls = 0;
        for _ in 0..2 {
            let (len, tail) = rest.split_first_chunk()?;
            rest = match u32::from_be_bytes(*len) {
                u32::MAX => {
                    nulls += 1;
                    tail
                }
                len => tail.get(len as usize..)?,
            };
        }
        self.rest = rest;
        (nulls > 0).then_some(())
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((pair, rest)) = Pairs::split(self.rest) {
                self.rest = rest;
                return Some(pair);
            }
            if self.rest.is_empty() {
                return None;
            }
            self.skip_null()?;
        }
    }
}

/// The value of a key. If the key is repeated, the last value counts, as in Java.
#[inline]
pub(crate) fn get<'a>(block: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let values = pairs(block).filter(|(k, _)| *k == key.as_bytes());
    values.map(|(_, v)| v).last()
}

/// Appends a pair.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, key: &str, value: &str) {
    put_bytes(out, key, value.as_bytes());
}

/// Appends a pair whose value may not be UTF-8.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    put_len(out, key.len());
    out.extend_from_slice(key.as_bytes());
    put_len(out, value.len());
    out.extend_from_slice(value);
}

/// Appends a pair with the key `group.key`.
pub(crate) fn put_in(out: &mut Vec<u8>, group: &str, key: &str, value: &[u8]) {
    put_len(out, group.len() + 1 + key.len());
    out.extend_from_slice(group.as_bytes());
    out.push(b'.');
    out.extend_from_slice(key.as_bytes());
    put_len(out, value.len());
    out.extend_from_slice(value);
}

/// Appends a length. Blocks are far shorter than 4 GiB, because their whole length is checked when the frame
/// is closed.
#[inline]
fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_they_are_written() {
        let mut block = vec![];
        put(&mut block, "foo", "bar");
        assert_eq!(block, b"\0\0\0\x03foo\0\0\0\x03bar");
        put(&mut block, "empty", "");
        put_in(&mut block, "rpc_req_baggage", "k", "ü".as_bytes());
        let all: Vec<_> = pairs(&block).collect();
        assert_eq!(
            all,
            [
                (&b"foo"[..], &b"bar"[..]),
                (b"empty", b""),
                (b"rpc_req_baggage.k", "ü".as_bytes())
            ]
        );
        assert_eq!(
            (get(&block, "empty"), get(&block, "none")),
            (Some(&b""[..]), None)
        );
    }

    #[test]
    fn nulls_are_stepped_over() {
        let block = b"\0\0\0\x01k\xff\xff\xff\xff\0\0\0\x01a\0\0\0\x01b";
        let mut all = pairs(block);
        assert_eq!(all.next(), Some((&b"a"[..], &b"b"[..])));
        assert!(all.next().is_none() && all.is_whole());
    }

    #[test]
    fn lying_lengths_end_the_block() {
        for bad in [
            &b"\0\0"[..],
            b"\0\0\0\x05foo",
            b"\0\0\0\x01k",
            b"\x7f\xff\xff\xffk",
            b"\0\0\0\x01k\0\0\0\x02v",
        ] {
            let mut all = pairs(bad);
            assert!(all.next().is_none() && !all.is_whole(), "{bad:x?}");
        }
    }
}
