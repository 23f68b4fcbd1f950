//! What the README shows is what the program prints: its `console` blocks are run, word for word, on the snapshots in `fixtures`.
//!
//! They run in a copy, since commands leave an index next to the files that they read. `README=overwrite cargo test -p heapwhy --test readme`
//! brings the README up to date.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BEGIN: &str = "```console\n";
const END: &str = "```\n";

#[test]
fn the_readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let fixtures = copy.path().join("fixtures/shop");
    fs::create_dir_all(&fixtures).unwrap();
    for entry in fs::read_dir(root.join("fixtures/shop")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), fixtures.join(entry.file_name())).unwrap();
    }
    let mut commands = 0;
    let fresh = refreshed(&readme, |command| {
        commands += 1;
        printed(copy.path(), command)
    });
    assert!(commands >= 3, "the README shows only {commands} commands");
    if std::env::var_os("README").is_some_and(|wish| wish == "overwrite") {
        fs::write(root.join("README.md"), fresh).unwrap();
        return;
    }
    for (line, (shown, now)) in readme.lines().zip(fresh.lines()).enumerate() {
        assert_eq!(now, shown, "README.md:{}: left is what is printed, right what the README shows", line + 1);
    }
    assert_eq!(fresh, readme);
}

/// Returns the text with the output of all commands (lines of `console` blocks that begin with `$ `) replaced.
fn refreshed(readme: &str, mut printed: impl FnMut(&str) -> String) -> String {
    let mut blocks = readme.split(BEGIN);
    let mut fresh = blocks.next().unwrap_or_default().to_owned();
    for after in blocks {
        let (block, rest) = after.split_once(END).expect("a block has no end");
        assert!(block.starts_with("$ "), "a block does not begin with a command: {block}");
        fresh.push_str(BEGIN);
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            fresh.extend(["$ ", command, "\n", &printed(command)]);
        }
        fresh.extend([END, rest]);
    }
    fresh
}

/// Runs a command as a shell does, with standard error left out, as the README leaves it out.
fn printed(folder: &Path, command: &str) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_heapwhy"));
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&folders));
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(folder).env_clear().env("LANG", "C.UTF-8");
    shell.env("PATH", std::env::join_paths(folders).unwrap()).stdin(Stdio::null());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{command}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn output_is_replaced_in_all_blocks() {
    let text = "a\n```console\n$ one\nold\n\n$ two\n```\nb\n```sh\n$ no\n```\n```console\n$ three\n```\nc\n";
    let fresh = refreshed(text, |command| format!("<{command}>\n"));
    let expected = "a\n```console\n$ one\n<one>\n$ two\n<two>\n```\nb\n```sh\n$ no\n```\n```console\n$ three\n<three>\n```\nc\n";
    assert_eq!(fresh, expected);
}
