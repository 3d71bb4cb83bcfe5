//! The header block: pairs of length-prefixed strings (wire section 1.4).

/// The most bytes of a class name or a header block: Java keeps their lengths as `short`.
pub(crate) const MAX: usize = i16::MAX as usize;

/// The pairs of a block. Pairs with a null are stepped over, as stock readers do.
pub(crate) struct Pairs<'a> {
    rest: &'a [u8],
}

/// The pairs of a block.
#[inline]
pub(crate) fn pairs(block: &[u8]) -> Pairs<'_> {
    Pairs { rest: block }
}

impl<'a> Pairs<'a> {
    /// Whether everything was understood so far; malformed blocks end early.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_empty()
    }

    /// A string; `Some(None)` for null.
    #[inline]
    fn string(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
        let (len, tail) = rest.split_first_chunk::<4>()?;
        let len = u32::from_be_bytes(*len);
        if len == u32::MAX {
            *rest = tail;
            return Some(None);
        }
        let (string, tail) = tail.split_at_checked(len as usize)?;
        *rest = tail;
        Some(Some(string))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut rest = self.rest;
            let key = Pairs::string(&mut rest)?;
            let value = Pairs::string(&mut rest)?;
            self.rest = rest;
            if let (Some(key), Some(value)) = (key, value) {
                return Some((key, value));
            }
        }
    }
}

/// The value of a key.
#[inline]
pub(crate) fn get<'a>(block: &'a [u8], key: &str) -> Option<&'a [u8]> {
    pairs(block).find(|(k, _)| *k == key.as_bytes()).map(|(_, v)| v)
}

/// Appends a pair.
pub(crate) fn put(out: &mut Vec<u8>, key: &str, value: &str) {
    put_in(out, "", key, value.as_bytes());
}

/// Appends a pair whose key is made of two parts, with a dot between them unless the first is empty.
pub(crate) fn put_in(out: &mut Vec<u8>, group: &str, key: &str, value: &[u8]) {
    let dot = if group.is_empty() { "" } else { "." };
    put_len(out, group.len() + dot.len() + key.len());
    out.extend_from_slice(group.as_bytes());
    out.extend_from_slice(dot.as_bytes());
    out.extend_from_slice(key.as_bytes());
    put_len(out, value.len());
    out.extend_from_slice(value);
}

/// Blocks are far shorter than 4 GiB: their whole length is checked when a frame is closed.
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
