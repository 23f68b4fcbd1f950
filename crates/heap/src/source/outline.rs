//! Where the functions and classes of a script stand, and where their names do: from the position that V8 gives to the name that a source
//! map knows. Not a parser, as `text` is none: what it takes for a class may be none, so callers compare names.

use rustc_hash::FxHashMap;

use super::text::{Position, Token, Tokens};

/// The named functions and classes of one text, by the position that V8 gives them: of a class without constructor the word `class`, of
/// others and of functions the bracket before the parameters.
#[derive(Debug, Default)]
pub struct Outline {
    named: FxHashMap<Position, Named>,
}

/// The name of a function or class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name in that text.
    pub name: String,
    /// Where it stands.
    pub at: Position,
}

/// A block that is open.
enum Block {
    /// The body of a class.
    Class(Option<Named>),
    Other,
}

impl Outline {
    /// Goes over a text. O(bytes).
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut outline = Self::default();
        let mut cursor = Cursor { text, at: 0, position: (1, 1) };
        let mut blocks: Vec<Block> = Vec::new();
        // A class whose body has not begun, and how many brackets were open at its word.
        let mut pending: Option<(Option<Named>, usize)> = None;
        let mut brackets = 0_usize;
        let mut tokens = Tokens::new(text).peekable();
        // The last three tokens with their positions, the nearest first.
        let mut before: [(&str, Position); 3] = [("", (0, 0)); 3];
        while let Some(token) = tokens.next() {
            let here = cursor.to(token.at);
            match token.text {
                "class" if before[0].0 != "." => {
                    let next = tokens.peek().filter(|next| is_name(next.text) && next.text != "extends");
                    let named = match next {
                        Some(Token { text, at, .. }) => Some(Named { name: (*text).to_owned(), at: cursor.clone().to(*at) }),
                        None => assigned(&before),
                    };
                    outline.add(here, named.as_ref());
                    pending = Some((named, brackets));
                }
                "(" => {
                    let in_class = || match blocks.last() {
                        Some(Block::Class(class)) => class.as_ref(),
                        _ => None,
                    };
                    match before {
                        [("constructor", _), ..] => outline.add(here, in_class()),
                        [(name, at), ("function", _), ..] | [(name, at), ("*", _), ("function", _)] if is_name(name) => {
                            outline.add(here, Some(&Named { name: name.to_owned(), at }));
                        }
                        [("function", _), ..] => outline.add(here, assigned(&[before[1], before[2], ("", (0, 0))]).as_ref()),
                        _ => {}
                    }
                    brackets += 1;
                }
                ")" => brackets = brackets.saturating_sub(1),
                "{" => match pending.take() {
                    Some((named, depth)) if depth == brackets => blocks.push(Block::Class(named)),
                    kept => {
                        pending = kept;
                        blocks.push(Block::Other);
                    }
                },
                "}" => {
                    blocks.pop();
                }
                _ => {}
            }
            before = [(token.text, here), before[0], before[1]];
        }
        outline
    }

    /// Returns the name of the function or class to which V8 gives that position.
    #[must_use]
    pub fn named(&self, position: Position) -> Option<&Named> {
        self.named.get(&position)
    }

    fn add(&mut self, at: Position, named: Option<&Named>) {
        if let Some(named) = named {
            self.named.insert(at, named.clone());
        }
    }
}

/// Returns the name to which something is assigned that follows: `s =`, `s:`.
fn assigned(before: &[(&str, Position); 3]) -> Option<Named> {
    let [("=" | ":", _), (name, at), _] = *before else { return None };
    is_name(name).then(|| Named { name: name.to_owned(), at })
}

fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == '$')
}

/// Turns rising offsets into positions without starting at the text's begin each time: minified scripts are one long line.
#[derive(Clone)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    position: Position,
}

impl Cursor<'_> {
    fn to(&mut self, offset: usize) -> Position {
        for char in self.text.get(self.at..offset).unwrap_or_default().chars() {
            if char == '\n' {
                self.position = (self.position.0 + 1, 1);
            } else {
                self.position.1 += char.len_utf16() as u32;
            }
        }
        self.at = offset;
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names_by_v8s_positions() {
        let text = "class d{constructor(t){this.k=t}}class s extends k({}){entries=[];write(t){}}\n\
                    var f=class{};function g(a){}const h=function(a){},é=function*i(a){};x.class(1)";
        let outline = Outline::of(text);
        for (at, expected) in [
            ((1, 20), Some(("d", (1, 7)))),
            ((1, 34), Some(("s", (1, 40)))),
            ((1, 1), Some(("d", (1, 7)))),
            ((2, 7), Some(("f", (2, 5)))),
            ((2, 25), Some(("g", (2, 24)))),
            ((2, 46), Some(("h", (2, 36)))),
            ((2, 64), Some(("i", (2, 63)))),
            ((2, 73), None),
            ((1, 22), None),
        ] {
            let found = outline.named(at).map(|named| (named.name.as_str(), named.at));
            assert_eq!(found, expected, "{at:?}");
        }
    }
}
