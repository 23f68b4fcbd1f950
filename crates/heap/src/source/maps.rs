//! Source maps: from the code that ran to the code that people wrote. Inline (`data:`) or next to the script.

use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex};

use sourcemap::{DecodedMap, decode_data_url, decode_slice};

use super::{Place, SourceFiles};

/// The maps of scripts, each decoded when first asked for.
#[derive(Default)]
pub struct SourceMaps {
    known: Mutex<FxHashMap<String, Option<Arc<DecodedMap>>>>,
}

/// A place in original source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Where it is.
    pub place: Place,
    /// The name that the map gives there: the variable's or class's before minifying.
    pub name: Option<String>,
    /// The text of the line, where the map carries its sources.
    pub text: Option<String>,
}

/// Maps above this many bytes are not decoded.
const MAX_MAP: usize = 256 << 20;

impl SourceMaps {
    /// Maps a place in a script to the original source; `None` where the script has no map, or the map nothing there. `text` is the
    /// script's own text, whose last comment names the map.
    #[must_use]
    pub fn original(&self, place: &Place, text: Option<&str>, files: &dyn SourceFiles) -> Option<Original> {
        let map = self.map_of(&place.file, text, files)?;
        let (line, column) = (place.line.checked_sub(1)?, place.column.saturating_sub(1));
        let token = map.lookup_token(line, column)?;
        let source = token.get_source()?;
        let mapped = Place {
            file: resolve(&place.file, source),
            line: token.get_src_line().saturating_add(1),
            column: token.get_src_col().saturating_add(1),
            generated: Some(Box::new(place.clone())),
        };
        let line = token.get_source_view().and_then(|view| view.get_line(token.get_src_line())).map(|line| line.trim().to_owned());
        Some(Original { place: mapped, name: token.get_name().map(str::to_owned), text: line })
    }

    /// Says whether a script has a source map.
    pub(super) fn has(&self, script: &str, text: &str, files: &dyn SourceFiles) -> bool {
        self.map_of(script, Some(text), files).is_some()
    }

    /// Returns the original name of what is named at just that place in a script: the map's, else what stands there in the original
    /// source.
    pub(super) fn name_at(&self, place: &Place, text: Option<&str>, files: &dyn SourceFiles) -> Option<String> {
        let map = self.map_of(&place.file, text, files)?;
        let at = (place.line.checked_sub(1)?, place.column.checked_sub(1)?);
        let token = map.lookup_token(at.0, at.1).filter(|token| token.get_dst() == at)?;
        if let Some(name) = token.get_name() {
            return Some(name.to_owned());
        }
        let line = token.get_source_view()?.get_line(token.get_src_line())?;
        let mut units = 0;
        let from = line.char_indices().find(|&(_, char)| {
            let found = units >= token.get_src_col();
            units += char.len_utf16() as u32;
            found
        });
        let rest = line.get(from?.0..)?;
        let name = &rest[..rest.find(|char: char| !char.is_alphanumeric() && char != '_' && char != '$').unwrap_or(rest.len())];
        (!name.is_empty() && !matches!(name, "class" | "function")).then(|| name.to_owned())
    }

    fn map_of(&self, script: &str, text: Option<&str>, files: &dyn SourceFiles) -> Option<Arc<DecodedMap>> {
        let mut known = self.known.lock().ok()?;
        if let Some(map) = known.get(script) {
            return map.clone();
        }
        let map = load(script, text, files).map(Arc::new);
        known.insert(script.to_owned(), map.clone());
        map
    }
}

fn load(script: &str, text: Option<&str>, files: &dyn SourceFiles) -> Option<DecodedMap> {
    let url = text.and_then(mapping_url);
    match url {
        Some(url) if url.starts_with("data:") => (url.len() <= MAX_MAP).then(|| decode_data_url(url).ok())?,
        Some(url) => read(&resolve(script, url), files),
        // The comment may be cut off, or the maps may lie beside scripts that do not name them.
        None => read(&format!("{script}.map"), files),
    }
}

fn read(path: &str, files: &dyn SourceFiles) -> Option<DecodedMap> {
    let text = files.read(path.strip_prefix("file://").unwrap_or(path)).filter(|text| text.len() <= MAX_MAP)?;
    decode_slice(text.as_bytes()).ok()
}

/// Returns the URL of the last `sourceMappingURL` comment.
fn mapping_url(text: &str) -> Option<&str> {
    const MARK: &str = "# sourceMappingURL=";
    let at = text.rfind(MARK)? + MARK.len();
    let url = text.get(at..)?.split_whitespace().next()?;
    Some(url.trim_end_matches("*/")).filter(|url| !url.is_empty())
}

/// Resolves a relative name against the folder of a script.
fn resolve(script: &str, name: &str) -> String {
    if name.starts_with('/') || name.contains("://") {
        return name.to_owned();
    }
    let (prefix, path) = script.strip_prefix("file://").map_or(("", script), |path| ("file://", path));
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in name.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                // The first part of an absolute path is the empty one before its slash.
                if parts != [""] {
                    parts.pop();
                }
            }
            part => parts.push(part),
        }
    }
    format!("{prefix}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::NoFiles;
    use super::*;

    // Maps line 1, column 1 to app.ts line 1, and column 6 to line 2 with the name `cache`.
    const MAP: &str = r#"{"version":3,"sources":["../src/app.ts"],"names":["cache"],"mappings":"AAAA,KACIA"}"#;

    struct One;

    impl SourceFiles for One {
        fn read(&self, path: &str) -> Option<String> {
            (path == "/srv/dist/app.js.map").then(|| MAP.to_owned())
        }
    }

    #[test]
    fn maps_places() {
        let maps = SourceMaps::default();
        let place = Place::new("/srv/dist/app.js", 1, 6);
        let original = maps.original(&place, Some("x\n//# sourceMappingURL=app.js.map"), &One);
        let original = original.map(|original| (original.place.to_string(), original.name));
        assert_eq!(original, Some(("/srv/src/app.ts:2:5".to_owned(), Some("cache".to_owned()))));
        assert_eq!(SourceMaps::default().original(&place, Some("no map"), &NoFiles), None);
        assert_eq!(SourceMaps::default().original(&place, Some("//# sourceMappingURL=data:nonsense"), &NoFiles), None);
    }

    #[test]
    fn resolves_relative_names() {
        assert_eq!(resolve("/a/b/c.js", "../d/./e.ts"), "/a/d/e.ts");
        assert_eq!(resolve("file:///a/c.js", "c.js.map"), "file:///a/c.js.map");
        assert_eq!(resolve("c.js", "../../../x"), "x");
        assert_eq!(resolve("/a/c.js", "webpack://app/x.ts"), "webpack://app/x.ts");
    }
}
