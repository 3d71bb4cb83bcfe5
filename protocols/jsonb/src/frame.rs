//! How Dubbo puts documents into a body: each after its length (wire section 2.3).
use rialto_values::ValueError;

/// Splits the first document off a body; `body` becomes the rest.
///
/// # Errors
/// The length is negative, or exceeds the rest of the body.
pub fn split_document<'a>(body: &mut &'a [u8]) -> Result<&'a [u8], ValueError> {
    let Some((head, rest)) = body.split_first_chunk::<4>() else {
        return Err(ValueError::truncated("the length of a JSONB document"));
    };
    let len = i32::from_be_bytes(*head);
    let Ok(size) = usize::try_from(len) else {
        return Err(ValueError::malformed(format!(
            "a JSONB document of negative length {len}"
        )));
    };
    if size > rest.len() {
        let text = format!("a JSONB document of {size} bytes ({} are there)", rest.len());
        return Err(ValueError::truncated(&text));
    }
    let (document, rest) = rest.split_at(size);
    *body = rest;
    Ok(document)
}

/// Appends the length of a document, and the document.
///
/// # Errors
/// The document is 2 GiB or longer.
pub fn append_document(document: &[u8], body: &mut Vec<u8>) -> Result<(), ValueError> {
    let Ok(len) = i32::try_from(document.len()) else {
        return Err(ValueError::too_large(format!(
            "a JSONB document of {} bytes",
            document.len()
        )));
    };
    body.extend_from_slice(&len.to_be_bytes());
    body.extend_from_slice(document);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_split_where_they_were_joined() {
        let mut body = vec![];
        for document in [&[0xaf][..], &[], &[0x4a, b'x']] {
            append_document(document, &mut body).unwrap();
        }
        let mut rest = &body[..];
        assert_eq!(split_document(&mut rest).unwrap(), [0xaf]);
        assert_eq!(split_document(&mut rest).unwrap(), []);
        assert_eq!(split_document(&mut rest).unwrap(), [0x4a, b'x']);
        assert!(rest.is_empty());
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for bad in [
            &[0, 0, 0][..],
            &[0, 0, 0, 2, 0xaf],
            &[0xff, 0xff, 0xff, 0xff, 0xaf],
            &[0x7f, 0xff, 0xff, 0xff],
        ] {
            let mut rest = bad;
            assert!(split_document(&mut rest).is_err(), "{bad:x?}");
            assert_eq!(rest, bad);
        }
    }
}
