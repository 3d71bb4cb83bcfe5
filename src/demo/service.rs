//! The service that both demo providers serve.
use super::provider::Service;
use rialto_core::ErrorKind;
use rialto_testkit::{Answer, Reply, Request};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Its interface.
pub(super) const NAME: &str = "com.acme.demo.Greeter";
/// What an order is.
pub(super) const ORDER: &str = "com.acme.demo.Order";
/// What is thrown for an order of nothing.
pub(super) const EMPTY: &str = "com.acme.demo.EmptyOrderException";

/// The interface as its Java users would write it.
pub(super) const JAVA: &str = "\
package com.acme.demo;
public interface Greeter {
    String greet(String name);
    int add(int a, int b);
    String nothing();
    java.util.List<String> list(int count);
    Receipt place(Order order) throws EmptyOrderException;
    String slow(int millis);
    String tenant();
    void note(String text);
    int notes();
}
public class Order implements java.io.Serializable { String item; int count; double price; }
public class Receipt implements java.io.Serializable { String item; double total; }
public class EmptyOrderException extends Exception { ... }
";

/// Nobody waits longer for `slow`.
const SLOW_MAX: u64 = 10_000;
/// The longest list.
const LIST_MAX: u64 = 10_000;

/// The service, and who serves it.
pub(super) struct Greeter {
    pub(super) provider: &'static str,
    pub(super) notes: AtomicU32,
}

impl Service for Greeter {
    fn serve(&self, request: &Request) -> Reply {
        if request.service != NAME {
            return unknown(&format!("no service {}", request.service));
        }
        let text = |i: usize| request.args.get(i).and_then(Json::as_str).unwrap_or_default();
        let number = |i: usize| request.args.get(i).and_then(Json::as_u64).unwrap_or_default();
        match (request.method.as_str(), request.args.len()) {
            ("greet", 1) => Reply::value(format!("Hello, {}, from {}", text(0), self.provider)),
            ("add", 2) => Reply::value(i32::try_from(number(0) + number(1)).unwrap_or(i32::MAX)),
            ("nothing", 0) => Answer::Null.into(),
            ("place", 1) => place(&request.args[0]),
            ("list", 1) => {
                let items = (1..=number(0).min(LIST_MAX)).map(|n| Json::from(format!("item {n}")));
                Reply::value(items.collect::<Vec<_>>())
            }
            ("slow", 1) => {
                thread::sleep(Duration::from_millis(number(0).min(SLOW_MAX)));
                Reply::value("at last")
            }
            ("tenant", 0) => request
                .attachment("tenant")
                .map_or(Answer::Null.into(), Reply::value),
            ("note", 1) => {
                self.notes.fetch_add(1, Ordering::AcqRel);
                Answer::Null.into()
            }
            ("notes", 0) => Reply::value(self.notes.load(Ordering::Acquire)),
            (method, n) => unknown(&format!("no method {method} with {n} arguments")),
        }
    }
}

fn place(order: &Json) -> Reply {
    match order["count"].as_i64() {
        Some(count) if count > 0 => {
            let total = order["price"].as_f64().unwrap_or_default() * count as f64;
            let receipt = json!({"class": "com.acme.demo.Receipt", "item": order["item"], "total": total});
            Reply::value(receipt)
        }
        _ => Reply::thrown(EMPTY, "an order of nothing"),
    }
}

/// Begins as stock SOFARPC providers do, whose text is all that tells it from other failures.
fn unknown(what: &str) -> Reply {
    Reply::failed(ErrorKind::NoService, format!("Cannot find invoke method: {what}"))
}
