//! Checks JSON against `schema/report-1.json`: the part of draft 2020-12 that the schema uses. Anything else in it fails the test.

use serde_json::Value;

/// Returns what is wrong with a value, each with its place; empty where it fits.
pub(crate) fn faults(value: &Value) -> Vec<String> {
    let text = include_str!("../../../../schema/report-1.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let mut faults = Vec::new();
    check(&schema, &schema, value, "$", &mut faults);
    faults
}

/// Fails where a value does not fit the schema.
pub(crate) fn assert_fits(value: &Value) {
    let faults = faults(value);
    assert!(faults.is_empty(), "{}\n{value:#}", faults.join("\n"));
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let Some(rules) = schema.as_object() else {
        if schema == &Value::Bool(false) {
            faults.push(format!("{at}: nothing is allowed here"));
        }
        return;
    };
    for (rule, argument) in rules {
        match rule.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" | "properties" => {}
            "$ref" => {
                let pointer = argument.as_str().unwrap().trim_start_matches('#');
                check(root, root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in the schema")), value, at, faults);
            }
            "additionalProperties" => check_others(root, rules, argument, value, at, faults),
            "items" => {
                for (ix, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, argument, item, &format!("{at}[{ix}]"), faults);
                }
            }
            "anyOf" => check_any(root, argument, value, at, faults),
            _ => {
                if !holds(rule, argument, value) {
                    faults.push(format!(
                        "{at}: {rule} {argument} does not hold for {}",
                        value.to_string().chars().take(80).collect::<String>()
                    ));
                }
            }
        }
    }
    if let (Some(known), Some(fields)) = (rules.get("properties").and_then(Value::as_object), value.as_object()) {
        for (name, field) in fields {
            if let Some(schema) = known.get(name) {
                check(root, schema, field, &format!("{at}.{name}"), faults);
            }
        }
    }
}

fn check_others(root: &Value, rules: &serde_json::Map<String, Value>, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let known = rules.get("properties").and_then(Value::as_object);
    for (name, field) in value.as_object().into_iter().flatten() {
        if known.is_none_or(|known| !known.contains_key(name)) {
            check(root, schema, field, &format!("{at}.{name}"), faults);
        }
    }
}

fn check_any(root: &Value, choices: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let mut best: Option<Vec<String>> = None;
    for choice in choices.as_array().unwrap() {
        let mut found = Vec::new();
        check(root, choice, value, at, &mut found);
        if best.as_ref().is_none_or(|known| found.len() < known.len()) {
            best = Some(found);
        }
    }
    faults.extend(best.unwrap_or_default());
}

fn holds(rule: &str, argument: &Value, value: &Value) -> bool {
    match rule {
        "type" => match argument {
            Value::Array(names) => names.iter().any(|name| is_a(value, name.as_str().unwrap())),
            name => is_a(value, name.as_str().unwrap()),
        },
        "const" => value == argument,
        "enum" => argument.as_array().unwrap().contains(value),
        "required" => value
            .as_object()
            .is_none_or(|fields| argument.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))),
        "minimum" => value.as_f64().is_none_or(|number| number >= argument.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= argument.as_f64().unwrap()),
        "pattern" => value.as_str().is_none_or(|text| matches_pattern(argument.as_str().unwrap(), text)),
        other => panic!("the schema uses {other}, which this check does not know"),
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

/// The schema's few patterns, without a regex engine.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match pattern {
        "^[0-9]+$" => digits(text),
        "^1\\.[0-9]+$" => text.strip_prefix("1.").is_some_and(digits),
        "^HW[0-9]{4}$" => text.strip_prefix("HW").is_some_and(|number| number.len() == 4 && digits(number)),
        "^hw-" => text.starts_with("hw-"),
        other => panic!("the schema uses the pattern {other}, which this check does not know"),
    }
}

#[test]
fn the_check_finds_faults() {
    let good = serde_json::json!({
        "schema": "https://heapwhy.dev/schema/report/1.json", "schema_version": "1.0",
        "tool": {"name": "heapwhy", "version": "0.1.0"}, "status": "complete", "warnings": [],
        "classes": {"columns": ["class"], "rows": [{"class": "A"}], "total_rows": 1},
    });
    assert_fits(&good);
    for (pointer, bad) in [
        ("/status", serde_json::json!("fine")),
        ("/schema_version", serde_json::json!("2.0")),
        ("/classes", serde_json::json!({"columns": []})),
        ("/classes/rows/0/class", serde_json::json!(["A"])),
        ("/tool", serde_json::json!({"name": "heapwhy"})),
    ] {
        let mut value = good.clone();
        *value.pointer_mut(pointer).unwrap() = bad;
        assert!(!faults(&value).is_empty(), "{pointer}");
    }
}
