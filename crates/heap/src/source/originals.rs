//! From places and names in the code that ran to those in the code that people wrote: source texts, source maps and outlines, each read
//! when first asked for.

use std::sync::{Arc, Mutex};

use rustc_hash::FxHashMap;

use super::maps::{Original, SourceMaps};
use super::outline::Outline;
use super::{Owner, Place, SourceFiles};

/// What is known of one script's text.
type Text = Option<Arc<str>>;

/// The original places and names of scripts.
pub struct Originals<'a> {
    files: &'a dyn SourceFiles,
    maps: SourceMaps,
    texts: Mutex<FxHashMap<String, Text>>,
    outlines: Mutex<FxHashMap<String, Arc<Outline>>>,
}

impl<'a> Originals<'a> {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(files: &'a dyn SourceFiles) -> Self {
        Self { files, maps: SourceMaps::default(), texts: Mutex::default(), outlines: Mutex::default() }
    }

    /// Returns the files that may be read.
    #[must_use]
    pub fn files(&self) -> &'a dyn SourceFiles {
        self.files
    }

    /// Returns a script's text: from disk where the caller allows it and it agrees with `held`, what the snapshot has of it (the text, and
    /// whether that is all); else the snapshot's.
    #[must_use]
    pub fn text(&self, file: &str, held: impl FnOnce() -> Option<(String, bool)>) -> Option<Arc<str>> {
        if let Some(known) = self.texts.lock().ok()?.get(file) {
            return known.clone();
        }
        let disk = || self.files.read(file.strip_prefix("file://").unwrap_or(file));
        let text = match held() {
            Some((text, true)) => Some(text),
            Some((start, false)) => {
                // The wrapper of `Module.wrap` and a byte order mark aside, the file on disk must be the one that ran.
                let begin = start.char_indices().nth(200).map_or(start.len(), |(at, _)| at);
                disk().filter(|disk| disk.contains(&start[..begin])).or(Some(start))
            }
            None => disk(),
        };
        let text: Text = text.map(Arc::from);
        self.texts.lock().ok()?.insert(file.to_owned(), text.clone());
        text
    }

    /// Returns what a source map says of a place in a script; `None` for Node.js's own scripts, and where there is no map.
    #[must_use]
    pub fn of_place(&self, place: &Place, text: Option<&str>) -> Option<Original> {
        if Owner::of_script(&place.file) == Owner::NodeCore {
            return None;
        }
        self.maps.original(place, text, self.files)
    }

    /// Says whether a script has a source map that can be read.
    #[must_use]
    pub fn has_map(&self, place: &Place, text: &str) -> bool {
        Owner::of_script(&place.file) != Owner::NodeCore && self.maps.has(&place.file, text, self.files)
    }

    /// Returns the name that a class or function had before it was minified: `place` is V8's, `generated` its name in the script. `None`
    /// where it was not renamed, or nothing is known. O(bytes of the script), once a script.
    #[must_use]
    pub fn of_name(&self, place: &Place, generated: &str, text: Option<&str>) -> Option<String> {
        let text = text?;
        if generated.is_empty() || !self.has_map(place, text) {
            return None;
        }
        let outline = self.outline(&place.file, text)?;
        let named = outline.named((place.line, place.column)).filter(|named| named.name == generated)?;
        let at = Place::new(place.file.clone(), named.at.0, named.at.1);
        self.maps.name_at(&at, Some(text), self.files).filter(|name| name != generated)
    }

    /// Returns the name that the variable had before it was minified whose name stands at just that place in a script.
    #[must_use]
    pub fn of_variable(&self, place: &Place, text: &str) -> Option<String> {
        if !self.has_map(place, text) {
            return None;
        }
        self.maps.name_at(place, Some(text), self.files)
    }

    fn outline(&self, file: &str, text: &str) -> Option<Arc<Outline>> {
        let mut known = self.outlines.lock().ok()?;
        Some(Arc::clone(known.entry(file.to_owned()).or_insert_with(|| Arc::new(Outline::of(text)))))
    }
}
