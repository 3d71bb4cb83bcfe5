//! The calls of the demo and their expected results.
use super::service::{EMPTY, NAME, ORDER};
use rialto_testkit::{Answer, Reply, Request};
use serde_json::{Value as Json, json};

const STRING: &str = "java.lang.String";
/// The timeout of calls. It is long enough for a busy machine.
const PATIENCE_MS: u32 = 5000;
/// The timeout of the call that is meant to time out.
const IMPATIENCE_MS: u32 = 250;

/// A call and its expected result.
pub(super) struct Case {
    /// The text in the table.
    pub(super) title: String,
    pub(super) request: Request,
    pub(super) expect: Expect,
}

/// The expected result of a call.
pub(super) enum Expect {
    Answer(Answer),
    /// A failure whose text contains this.
    Failure(&'static str),
    /// No response, because the call is one-way.
    Nothing,
}

/// All calls as applications of one protocol make them: `version` is the version they ask for, and `provider` the
/// name in the greeting.
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
    /// Whether the reply is as expected.
    pub(super) fn is(&self, reply: Option<&Reply>) -> bool {
        match (self, reply.map(|r| &r.answer)) {
            (Expect::Nothing, None) => true,
            (Expect::Answer(want), Some(Ok(got))) => want == got,
            (Expect::Failure(part), Some(Err(e))) => e.text.contains(part),
            _ => false,
        }
    }
}

/// A reply in one line.
pub(super) fn show(reply: Option<&Reply>) -> String {
    match reply.map(|r| &r.answer) {
        None => "(sent)".into(),
        Some(Ok(Answer::Null)) => "null".into(),
        Some(Ok(Answer::Value(v))) => show_json(v),
        Some(Ok(Answer::Thrown { class, message })) => format!("throws {}: {message}", simple(class)),
        // each protocol adds its own text in front
        Some(Err(e)) => {
            let text = e.text.rsplit(": ").next().unwrap_or_default();
            // in the demo this text comes from Rialto itself
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
