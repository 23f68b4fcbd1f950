//! The files of the npm package that judge a function.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The program among them.
const PROGRAM: &str = "judge-file.js";

/// All files of the package's `lib`, by name.
const FILES: &[(&str, &str)] = &[
    ("binary.js", include_str!("../../../../npm/lib/binary.js")),
    ("calling.js", include_str!("../../../../npm/lib/calling.js")),
    ("collectable.js", include_str!("../../../../npm/lib/collectable.js")),
    ("collected.js", include_str!("../../../../npm/lib/collected.js")),
    ("collecting.js", include_str!("../../../../npm/lib/collecting.js")),
    ("counting.js", include_str!("../../../../npm/lib/counting.js")),
    ("deadline.js", include_str!("../../../../npm/lib/deadline.js")),
    ("errors.js", include_str!("../../../../npm/lib/errors.js")),
    ("growth.js", include_str!("../../../../npm/lib/growth.js")),
    ("helpers.js", include_str!("../../../../npm/lib/helpers.js")),
    ("inspecting.js", include_str!("../../../../npm/lib/inspecting.js")),
    ("judge-file.js", include_str!("../../../../npm/lib/judge-file.js")),
    ("leak-test.js", include_str!("../../../../npm/lib/leak-test.js")),
    ("leaving.js", include_str!("../../../../npm/lib/leaving.js")),
    ("numbers.js", include_str!("../../../../npm/lib/numbers.js")),
    ("options.js", include_str!("../../../../npm/lib/options.js")),
    ("query.js", include_str!("../../../../npm/lib/query.js")),
    ("realms.js", include_str!("../../../../npm/lib/realms.js")),
    ("reason.js", include_str!("../../../../npm/lib/reason.js")),
    ("rule.js", include_str!("../../../../npm/lib/rule.js")),
    ("sampling.js", include_str!("../../../../npm/lib/sampling.js")),
    ("saved.js", include_str!("../../../../npm/lib/saved.js")),
    ("self-check.js", include_str!("../../../../npm/lib/self-check.js")),
    ("snapshots.js", include_str!("../../../../npm/lib/snapshots.js")),
    ("story.js", include_str!("../../../../npm/lib/story.js")),
    ("turns.js", include_str!("../../../../npm/lib/turns.js")),
    ("wording.js", include_str!("../../../../npm/lib/wording.js")),
];

/// Writes the files into a folder, and returns the program's path.
pub(super) fn unpack(folder: &Path) -> io::Result<PathBuf> {
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    // Inside somebody's project a file may say that all below it are ES modules.
    fs::write(folder.join("package.json"), r#"{"type": "commonjs"}"#)?;
    Ok(folder.join(PROGRAM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_forgotten() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../npm/lib");
        let mut there: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        there.sort();
        let known: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(there, known);
        assert!(known.contains(&PROGRAM));
    }
}
