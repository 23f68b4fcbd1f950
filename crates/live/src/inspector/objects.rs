//! Objects of a class in the running process, found by V8 (`Runtime.queryObjects`): how many, of which classes, and a few to look at.
//!
//! V8 collects garbage and walks its heap for each look, and keeps what it found until it is released, which happens on every path. Nothing
//! of the program is run: neither getters nor traps of proxies. Sizes are not told, for the protocol does not know them.

use serde_json::{Value, json};

use super::{Inspector, SILENCE_LIMIT};
use crate::{LiveError, Result};

/// The name under which V8 keeps what we hold of the process.
const GROUP: &str = "heapwhy";
/// More constructors of one name than this are not looked at: each costs a walk over the heap.
const MOST_CONSTRUCTORS: u64 = 4;
/// How many classes are told apart at most.
const MOST_CLASSES: u64 = 1000;

/// The objects made by a constructor, or by one derived from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constructed {
    /// How the constructor's source begins; a native one says so.
    pub source: String,
    /// How many objects have its prototype in their chain, as `v8.queryObjects` counts them.
    pub count: u64,
    /// How many of them are prototypes of derived classes.
    pub prototypes: u64,
    /// The others by their own class, most first.
    pub classes: Vec<(String, u64)>,
    /// A few of them.
    pub examples: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Each constructor of that name.
    pub constructors: Vec<Constructed>,
    /// How many more there are, which were not looked at.
    pub left_out: u64,
}

/// Takes functions. Returns the prototypes of those that have a name, and how their sources begin.
const NAMED: &str = "function (name) { \
    const prototypes = [], sources = []; \
    for (let i = 0; i < this.length; i++) { \
        const own = Object.getOwnPropertyDescriptor(this[i], 'name'); \
        if (!own || own.value !== name) continue; \
        const prototype = Object.getOwnPropertyDescriptor(this[i], 'prototype'); \
        if (!prototype || typeof prototype.value !== 'object' || prototype.value === null) continue; \
        if (prototypes.includes(prototype.value)) continue; \
        prototypes.push(prototype.value); \
        sources.push(Function.prototype.toString.call(this[i]).slice(0, 80)); \
    } \
    return { prototypes, sources }; }";

/// The constructor that is known everywhere by its name, as `NAMED` gives it. What is made only when somebody asks is not asked for.
const GLOBAL: &str = "function (name) { \
    const own = Object.getOwnPropertyDescriptor(globalThis, name); \
    const known = own && typeof own.value === 'function' && Object.getOwnPropertyDescriptor(own.value, 'prototype'); \
    const is = known && typeof known.value === 'object' && known.value !== null; \
    return is ? { prototypes: [known.value], sources: [Function.prototype.toString.call(own.value).slice(0, 80)] } : null; }";

/// Takes objects. Counts them by the names of their prototypes' constructors. A proxy among prototypes is nobody's.
const COUNTED: &str = "function (isProxy, most) { \
    const counts = new Map(); let prototypes = 0; \
    for (let i = 0; i < this.length; i++) { \
        const made = Object.getOwnPropertyDescriptor(this[i], 'constructor'); \
        if (made && typeof made.value === 'function' && !isProxy(made.value)) { \
            const own = Object.getOwnPropertyDescriptor(made.value, 'prototype'); \
            if (own && own.value === this[i]) { prototypes++; continue; } \
        } \
        const prototype = Object.getPrototypeOf(this[i]); let name = ''; \
        if (prototype !== null && !isProxy(prototype)) { \
            const by = Object.getOwnPropertyDescriptor(prototype, 'constructor'); \
            const of = by && typeof by.value === 'function' && !isProxy(by.value) && Object.getOwnPropertyDescriptor(by.value, 'name'); \
            if (of && typeof of.value === 'string') name = of.value.slice(0, 200); \
        } \
        counts.set(name, (counts.get(name) || 0) + 1); \
    } \
    const classes = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most); \
    return { count: this.length, prototypes, classes }; }";

/// Takes objects. Returns the first that are no prototypes, so that only those are described.
const FIRST: &str = "function (count) { \
    const first = []; \
    for (let i = 0; i < this.length && first.length < count; i++) { \
        if (!Object.prototype.hasOwnProperty.call(this[i], 'constructor')) first.push(this[i]); \
    } \
    return first; }";

impl Inspector<'_> {
    /// Finds the objects of a class, with at most `examples` of each constructor. The process stands still meanwhile.
    pub fn query(&mut self, class: &str, examples: usize) -> Result<Query> {
        let found = self.find(class, examples);
        // Also where it failed: a connection that is of use no more loses what it holds with its end.
        let released = self.call("Runtime.releaseObjectGroup", json!({ "objectGroup": GROUP }));
        let found = found?;
        released.map(|_| found)
    }

    fn find(&mut self, class: &str, examples: usize) -> Result<Query> {
        let named = self.constructors(class)?;
        let sources = self.called(&named, "function () { return this.sources; }", json!([]), Return::Value)?;
        let sources: Vec<String> = sources.as_array().into_iter().flatten().map(|source| text(source).to_owned()).collect();
        let is_proxy = self.held("require('util').types.isProxy")?;
        let mut query = Query::default();
        for (at, source) in (0_u64..).zip(sources) {
            if at == MOST_CONSTRUCTORS {
                query.left_out += 1;
                continue;
            }
            let prototype = self.called(&named, "function (at) { return this.prototypes[at]; }", json!([{ "value": at }]), Return::Held)?;
            let objects = self.objects_of(&prototype)?;
            let mut constructed = self.counted(&objects, &is_proxy)?;
            constructed.examples = self.examples(&objects, examples)?;
            query.constructors.push(Constructed { source, ..constructed });
        }
        Ok(query)
    }

    /// Returns the constructors of a name, with their prototypes: the one that is known everywhere, else all that the heap holds.
    fn constructors(&mut self, class: &str) -> Result<Value> {
        let argument = json!([{ "value": class }]);
        let everywhere = self.held("globalThis")?;
        let global = self.called(&everywhere, GLOBAL, argument.clone(), Return::Held)?;
        if !global.is_null() {
            return Ok(global);
        }
        let functions = self.held("Function.prototype")?;
        let functions = self.objects_of(&functions)?;
        self.called(&functions, NAMED, argument, Return::Held)
    }

    fn counted(&mut self, objects: &Value, is_proxy: &Value) -> Result<Constructed> {
        let arguments = json!([{ "objectId": is_proxy }, { "value": MOST_CLASSES }]);
        let counted = self.called(objects, COUNTED, arguments, Return::Value)?;
        let number = |key: &str| counted.get(key).and_then(Value::as_u64);
        let (Some(count), Some(prototypes)) = (number("count"), number("prototypes")) else {
            return Err(LiveError::protocol("counting objects", "count and prototypes", &counted.to_string()));
        };
        let class = |pair: &Value| Some((text(pair.get(0)?).to_owned(), pair.get(1)?.as_u64()?));
        let classes = counted.get("classes").and_then(Value::as_array).into_iter().flatten().filter_map(class).collect();
        Ok(Constructed { count, prototypes, classes, ..Constructed::default() })
    }

    /// Describes a few objects, as V8 does without running anything.
    fn examples(&mut self, objects: &Value, count: usize) -> Result<Vec<String>> {
        let first = self.called(objects, FIRST, json!([{ "value": count }]), Return::Held)?;
        let params = json!({ "objectId": first, "ownProperties": true, "generatePreview": true });
        let properties = self.call("Runtime.getProperties", params)?;
        let properties = properties.get("result").and_then(Value::as_array).cloned().unwrap_or_default();
        let elements =
            properties.iter().filter(|one| one.get("name").and_then(Value::as_str).is_some_and(|name| name.parse::<u32>().is_ok()));
        Ok(elements.filter_map(|element| element.get("value").map(described)).collect())
    }

    /// Returns what V8 finds with a prototype in the chain: an array in the process.
    fn objects_of(&mut self, prototype: &Value) -> Result<Value> {
        let params = json!({ "prototypeObjectId": prototype, "objectGroup": GROUP });
        let mut answer = self.call_with("Runtime.queryObjects", params, SILENCE_LIMIT, &mut |_, _| Ok(false))?;
        Ok(answer.pointer_mut("/objects/objectId").map_or(Value::Null, Value::take))
    }

    /// Evaluates an expression. Returns by what its value is called.
    fn held(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "objectGroup": GROUP, "includeCommandLineAPI": true, "silent": true });
        let answer = self.call("Runtime.evaluate", params)?;
        returned(answer, expression, Return::Held)
    }

    /// Calls a function on an object of the process.
    fn called(&mut self, this: &Value, function: &str, arguments: Value, as_what: Return) -> Result<Value> {
        let params = json!({
            "objectId": this,
            "functionDeclaration": function,
            "arguments": arguments,
            "objectGroup": GROUP,
            "returnByValue": as_what == Return::Value,
            "silent": true,
        });
        let answer = self.call_with("Runtime.callFunctionOn", params, SILENCE_LIMIT, &mut |_, _| Ok(false))?;
        returned(answer, function, as_what)
    }
}

/// How something is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    /// As JSON.
    Value,
    /// It stays in the process; by what it is called there. Null stays null.
    Held,
}

fn returned(mut answer: Value, expression: &str, as_what: Return) -> Result<Value> {
    if let Some(exception) = super::exception(&answer) {
        return Err(LiveError::Threw { expression: expression.chars().take(40).collect(), exception });
    }
    let pointer = if as_what == Return::Value { "/result/value" } else { "/result/objectId" };
    Ok(answer.pointer_mut(pointer).map_or(Value::Null, Value::take))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Writes an object as Node.js prints objects, on one line, as far as the protocol describes it.
fn described(object: &Value) -> String {
    let name = object.get("description").map(text).unwrap_or_default();
    let name: String = name.lines().next().unwrap_or_default().chars().take(80).collect();
    let Some(preview) = object.get("preview") else { return name };
    let mut parts: Vec<String> = Vec::new();
    for entry in preview.get("entries").and_then(Value::as_array).into_iter().flatten() {
        let side = |key: &str| entry.pointer(&format!("/{key}/description")).map(text);
        let value = side("value").unwrap_or("?");
        parts.push(side("key").map_or_else(|| value.to_owned(), |key| format!("{key} => {value}")));
    }
    for property in preview.get("properties").and_then(Value::as_array).into_iter().flatten() {
        let of = |key: &str| property.get(key).map(text).unwrap_or_default();
        let value = match (of("type"), of("value")) {
            ("string", value) => format!("{value:?}"),
            ("function", _) => "function".to_owned(),
            ("accessor", _) => "(getter)".to_owned(),
            (_, value) => value.to_owned(),
        };
        parts.push(format!("{}: {value}", of("name")));
    }
    if preview.get("overflow").and_then(Value::as_bool) == Some(true) {
        parts.push("…".to_owned());
    }
    if parts.is_empty() { format!("{name} {{}}") } else { format!("{name} {{ {} }}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_described_on_one_line() {
        let preview = |properties: Value, overflow: bool| json!({ "properties": properties, "overflow": overflow });
        let cases = [
            (json!({ "description": "Session", "preview": preview(json!([]), false) }), "Session {}"),
            (
                json!({ "description": "Session", "preview": preview(json!([
                    {"name": "id", "type": "number", "value": "7"}, {"name": "user", "type": "string", "value": "a\"b"},
                    {"name": "at", "type": "accessor"}, {"name": "go", "type": "function", "value": ""}]), true) }),
                "Session { id: 7, user: \"a\\\"b\", at: (getter), go: function, … }",
            ),
            (
                json!({ "description": "Map(1)", "preview": { "overflow": false, "properties": [],
                    "entries": [{"key": {"description": "a"}, "value": {"description": "1"}}] } }),
                "Map(1) { a => 1 }",
            ),
            (json!({ "description": "Error: x\n    at y" }), "Error: x"),
            (json!({}), ""),
        ];
        for (object, expect) in cases {
            assert_eq!(described(&object), expect);
        }
    }
}
