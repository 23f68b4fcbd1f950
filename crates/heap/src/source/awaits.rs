//! Finds the `await` at which calls of an async function wait, in the function's text, and the `Promise.race` that a promise takes part in. Where each call waits is not in a snapshot: this is
//! only an answer where the text has no other place. Functions within the function are not told apart from it.

use super::text::{Position, Token, Tokens, offset, position};

/// Finds the one `await` of the function whose parameters start at `function`; of several the one whose statement names `what`, the
/// variable that holds the promise. `None` where that is none or several.
#[must_use]
pub fn awaiting(text: &str, function: Position, what: Option<&str>) -> Option<Position> {
    let start = offset(text, function)?;
    let body = body(text, start)?;
    let awaits: Vec<&Token<'_>> = body.iter().filter(|token| token.text == "await").collect();
    let named: Vec<&&Token<'_>> = awaits.iter().filter(|token| what.is_some_and(|what| names(text, token, &body, what))).collect();
    let only = match (named.as_slice(), awaits.as_slice()) {
        ([only], _) => only,
        ([], [only]) => only,
        _ => return None,
    };
    Some(position(text, only.at))
}

/// Finds the one call of `Promise.race` or `Promise.any` whose statement names `what`; `None` where that is none or several.
#[must_use]
pub fn racing(text: &str, what: &str) -> Option<Position> {
    let tokens: Vec<Token<'_>> = Tokens::new(text).collect();
    let is_race = |four: &&[Token<'_>]| {
        let [class, dot, method, open] = four else { return false };
        class.text == "Promise" && dot.text == "." && matches!(method.text, "race" | "any") && open.text == "("
    };
    let races = tokens.windows(4).filter(is_race).filter_map(|four| four.first());
    let mut races = races.filter(|first| names(text, first, &tokens, what));
    let only = races.next()?;
    races.next().is_none().then(|| position(text, only.at))
}

/// Says whether the rest of a word's statement, up to a semicolon or the end of its line, has a name.
fn names(text: &str, word: &Token<'_>, tokens: &[Token<'_>], name: &str) -> bool {
    let rest = text.get(word.at..).unwrap_or_default();
    let end = word.at + rest.find([';', '\n']).unwrap_or(rest.len());
    let behind = tokens.partition_point(|token| token.at < word.at);
    tokens.iter().skip(behind).take_while(|token| token.at < end).any(|token| token.text == name)
}

/// Returns the words of a function's body: between its braces, or of an arrow function without them up to the end of the line.
fn body(text: &str, start: usize) -> Option<Vec<Token<'_>>> {
    let mut tokens = Tokens::new(text).skip_while(|token| token.at < start).peekable();
    // V8 says where the parameters start, of a class's method or an arrow function too.
    if tokens.peek()?.text == "async" {
        tokens.next();
    }
    let mut depth = 0_i32;
    for token in tokens.by_ref() {
        depth += opened(&token);
        if depth == 0 {
            break;
        }
    }
    if tokens.peek()?.text == "=>" {
        tokens.next();
    }
    let first = tokens.next()?;
    let line_end = text.get(first.at..)?.find('\n').map_or(text.len(), |newline| first.at + newline);
    let has_braces = first.text == "{";
    let mut depth = 1_i32;
    let mut body = if has_braces { Vec::new() } else { vec![first] };
    for token in tokens {
        depth += opened(&token);
        if depth == 0 || (!has_braces && token.at > line_end) {
            break;
        }
        body.push(token);
    }
    Some(body)
}

/// Returns 1 for an opening bracket, -1 for a closing one.
fn opened(token: &Token<'_>) -> i32 {
    match token.text {
        "(" | "[" | "{" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_one_await() {
        let app = "const never = f();\nasync function handle(n, { a } = {}) {\n  const job = g(n);\n  await never; // await twice\n  return job;\n}\nawait x;";
        for (text, function, what, expected) in [
            (app, (2, 22), None, Some((4, 3))),
            (app, (2, 22), Some("never"), Some((4, 3))),
            ("async function f() {\n await a;\n await b();\n}", (1, 17), Some("a"), Some((2, 2))),
            ("async function f() {\n await a;\n await b();\n}", (1, 17), None, None),
            ("async function f() {\n await a;\n await a;\n}", (1, 17), Some("a"), None),
            ("const f = async (n) => await Promise.race([stop, g(n)]);\nawait stop;", (1, 11), Some("stop"), Some((1, 24))),
            ("const f = async n => { await stop }", (1, 17), None, Some((1, 24))),
            ("class A { async m() { return 1; } async n() { await 1; } }", (1, 18), None, None),
            ("f()", (9, 9), None, None),
        ] {
            assert_eq!(awaiting(text, function, what), expected, "{text} {function:?}");
        }
    }

    #[test]
    fn finds_the_one_race() {
        for (text, expected) in [
            ("f();\n  await Promise.race([stop, g()]);", Some((2, 9))),
            ("Promise.race([stop]); Promise.any([stop])", None),
            ("Promise.race([other]); Promise.any([stop])", Some((1, 24))),
            ("Promise.race(\n[stop])", None),
        ] {
            assert_eq!(racing(text, "stop"), expected, "{text}");
        }
    }
}
