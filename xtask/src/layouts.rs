//! `cargo xtask layouts NODE…`: writes what Node.js binaries call their instance types into the table of the crate `v8mem`.
//!
//! V8 exports the names of some types only, but every official binary has the function that prints any of them. gdb calls it.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::say::say;
use crate::setup;
use crate::workspace::Workspace;

const TABLE: &str = "crates/v8mem/src/layout/instance_types.tsv";

/// A V8's major and minor number.
type Version = (u32, u32);

/// Types by name: the number that each has in the versions that have it.
type Types = BTreeMap<String, BTreeMap<Version, u32>>;

/// Adds the columns of the given programs to the table, in place of those that it has of the same V8.
pub(crate) fn add(workspace: &Workspace, programs: &[&str]) -> Result<()> {
    setup::gdb()?;
    let path = workspace.root.join(TABLE);
    let mut types = parse(&fs::read_to_string(&path)?)?;
    for program in programs {
        let version = version(program)?;
        let found = ask(workspace, program)?;
        ensure!(found.len() > 200, "{program} names {} types only", found.len());
        say!("{program}: V8 {}.{}, {} types", version.0, version.1, found.len());
        for numbers in types.values_mut() {
            numbers.remove(&version);
        }
        for (number, name) in found {
            types.entry(name).or_default().insert(version, number);
        }
    }
    types.retain(|_, numbers| !numbers.is_empty());
    fs::write(path, print(&types)).context("cannot write the table")
}

fn version(program: &str) -> Result<Version> {
    let out = Command::new(program).args(["-p", "process.versions.v8"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8(out.stdout)?;
    let mut numbers = text.split('.').map(str::parse);
    let mut next = || numbers.next().and_then(Result::ok).with_context(|| format!("{program} tells no version of V8"));
    Ok((next()?, next()?))
}

/// Asks a program, under gdb.
fn ask(workspace: &Workspace, program: &str) -> Result<Vec<(u32, String)>> {
    ensure!(Path::new(program).is_file(), "there is no file {program}");
    let mut gdb = Command::new("gdb");
    gdb.args(["-q", "-batch", "-x"]).arg(workspace.root.join("tests/cores/instance_types.py")).arg(program);
    let out = gdb.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&out.stdout).lines().filter_map(one).collect())
}

/// Reads `264 MAP_TYPE`.
fn one(line: &str) -> Option<(u32, String)> {
    let (number, name) = line.split_once(' ')?;
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let end = name.bytes().position(|byte| !upper(byte)).unwrap_or(name.len());
    Some((number.parse().ok()?, name[..end].strip_suffix("_TYPE")?.to_owned()))
}

fn parse(table: &str) -> Result<Types> {
    let mut lines = table.lines().map(|line| line.split('\t'));
    let column = |text: &str| {
        let (major, minor) = text.split_once('.').context("a column without a version")?;
        anyhow::Ok((major.parse()?, minor.parse()?))
    };
    let columns: Vec<Version> = lines.next().context("an empty table")?.skip(1).map(column).collect::<Result<_>>()?;
    let mut types = Types::new();
    for mut row in lines {
        let numbers = types.entry(row.next().unwrap_or_default().to_owned()).or_default();
        numbers.extend(columns.iter().copied().zip(row).filter_map(|(version, text)| Some((version, text.parse().ok()?))));
    }
    Ok(types)
}

/// Writes the table, types in the order of the newest V8 that has each.
fn print(types: &Types) -> String {
    let versions: std::collections::BTreeSet<Version> = types.values().flat_map(BTreeMap::keys).copied().collect();
    let mut rows: Vec<_> = types.iter().collect();
    rows.sort_by_key(|(name, numbers)| (numbers.values().last().copied(), name.as_str()));
    let mut out = String::from("name");
    versions.iter().for_each(|(major, minor)| out += &format!("\t{major}.{minor}"));
    out.push('\n');
    for (name, numbers) in rows {
        out += name;
        for version in &versions {
            out.push('\t');
            out += &numbers.get(version).map(u32::to_string).unwrap_or_default();
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_is_printed_of_it() {
        let table = include_str!("../../crates/v8mem/src/layout/instance_types.tsv");
        assert_eq!(print(&parse(table).unwrap()), table);
        assert_eq!(one("264 MAP_TYPE[Inferior 1 killed]"), Some((264, "MAP".to_owned())));
        assert_eq!(one("v22.23.3"), None);
        assert_eq!(one("7 #"), None);
    }
}
