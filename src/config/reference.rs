//! Writes the reference page of the configuration from its schema, so that the page is always up to date.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;

use super::schema::{resolve, schema};

const EXAMPLE: &str = include_str!("../../docs/examples/rialto.yaml");

const INTRODUCTION: &str = "\
# Configuration

This page is generated from the configuration types: `rialto reference` prints it, `rialto schema`
prints the JSON Schema behind it, which editors use to complete and check a file.

A configuration is one YAML or JSON file. Unknown keys are errors. `${NAME}` and `${NAME:-default}` are replaced by
environment variables in plain and in double-quoted text; `$${` stands for the text `${`. Keys at the top that begin
with `x-` are ignored, so that anchors can be put there.
";

/// The reference page as Markdown: a table of keys for each part, and an example.
pub fn reference_markdown() -> String {
    let root = schema();
    let mut page = Page {
        root: &root,
        text: INTRODUCTION.to_owned(),
        written: BTreeSet::new(),
        values: BTreeSet::new(),
    };
    let _ = write!(
        page.text,
        "\n## Example\n\n```yaml\n{}```\n\n## Sections\n",
        EXAMPLE
    );
    page.table(&root);
    let sections = page.children(&root, "");
    for (name, heading) in sections {
        page.section(&name, &heading);
    }
    page.value_types();
    page.text
}

struct Page<'s> {
    root: &'s Value,
    text: String,
    /// Types that already have their section.
    written: BTreeSet<String>,
    /// Text-like types that the tables mention.
    values: BTreeSet<String>,
}

/// The form of a type, which decides how it is described.
enum Shape<'s> {
    /// An object with known keys.
    Object,
    /// An object with one key, which names the variant.
    Tagged(&'s [Value]),
    /// One of several names, each with its meaning.
    Names(&'s [Value]),
    /// A text in a certain format.
    Text,
}

fn shape(schema: &Value) -> Shape<'_> {
    if schema["properties"].is_object() {
        return Shape::Object;
    }
    match schema["oneOf"].as_array() {
        Some(forms) if forms.iter().all(|form| form["const"].is_string()) => Shape::Names(forms),
        Some(forms) if forms.iter().all(|form| form["properties"].is_object()) => Shape::Tagged(forms),
        _ => Shape::Text,
    }
}

impl<'s> Page<'s> {
    /// Writes the table of an object's keys, required ones first.
    fn table(&mut self, object: &'s Value) {
        self.text
            .push_str("\n| key | type | default | description |\n|---|---|---|---|\n");
        for (key, schema) in keys_in_order(object) {
            let kind = self.kind(schema);
            let default = default_of(key, schema, object);
            let mut description = one_line(schema["description"].as_str().unwrap_or_default());
            if let Shape::Names(names) = shape(resolve(self.root, unwrap_option(schema))) {
                for name in names {
                    let meaning = one_line(name["description"].as_str().unwrap_or_default());
                    let _ = write!(
                        description,
                        "<br>`{}`: {meaning}",
                        name["const"].as_str().unwrap_or_default()
                    );
                }
            }
            let _ = writeln!(self.text, "| `{key}` | {kind} | {default} | {description} |");
        }
    }

    /// The types of an object's values that need a section, with their headings.
    fn children(&self, object: &'s Value, prefix: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for (key, schema) in keys_in_order(object) {
            let (inner, suffix) = element(unwrap_option(schema));
            let Some(name) = type_name(inner) else { continue };
            if matches!(shape(resolve(self.root, inner)), Shape::Object | Shape::Tagged(_)) {
                let dot = if prefix.is_empty() { "" } else { "." };
                found.push((name.to_owned(), format!("{prefix}{dot}{key}{suffix}")));
            }
        }
        found
    }

    fn section(&mut self, name: &str, heading: &str) {
        if !self.written.insert(name.to_owned()) {
            return;
        }
        let schema = &self.root["$defs"][name];
        let depth = heading.matches('.').count().min(3) + 2;
        let description = paragraph(schema["description"].as_str().unwrap_or_default());
        let _ = write!(
            self.text,
            "\n<a id=\"{}\"></a>\n\n{} `{heading}`\n\n{description}\n",
            anchor(name),
            "#".repeat(depth)
        );
        match shape(schema) {
            Shape::Tagged(forms) => {
                self.text
                    .push_str("\nOne of:\n\n| key | type | description |\n|---|---|---|\n");
                let mut children = Vec::new();
                for form in forms {
                    for (key, schema) in form["properties"].as_object().into_iter().flatten() {
                        let kind = self.kind(schema);
                        let description = one_line(form["description"].as_str().unwrap_or_default());
                        let _ = writeln!(self.text, "| `{key}` | {kind} | {description} |");
                    }
                    children.extend(self.children(form, heading));
                }
                for (name, heading) in children {
                    self.section(&name, &heading);
                }
            }
            _ => {
                self.table(schema);
                for (name, heading) in self.children(schema, heading) {
                    self.section(&name, &heading);
                }
            }
        }
    }

    /// A type in words, with a link to its section.
    fn kind(&mut self, schema: &'s Value) -> String {
        let schema = unwrap_option(schema);
        if let Some(name) = type_name(schema) {
            let link = |text: &str| format!("[{text}](#{})", anchor(name));
            return match shape(resolve(self.root, schema)) {
                Shape::Object | Shape::Tagged(_) => link("object"),
                Shape::Names(_) => "name".to_owned(),
                Shape::Text => {
                    self.values.insert(name.to_owned());
                    link(&spaced(name))
                }
            };
        }
        match kind_name(schema) {
            Some("array") => format!("list of {}", self.kind(&schema["items"])),
            Some("object") => format!("text → {}", self.kind(&schema["additionalProperties"])),
            Some("string") => "text".to_owned(),
            Some("boolean") => "`true` or `false`".to_owned(),
            Some("integer") => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!("whole number, {least} to {most}"),
                (Some(least), None) => format!("whole number, {least} or more"),
                _ => "whole number".to_owned(),
            },
            Some("number") => "number".to_owned(),
            _ => "any".to_owned(),
        }
    }

    /// Writes the section of text-like types.
    fn value_types(&mut self) {
        self.text.push_str("\n## Values\n");
        for name in std::mem::take(&mut self.values) {
            let description = paragraph(
                self.root["$defs"][&name]["description"]
                    .as_str()
                    .unwrap_or_default(),
            );
            let heading = spaced(&name);
            let _ = write!(
                self.text,
                "\n<a id=\"{}\"></a>\n\n### {heading}\n\n{description}\n",
                anchor(&name)
            );
        }
    }
}

fn keys_in_order(object: &Value) -> Vec<(&String, &Value)> {
    let mut keys: Vec<_> = object["properties"].as_object().into_iter().flatten().collect();
    keys.sort_by_key(|(key, _)| !is_required(key, object));
    keys
}

fn is_required(key: &str, object: &Value) -> bool {
    object["required"]
        .as_array()
        .is_some_and(|required| required.iter().any(|name| name == key))
}

fn default_of(key: &str, schema: &Value, object: &Value) -> String {
    if is_required(key, object) {
        return "**required**".to_owned();
    }
    match &schema["default"] {
        Value::Null => "unset".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Object(_) | Value::Array(_) => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

/// The schema of an optional value when it is present.
fn unwrap_option(schema: &Value) -> &Value {
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([inner, null]) if null["type"] == "null" => inner,
        _ => schema,
    }
}

/// The JSON type; for an optional value, the type that it has when it is present.
fn kind_name(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

/// The schema of the elements of a list or map, and the suffix for its heading.
fn element(schema: &Value) -> (&Value, &'static str) {
    match kind_name(schema) {
        Some("array") => (&schema["items"], "[]"),
        Some("object") if schema["additionalProperties"].is_object() => {
            (&schema["additionalProperties"], ".*")
        }
        _ => (schema, ""),
    }
}

fn type_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn anchor(name: &str) -> String {
    format!("type-{}", name.to_ascii_lowercase())
}

/// `TextMatch` as "text match".
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

fn paragraph(text: &str) -> String {
    text.trim().to_owned()
}
