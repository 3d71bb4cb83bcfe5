//! Writes values of a fixed form.
use crate::code;

/// Appends an int in its shortest form.
pub(crate) fn put_int(v: i32, out: &mut Vec<u8>) {
    match v {
        -16..=47 => out.push(v as u8),
        -0x800..=0x7ff => out.extend_from_slice(&[code::INT_TWO_ZERO.wrapping_add((v >> 8) as u8), v as u8]),
        -0x40000..=0x3ffff => {
            let head = code::INT_THREE_ZERO.wrapping_add((v >> 16) as u8);
            out.extend_from_slice(&[head, (v >> 8) as u8, v as u8]);
        }
        _ => {
            out.push(code::INT);
            out.extend_from_slice(&v.to_be_bytes());
        }
    }
}

/// Appends a long in its shortest form.
pub(crate) fn put_long(v: i64, out: &mut Vec<u8>) {
    match v {
        -8..=15 => out.push(code::INT64_ONE_ZERO.wrapping_add(v as u8)),
        -0x800..=0x7ff => {
            out.extend_from_slice(&[code::INT64_TWO_ZERO.wrapping_add((v >> 8) as u8), v as u8]);
        }
        -0x40000..=0x3ffff => {
            let head = code::INT64_THREE_ZERO.wrapping_add((v >> 16) as u8);
            out.extend_from_slice(&[head, (v >> 8) as u8, v as u8]);
        }
        _ => match i32::try_from(v) {
            Ok(v) => {
                out.push(code::INT64_INT);
                out.extend_from_slice(&v.to_be_bytes());
            }
            Err(_) => {
                out.push(code::INT64);
                out.extend_from_slice(&v.to_be_bytes());
            }
        },
    }
}

/// Appends a double. Only values that are exactly an int take the short form, so −0.0 keeps its sign.
pub(crate) fn put_double(v: f64, out: &mut Vec<u8>) {
    let whole = v as i32;
    if f64::from(whole).to_bits() != v.to_bits() {
        out.push(code::DOUBLE);
        out.extend_from_slice(&v.to_be_bytes());
    } else if whole == 0 || whole == 1 {
        out.push(code::DOUBLE_0 + whole as u8);
    } else {
        out.push(code::DOUBLE_LONG);
        put_long(i64::from(whole), out);
    }
}

/// Appends a `java.util.Date`.
pub(crate) fn put_date(millis: i64, out: &mut Vec<u8>) {
    match i32::try_from(millis / 1000) {
        Ok(seconds) if millis % 1000 == 0 => {
            out.push(code::DATE_SECONDS);
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        _ => {
            out.push(code::DATE_MILLIS);
            out.extend_from_slice(&millis.to_be_bytes());
        }
    }
}

/// Appends binary data.
pub(crate) fn put_binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(code::BINARY);
    put_int(bytes.len() as i32, out);
    out.extend_from_slice(bytes);
}

/// Appends the head of an array.
pub(crate) fn put_array(len: u32, out: &mut Vec<u8>) {
    match len {
        0..=15 => out.push(code::ARRAY_0 + len as u8),
        _ => {
            out.push(code::ARRAY);
            put_int(len as i32, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;

    #[test]
    fn integers_read_back_at_every_boundary() {
        for bits in 0..63 {
            for delta in -1..=1 {
                for sign in [1, -1] {
                    let v = ((1_i64 << bits) + delta) * sign;
                    let mut out = vec![];
                    put_long(v, &mut out);
                    assert_eq!(Input::new(&out).long("test").unwrap(), v);
                    if let Ok(v) = i32::try_from(v) {
                        let mut out = vec![];
                        put_int(v, &mut out);
                        assert_eq!(Input::new(&out).int("test").unwrap(), v);
                    }
                }
            }
        }
    }

    #[test]
    fn integers_are_written_as_fastjson2_writes_them() {
        let int = |v| {
            let mut out = vec![];
            put_int(v, &mut out);
            out
        };
        let long = |v| {
            let mut out = vec![];
            put_long(v, &mut out);
            out
        };
        assert_eq!(int(-17), [0x37, 0xef]);
        assert_eq!(int(-262_144), [0x40, 0, 0]);
        assert_eq!(int(262_144), [0x48, 0, 4, 0, 0]);
        assert_eq!(long(15), [0xef]);
        assert_eq!(long(-9), [0xcf, 0xf7]);
        assert_eq!(long(262_143), [0xc7, 0xff, 0xff]);
        assert_eq!(long(1 << 31), [0xbe, 0, 0, 0, 0, 0x80, 0, 0, 0]);
    }
}
