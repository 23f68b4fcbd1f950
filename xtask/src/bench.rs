//! `cargo xtask bench snapshots`: heapwhy and other tools on snapshots of real programs, measured one after the other in the same run.
//!
//! Wall and CPU seconds and peak memory are those of whole processes, with the file in the page cache; medians of the repeats.

pub(crate) mod captures;
pub(crate) mod core_dumps;
mod inputs;
pub(crate) mod measure;
mod replicate;

use crate::say::say;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::setup;
use crate::workspace::{Profile, TOOL_LINE, Workspace};
use inputs::Size;
use measure::{Measure, measure};

struct Options {
    size: Size,
    peers: bool,
    repeat: usize,
}

fn options(words: &[&str]) -> Result<Options> {
    let mut options = Options { size: Size::Small, peers: false, repeat: 3 };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--size" => options.size = Size::named(words.next().context("--size needs small, medium, large or huge")?)?,
            "--repeat" => options.repeat = words.next().context("--repeat needs a number")?.parse()?,
            "--peers" => options.peers = true,
            _ => bail!("unknown option {word}"),
        }
    }
    if options.repeat == 0 {
        bail!("--repeat needs a number above 0");
    }
    Ok(options)
}

/// One tool to be measured.
struct Contender {
    name: &'static str,
    command: Vec<OsString>,
    variables: Vec<(&'static str, PathBuf)>,
    /// Runs before each measurement, unmeasured.
    prepare: Option<Vec<OsString>>,
}

/// Runs the benchmark and prints its table.
pub(crate) fn snapshots(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let options = options(words)?;
    setup::bench(workspace)?;
    let input = inputs::make(workspace, options.size)?;
    let contenders = contenders(workspace, &input, options.peers)?;
    let bytes = fs::metadata(&input.file)?.len();
    say!("{} ({:.1} MB), {} repeats, {} cores", input.file.display(), bytes as f64 / 1e6, options.repeat, cores());
    warm(&input.file)?;
    let mut results: Vec<(&str, Result<Measure>)> = Vec::new();
    for contender in contenders {
        eprintln!("measuring {}", contender.name);
        results.push((contender.name, median(workspace, &contender, options.repeat)));
    }
    print_table(&results, bytes);
    write_results(workspace, options.size, bytes, &results)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads a file once, so that it lies in the page cache.
fn warm(file: &Path) -> Result<()> {
    std::io::copy(&mut fs::File::open(file)?, &mut std::io::sink())?;
    Ok(())
}

fn contenders(workspace: &Workspace, input: &inputs::Input, peers: bool) -> Result<Vec<Contender>> {
    let heapwhy = workspace.heapwhy(Profile::Release)?.into_os_string();
    let ours = |name, words: &[&str], files: &[&Path], prepare| Contender {
        name,
        command: command(&heapwhy, words, files),
        variables: Vec::new(),
        prepare,
    };
    let limit = ["classes", "--limit", "20"];
    let file = input.file.as_path();
    let mut all = vec![
        ours("heapwhy, first open", &["classes", "--limit", "20", "--no-index"], &[file], None),
        ours("heapwhy, from the index", &limit, &[file], Some(command(&heapwhy, &limit, &[file]))),
    ];
    if let Some(newer) = &input.newer {
        let diff = ["diff", "--limit", "20", "--no-index"];
        all.push(ours("heapwhy diff of two, --table", &[&diff[..], &["--table"]].concat(), &[file, newer], None));
        all.push(ours("heapwhy diff of two, with verdict", &diff, &[file, newer], None));
    }
    if peers {
        all.extend(other_tools(workspace, input)?);
    }
    Ok(all)
}

fn command(program: &OsString, words: &[&str], files: &[&Path]) -> Vec<OsString> {
    let program = std::iter::once(program.clone());
    program.chain(words.iter().map(OsString::from)).chain(files.iter().map(|file| file.as_os_str().to_owned())).collect()
}

fn other_tools(workspace: &Workspace, input: &inputs::Input) -> Result<Vec<Contender>> {
    let node = workspace.node(TOOL_LINE).into_os_string();
    let engine = setup::engine(workspace)?;
    let packages = workspace.modules("bench").parent().context("no folder of packages")?.to_owned();
    let script = |path: &str| workspace.root.join(path);
    let tool = |name, script: PathBuf, files: &[&Path]| {
        let files: Vec<&Path> = std::iter::once(script.as_path()).chain(files.iter().copied()).collect();
        let variables = vec![("DEVTOOLS_ENGINE", engine.clone()), ("PEERS", packages.clone())];
        Contender { name, command: command(&node, &["--max-old-space-size=12000"], &files), variables, prepare: None }
    };
    let file = input.file.as_path();
    let mut all = vec![tool("DevTools' engine", script("tests/oracle/load-only.mjs"), &[file])];
    if let Some(newer) = &input.newer {
        all.push(tool("DevTools' engine, diff", script("tests/oracle/load-only.mjs"), &[newer, file]));
    }
    all.push(tool("memlab", script("bench/peers/memlab.mjs"), &[file]));
    all.push(tool("@vscode/v8-heap-parser", script("bench/peers/vscode.mjs"), &[file]));
    Ok(all)
}

fn median(workspace: &Workspace, contender: &Contender, repeat: usize) -> Result<Measure> {
    let mut measures = Vec::new();
    for _ in 0..repeat {
        if let Some(prepare) = &contender.prepare {
            measure(workspace, prepare, &contender.variables)?;
        }
        measures.push(measure(workspace, &contender.command, &contender.variables)?);
    }
    Ok(Measure::median(&measures))
}

fn print_table(results: &[(&str, Result<Measure>)], bytes: u64) {
    say!("{:<26} {:>9} {:>9} {:>10} {:>10} {:>9} {:>9}", "", "wall s", "CPU s", "peak RSS", "RSS/file", "wall", "CPU");
    let first = results.iter().find_map(|(_, result)| result.as_ref().ok());
    for (name, result) in results {
        match result {
            Ok(m) => {
                let ratio = |value: f64, base: Option<f64>| base.map_or_else(String::new, |base| format!("{:.1}x", value / base));
                let (wall, cpu) = (ratio(m.wall, first.map(|f| f.wall)), ratio(m.cpu, first.map(|f| f.cpu)));
                let share = m.peak_rss as f64 / bytes as f64;
                let mb = m.peak_rss as f64 / 1e6;
                say!("{name:<26} {:>9.3} {:>9.3} {mb:>7.1} MB {share:>10.2} {wall:>9} {cpu:>9}", m.wall, m.cpu);
            }
            Err(error) => say!("{name:<26} fails: {error:#}"),
        }
    }
}

fn write_results(workspace: &Workspace, size: Size, bytes: u64, results: &[(&str, Result<Measure>)]) -> Result<()> {
    let rows: Vec<Value> = results
        .iter()
        .map(|(name, result)| match result {
            Ok(m) => json!({ "tool": name, "wall_s": m.wall, "cpu_s": m.cpu, "peak_rss": m.peak_rss }),
            Err(error) => json!({ "tool": name, "error": format!("{error:#}") }),
        })
        .collect();
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let report = json!({ "size": size.name(), "file_bytes": bytes, "cores": cores(), "unix_time": seconds, "rows": rows });
    fs::write(workspace.cache.join(format!("bench/results-{}.json", size.name())), serde_json::to_string_pretty(&report)?)?;
    Ok(())
}
