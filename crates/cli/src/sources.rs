//! Reads source files, source maps and `package.json` for the story, where the user allows: `heap` itself reads no files.

use std::path::{Path, PathBuf};

use heap::source::SourceFiles;

/// No source is larger than this.
const LARGEST: u64 = 64 << 20;

/// The files of this machine: below a folder that the user named, else where the snapshot says that they were.
pub(crate) struct Disk {
    /// The folder of `--sourcemaps`.
    folder: Option<PathBuf>,
}

impl Disk {
    /// Reads from the disk. `folder` comes before the places that the snapshot names.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Returns where a file may be: `/srv/app/dist/main.js.map` is looked for as `DIR/dist/main.js.map` and so on, then as it is.
    fn candidates(&self, path: &Path) -> Vec<PathBuf> {
        let mut places = Vec::new();
        if let Some(folder) = &self.folder {
            let parts: Vec<_> = path.components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect();
            places.extend((0..parts.len()).map(|from| folder.join(parts[from..].iter().collect::<PathBuf>())));
        }
        if path.is_absolute() {
            places.push(path.to_owned());
        }
        places
    }
}

impl SourceFiles for Disk {
    fn read(&self, path: &str) -> Option<String> {
        let readable = |place: &PathBuf| std::fs::metadata(place).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST);
        self.candidates(Path::new(path)).into_iter().find(readable).and_then(|place| std::fs::read_to_string(place).ok())
    }
}
