//! The calls that the demo makes, and what must come of them.
use super::service::{EMPTY, NAME, ORDER};
use super::wire::{Answer, Reply, Request};
use serde_json::{Value as Json, json};

const STRING: &str = "java.lang.String";
/// Long enough for a machine that does other things too.
const PATIENCE_MS: u32 = 5000;
/// The timeout of the call that is to run into one.
const IMPATIENCE_MS: u32 = 250;

/// A call and what must come of it.
pub(super) struct Case {
    /// How it is shown.
    pub(super) title: String,
    pub(super) request: Request,
    pub(super) expect: Expect,
}

/// What must come of a call.
pub(super) enum Expect {
    Answer(Answer),
    /// A failure whose text has this part.
    Failure(&'static str),
    /// Nothing: it is one-way.
    Nothing,
}

/// The calls, as the downstreams of one side make them.
pub(super) fn all(version: &str, provider: &str) -> Vec<Case> {
    let call = |method: &str| Request::new(NAME, version, method).within(PATIENCE_MS);
    let value = |v: Json| Expect::Answer(Answer::Value(v));
    let order = |count: i32| json!({"class": ORDER, "item": "tea", "count": count, "price": 2.5});
    let receipt = json!({"class": "com.acme.demo.Receipt", "item": "tea", "total": 5.0});
    let thrown = Answer::Thrown {
        class: EMPTY.into(),
        message: "an order of nothing".into(),
    };
    let mut elsewhere = call("greet").arg(STRING, "Ada");
    elsewhere.service = "com.acme.demo.Nowhere".into();
    let mut note = call("note").arg(STRING, "remember me");
    note.one_way = true;
    let case = |title: &str, request, expect| Case {
        title: title.into(),
        request,
        expect,
    };
    vec![
        case(
            "greet(\"Ada\")",
            call("greet").arg(STRING, "Ada"),
            value(format!("Hello, Ada, from {provider}").into()),
        ),
        case(
            "add(40, 2)",
            call("add").arg("int", 40).arg("int", 2),
            value(42.into()),
        ),
        case("place(Order)", call("place").arg(ORDER, order(2)), value(receipt)),
        case("nothing()", call("nothing"), Expect::Answer(Answer::Null)),
        case(
            "list(3)",
            call("list").arg("int", 3),
            value(json!(["item 1", "item 2", "item 3"])),
        ),
        case(
            "place(Order of 0)",
            call("place").arg(ORDER, order(0)),
            Expect::Answer(thrown),
        ),
        case(
            "tenant() + attachment",
            call("tenant").attach("tenant", "gold"),
            value("gold".into()),
        ),
        case("note(..) one-way", note, Expect::Nothing),
        case("notes()", call("notes"), value(1.into())),
        case(
            "slow(1000) within 250 ms",
            call("slow").arg("int", 1000).within(IMPATIENCE_MS),
            Expect::Failure("timeout"),
        ),
        case(
            "unknown method",
            call("dance"),
            Expect::Failure("no method dance"),
        ),
        case("unknown service", elsewhere, Expect::Failure("no route")),
    ]
}

impl Expect {
    /// Whether this is what came.
    pub(super) fn is(&self, reply: Option<&Reply>) -> bool {
        match (self, reply.map(|r| &r.answer)) {
            (Expect::Nothing, None) => true,
            (Expect::Answer(want), Some(Ok(got))) => want == got,
            (Expect::Failure(part), Some(Err(e))) => e.text.contains(part),
            _ => false,
        }
    }
}

/// An answer in one line.
pub(super) fn show(reply: Option<&Reply>) -> String {
    match reply.map(|r| &r.answer) {
        None => "(sent)".into(),
        Some(Ok(Answer::Null)) => "null".into(),
        Some(Ok(Answer::Value(v))) => show_json(v),
        Some(Ok(Answer::Thrown { class, message })) => format!("throws {}: {message}", simple(class)),
        // what it begins with is how the downstream's protocol told it
        Some(Err(e)) => {
            let text = e.text.rsplit(": ").next().unwrap_or_default();
            // it is Rialto who answers here
            let text = if text.starts_with("the provider answered with") {
                text.trim_start_matches("the provider ")
            } else {
                text
            };
            format!("{}: {text}", e.kind.name())
        }
    }
}

fn show_json(v: &Json) -> String {
    let Json::Object(map) = v else {
        return v.to_string();
    };
    let fields = map
        .iter()
        .filter(|(k, _)| *k != "class")
        .map(|(k, v)| format!("{k}={v}"));
    let class = map.get("class").and_then(Json::as_str).map_or("", simple);
    format!("{class}({})", fields.collect::<Vec<_>>().join(", "))
}

fn simple(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}
