//! Commands that are printed for people to type: words and file names as a shell needs them, and files that would be worth naming.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many names of a folder are looked at.
const MOST_NAMES: usize = 10_000;

/// Returns a word as a shell needs it written.
pub(crate) fn shell_word(word: &str) -> String {
    quoted(word.as_bytes())
}

/// Returns a file name as a shell needs it written, and so that it is not taken for an option. `-`, standard input, stays.
pub(crate) fn shell_path(path: &Path) -> String {
    let name = path.as_os_str().as_encoded_bytes();
    if name.starts_with(b"-") && name != b"-" { quoted(&[b"./", name].concat()) } else { quoted(name) }
}

/// Quotes only what needs it. Bytes that a terminal would act on, and such as are no UTF-8, are written as bash, zsh and ksh take them.
fn quoted(bytes: &[u8]) -> String {
    let plain = |&byte: &u8| byte.is_ascii_alphanumeric() || b"._-/@+=:,".contains(&byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if crate::render::clean::clean(text) == text => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let escaped = |&byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", byte as char),
                b' '..=b'~' => (byte as char).to_string(),
                _ => format!("\\x{byte:02x}"),
            };
            format!("$'{}'", bytes.iter().map(escaped).collect::<String>())
        }
    }
}

/// Says whether a file is a snapshot by its name.
pub(crate) fn looks_like_snapshot(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    [".heapsnapshot", ".heapsnapshot.gz", ".heaptimeline"].iter().any(|end| name.ends_with(end))
}

/// Returns the command that compares a snapshot with a later one: of the same folder where there is one, else the one that tells how.
pub(crate) fn compare(path: &Path) -> String {
    if let Some(pid) = crate::running::pid(path) {
        return format!("heapwhy diff {pid} --after 5m   # captures it again then, and shows what grew");
    }
    match next_snapshot(path) {
        Some(later) => format!("heapwhy {} {}", shell_path(path), shell_path(&later)),
        None => "heapwhy help diff   # how to take a second snapshot later, which shows what grows".to_owned(),
    }
}

/// Returns the snapshot of the same folder that was written next and, by its name, of the same process, where there is one.
fn next_snapshot(path: &Path) -> Option<PathBuf> {
    let written = |path: &Path| -> Option<SystemTime> { std::fs::metadata(path).ok()?.modified().ok() };
    let since = written(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).ok()?.flatten().take(MOST_NAMES).map(|entry| path.with_file_name(entry.file_name()));
    let later = names.filter(|other| may_continue(path, other)).filter_map(|other| Some((written(&other)?, other)));
    later.filter(|(at, _)| *at > since).min().map(|(_, other)| other)
}

/// Says whether a file may be a later snapshot or core dump of the process that another is of, by their names: they differ in numbers only
/// (`app.1.heapsnapshot`), or are snapshots whose names have none. V8's own names hold the process's id.
fn may_continue(first: &Path, other: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (first_name, other_name) = (name(first), name(other));
    let ((words, numbers), (other_words, other_numbers)) = (series(&first_name), series(&other_name));
    let process = |name: &str, numbers: &[&str]| numbers.get(place_of_process(name, numbers.len())).map(|ids| ids.join("."));
    let have_none = numbers.is_empty() && other_numbers.is_empty() && looks_like_snapshot(first) && looks_like_snapshot(other);
    have_none || !numbers.is_empty() && words == other_words && process(&first_name, &numbers) == process(&other_name, &other_numbers)
}

/// Returns which of the numbers in a name, so many in all, say of which process it is.
fn place_of_process(name: &str, numbers: usize) -> std::ops::Range<usize> {
    let ends_in_number = name.rsplit_once('.').is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|letter| letter.is_ascii_digit()));
    match name {
        // Heap.20261122.160722.4217.0.001.heapsnapshot: day, time, process, thread and how many before.
        _ if name.starts_with("Heap.") => 2..4,
        // core.4217, and with the time behind it.
        _ if name.starts_with("core.") => 0..1,
        // gcore -o api: api.4217.
        _ if ends_in_number => numbers.saturating_sub(1)..numbers,
        _ => 0..0,
    }
}

/// Takes the numbers out of a name.
fn series(name: &str) -> (Vec<&str>, Vec<&str>) {
    let words = name.split(|letter: char| letter.is_ascii_digit()).filter(|word| !word.is_empty()).collect();
    let numbers = name.split(|letter: char| !letter.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
    (words, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell() {
        let cases = [
            ("Session", "Session"),
            ("{id, name}", "'{id, name}'"),
            ("it's", "'it'\\''s'"),
            ("größe", "'größe'"),
            ("", "''"),
            ("a\nb\u{1b}'", "$'a\\x0ab\\x1b\\''"),
        ];
        for (word, expect) in cases {
            assert_eq!(shell_word(word), expect);
        }
    }

    #[test]
    fn paths_for_a_shell() {
        let cases = [
            ("a.heapsnapshot", "a.heapsnapshot"),
            ("my app/1.heapsnapshot", "'my app/1.heapsnapshot'"),
            ("-x.heapsnapshot", "./-x.heapsnapshot"),
            ("-", "-"),
            ("~/a", "'~/a'"),
            ("$(reboot)", "'$(reboot)'"),
        ];
        for (path, expect) in cases {
            assert_eq!(shell_path(Path::new(path)), expect);
        }
    }

    /// A shell gives back what was quoted.
    #[cfg(target_os = "linux")]
    #[test]
    fn bash_reads_what_is_written() {
        use std::os::unix::ffi::OsStrExt;
        for name in [&b"plain"[..], b"two words", b"quo'te", b"new\nline", b"\xff\xfe", b"$HOME `id` \\ \"", b"*?[a]{b,c}", b"#x", b"!x"] {
            let word = shell_path(Path::new(std::ffi::OsStr::from_bytes(name)));
            let output = std::process::Command::new("bash").arg("-c").arg(format!("printf %s {word}")).output().unwrap();
            assert_eq!(output.stdout, name, "{word}");
        }
    }

    #[test]
    fn names_tell_what_may_be_of_one_process() {
        let cases = [
            ("1.heapsnapshot", "2.heapsnapshot", true),
            ("before.heapsnapshot", "after.heapsnapshot", true),
            ("before.heapsnapshot", "after.core", false),
            ("api.1.core", "api.2.core", true),
            ("api.1.core", "api.2.core.hwy", false),
            ("api.core", "api.core.zst", false),
            ("core.4217", "core.4218", false),
            ("g.24.4217", "g.24.4218", false),
            ("g.1.4217", "g.2.4217", true),
            ("p9_io.22.core", "p7_esm.16.heapsnapshot", false),
            ("Heap.20261122.160722.4217.0.001.heapsnapshot", "Heap.20261122.170722.4217.0.002.heapsnapshot", true),
            ("Heap.20261122.160722.4217.0.001.heapsnapshot", "Heap.20261122.170722.4218.0.001.heapsnapshot", false),
            ("Heap.20261122.160722.4217.0.001.heapsnapshot", "Heap.20261122.170722.4217.1.002.heapsnapshot", false),
        ];
        for (first, other, expect) in cases {
            assert_eq!(may_continue(Path::new(first), Path::new(other)), expect, "{first} {other}");
        }
    }

    #[test]
    fn the_next_snapshot_is_the_next_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let hour = std::time::Duration::from_secs(3600);
        let start = SystemTime::UNIX_EPOCH + 1000 * hour;
        for (name, hours) in
            [("b.heapsnapshot", 1), ("c.heapsnapshot", 3), ("a.heapsnapshot", 2), ("notes.txt", 1), ("old.heapsnapshot", 0)]
        {
            let file = std::fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(start + hours * hour).unwrap();
        }
        let after = |name: &str| next_snapshot(&folder.path().join(name)).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(after("old.heapsnapshot").unwrap(), "b.heapsnapshot");
        assert_eq!(after("b.heapsnapshot").unwrap(), "a.heapsnapshot");
        assert_eq!(after("c.heapsnapshot"), None);
        assert!(compare(&folder.path().join("c.heapsnapshot")).starts_with("heapwhy help diff"));
    }
}
