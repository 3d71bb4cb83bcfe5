//! Tests that the schema and the reference page agree with the loader.

use serde_json::{Value, json};

use super::super::schema::resolve;
use super::super::{parse_as, reference_markdown, schema};
use super::{SOUND, shown, sound};

/// Whether a value fits a schema. It only knows the keywords that our schema uses, and ignores patterns.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(truth) = schema.as_bool() {
        return truth;
    }
    let schema = resolve(root, schema);
    let all = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    let count = |key: &str| all(key).iter().filter(|form| fits(root, form, value)).count();
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        Value::Null => Vec::new(),
        kind => vec![kind.clone()],
    };
    let is = |kind: &Value| match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    let number = value.as_f64();
    let object_fits = value.as_object().is_none_or(|object| {
        object
            .iter()
            .all(|(key, value)| match &schema["properties"][key] {
                Value::Null if key.starts_with("x-") && schema["patternProperties"]["^x-"] == true => true,
                Value::Null => {
                    schema["additionalProperties"].is_null()
                        || fits(root, &schema["additionalProperties"], value)
                }
                inner => fits(root, inner, value),
            })
            && all("required")
                .iter()
                .all(|key| object.contains_key(key.as_str().unwrap()))
    });
    (kinds.is_empty() || kinds.iter().any(is))
        && (schema["const"].is_null() || schema["const"] == *value)
        && (schema["enum"].is_null() || all("enum").contains(value))
        && (schema["oneOf"].is_null() || count("oneOf") == 1)
        && (schema["anyOf"].is_null() || count("anyOf") >= 1)
        && schema["minimum"]
            .as_f64()
            .is_none_or(|least| number.is_none_or(|number| number >= least))
        && schema["maximum"]
            .as_f64()
            .is_none_or(|most| number.is_none_or(|number| number <= most))
        && value.as_array().is_none_or(|items| {
            schema["items"].is_null() || items.iter().all(|item| fits(root, &schema["items"], item))
        })
        && object_fits
}

#[test]
fn the_schema_accepts_what_the_loader_accepts() {
    let schema = schema();
    let example: Value = parse_as("example", include_str!("../../../docs/examples/rialto.yaml")).unwrap();
    assert!(fits(&schema, &schema, &example));
    assert!(fits(&schema, &schema, &shown(&sound(SOUND).config)));
    assert!(fits(
        &schema,
        &schema,
        &json!({ "x-mine": 1, "runtime": { "workers": 4, "drain_timeout": 500 } })
    ));
    // unquoted, as YAML allows it
    let unquoted = json!({ "routes": [{
        "name": 7, "match": { "version": 1.0, "attachments": { "gray": true } }, "to": [],
        "bridge": { "versions": [{ "from": 1.0, "to": 1.1 }] }
    }] });
    assert!(fits(&schema, &schema, &unquoted));
}

#[test]
fn the_schema_refuses_what_the_loader_refuses() {
    let schema = schema();
    for wrong in [
        json!({ "listener": [] }),
        json!({ "listeners": [{ "name": "a" }] }),
        json!({ "log": { "level": "loud" } }),
        json!({ "runtime": { "workers": 0 } }),
        json!({ "runtime": { "max_connections": 0 } }),
        json!({ "access_log": { "sample": 2 } }),
        json!({ "admin": { "token": "hunter2" } }),
        json!({ "routes": [{ "name": "r", "to": [], "match": { "service": { "prefx": "a" } } }] }),
        json!({ "routes": [{ "name": "r", "to": [], "filters": [{ "rate_limit": { "burst": 1 } }] }] }),
    ] {
        assert!(!fits(&schema, &schema, &wrong), "{wrong}");
        assert!(super::read(&wrong.to_string()).is_err(), "{wrong}");
    }
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn check(schema: &Value, place: &str, undescribed: &mut Vec<String>) {
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            if inner["description"].is_null() && schema["description"].is_null() {
                undescribed.push(format!("{place}.{key}"));
            }
        }
    }
    let schema = schema();
    let mut undescribed = Vec::new();
    check(&schema, "", &mut undescribed);
    for (name, inner) in schema["$defs"].as_object().unwrap() {
        check(inner, name, &mut undescribed);
        assert!(!inner["description"].is_null(), "{name}");
    }
    assert!(undescribed.is_empty(), "{undescribed:?}");
}

#[test]
fn the_reference_page_names_every_key_and_its_links_lead_somewhere() {
    let page = reference_markdown();
    let schema = schema();
    for inner in schema["$defs"].as_object().unwrap().values() {
        for key in inner["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            assert!(page.contains(&format!("| `{key}` |")), "{key}");
        }
    }
    for link in page
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(page.contains(&format!("<a id=\"{link}\">")), "{link}");
    }
    assert!(!page.contains("| any |"), "a type has no words");
}

#[test]
fn the_reference_page_in_the_repository_is_up_to_date() {
    let stored = include_str!("../../../docs/configuration.md");
    assert!(
        stored == reference_markdown(),
        "run: rialto reference > docs/configuration.md"
    );
}
