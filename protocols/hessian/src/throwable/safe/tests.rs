use super::*;
use rialto_values::{Recorder, Text};

const LIST: Token<'static> = Token::List {
    class: None,
    len: None,
};

fn text(s: &str) -> Token<'_> {
    Token::Text(Text::of_ascii(s.as_bytes()))
}

fn safe(stream: &[Token<'_>]) -> Vec<OwnedToken> {
    let mut sink = Recorder::default();
    emit_safe(&mut sink, |sink| stream.iter().try_for_each(|t| sink.token(*t))).unwrap();
    sink.tokens
}

fn owned(stream: &[Token<'_>]) -> Vec<OwnedToken> {
    stream.iter().map(|t| (*t).into()).collect()
}

/// Classes with `suppressedExceptions` first, as Dubbo writes it, and with fields of their own.
fn shop() -> (Class, Class, Class) {
    let fields = ["suppressedExceptions", "code", "cause", "detailMessage", "other"];
    let kept = Class::new("a.ShopException", ["code", "detailMessage", "other"]);
    (
        Class::new("a.ShopException", fields),
        kept,
        Class::new("a.Code", ["name"]),
    )
}

#[test]
fn an_object_first_met_in_a_dropped_part_is_written_where_it_is_needed() {
    let (received, kept, code) = shop();
    let stream = [
        Token::Object(&received), // 0
        LIST,                     // 1: dropped
        Token::Object(&received), // 2: dropped
        Token::Null,
        Token::Object(&code), // 3: dropped
        text("OK"),
        Token::End,
        Token::Null,
        text("inner"),
        Token::Null,
        Token::End,
        Token::End,
        Token::Ref(3),
        Token::Null,
        text("outer"),
        LIST, // 4
        Token::Ref(3),
        Token::Ref(4),
        Token::Ref(0),
        Token::End,
        Token::End,
    ];
    let want = [
        Token::Object(&kept), // 0
        Token::Object(&code), // 1
        text("OK"),
        Token::End,
        text("outer"),
        LIST, // 2
        Token::Ref(1),
        Token::Ref(2),
        Token::Ref(0),
        Token::End,
        Token::End,
    ];
    assert_eq!(safe(&stream), owned(&want));
}

/// A dropped exception that a field refers to is made safe itself, and is followed by what it refers to.
#[test]
fn a_restored_object_may_refer_to_further_dropped_ones() {
    let (received, kept, code) = shop();
    let stream = [
        Token::Object(&received), // 0
        LIST,                     // 1: dropped
        LIST,                     // 2: dropped
        Token::Object(&code),     // 3: dropped
        text("OK"),
        Token::End,
        Token::End,
        Token::Object(&received), // 4: dropped
        LIST,                     // 5: dropped
        Token::End,
        Token::Ref(2),
        Token::Ref(0),
        text("inner"),
        LIST, // 6: dropped
        Token::Ref(4),
        Token::Ref(3),
        Token::End,
        Token::End,
        Token::End,
        Token::Null,
        Token::Null,
        text("outer"),
        LIST, // 7
        Token::Ref(3),
        Token::Ref(4),
        Token::Ref(6),
        Token::End,
        Token::End,
    ];
    let want = [
        Token::Object(&kept), // 0
        Token::Null,
        text("outer"),
        LIST,                 // 1
        Token::Object(&code), // 2
        text("OK"),
        Token::End,
        Token::Object(&kept), // 3
        LIST,                 // 4
        Token::Ref(2),
        Token::End,
        text("inner"),
        LIST, // 5
        Token::Ref(3),
        Token::Ref(2),
        Token::End,
        Token::End,
        Token::Ref(5),
        Token::End,
        Token::End,
    ];
    assert_eq!(safe(&stream), owned(&want));
}

#[test]
fn too_many_dropped_tokens_are_refused_only_if_they_are_needed() {
    let (received, ..) = shop();
    let emit = |last: Token<'_>, sink: &mut dyn Sink| {
        sink.token(Token::Object(&received))?;
        sink.token(LIST)?;
        (0..REMEMBERED_MAX).try_for_each(|_| sink.token(Token::Int(1)))?;
        sink.token(Token::End)?;
        sink.token(last)?;
        (0..3).try_for_each(|_| sink.token(Token::Null))?;
        sink.token(Token::End)
    };
    let mut sink = Recorder::default();
    emit_safe(&mut sink, |sink| emit(Token::Null, sink)).unwrap();
    let refused = emit_safe(&mut sink, |sink| emit(Token::Ref(1), sink)).unwrap_err();
    assert_eq!(refused.kind, rialto_values::ErrorKind::Unsupported);
}

/// Chains of references do not recurse, and the values they build are limited in depth.
#[test]
fn long_chains_of_references_end() {
    let (received, ..) = shop();
    for (links, fits) in [(500, true), (1500, false)] {
        let done = emit_safe(&mut Recorder::default(), |sink| {
            sink.token(Token::Object(&received))?;
            sink.token(LIST)?; // 1
            sink.token(LIST)?; // 2
            sink.token(Token::End)?;
            for link in 0..links {
                sink.token(LIST)?;
                sink.token(Token::Ref(2 + link))?;
                sink.token(Token::End)?;
            }
            sink.token(Token::End)?;
            sink.token(Token::Ref(2 + links))?;
            (0..3).try_for_each(|_| sink.token(Token::Null))?;
            sink.token(Token::End)
        });
        assert_eq!(done.is_ok(), fits, "{links}");
    }
}
