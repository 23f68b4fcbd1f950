//! `cargo xtask bench cores`: heapwhy on core dumps of a real program, an API server's object graph on Node.js 22.
//!
//! What peers there are cannot be run beside it: llnode's class histogram of a heap of 202 MB took 57 CPU seconds on Node.js 16, the last
//! line that it reads, and gave half of the bytes a class.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::measure::Measure;
use super::{Contender, command, median, warm};
use crate::cores::dump;
use crate::say::say;
use crate::setup;
use crate::workspace::{Profile, Workspace, is_fresh, key_of};

/// The line of Node.js that is dumped.
const LINE: u32 = 22;

/// How large a heap: its name, and the numbers of orders and documents that make it.
const SIZES: [(&str, &str, &str); 2] = [("small", "180000", "5000"), ("large", "1800000", "50000")];

/// Runs the benchmark and prints its table.
pub(crate) fn run(workspace: &Workspace, words: &[&str]) -> Result<()> {
    let (mut size, mut repeat) = (SIZES[0], 3);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--size" => {
                let name = words.next().context("--size needs small or large")?;
                size = SIZES.into_iter().find(|size| size.0 == *name).with_context(|| format!("no size is named {name}"))?;
            }
            "--repeat" => {
                repeat = words.next().and_then(|word| word.parse().ok()).filter(|&count| count > 0).context("--repeat needs a number")?;
            }
            _ => bail!("unknown option {word}"),
        }
    }
    setup::bench(workspace)?;
    let (core, used) = make(workspace, size)?;
    say!(
        "{} ({:.1} MB, {:.1} MB of them in use on the heap), {repeat} repeats",
        core.display(),
        fs::metadata(&core)?.len() as f64 / 1e6,
        used as f64 / 1e6
    );
    warm(&core)?;
    say!("{:<42} {:>9} {:>9} {:>10} {:>10}", "", "wall s", "CPU s", "peak RSS", "RSS/heap");
    for contender in contenders(workspace, &core)? {
        let Measure { wall, cpu, peak_rss } = median(workspace, &contender, repeat)?;
        let (mb, share) = (peak_rss as f64 / 1e6, peak_rss as f64 / used as f64);
        say!("{:<42} {wall:>9.3} {cpu:>9.3} {mb:>7.1} MB {share:>10.2}", contender.name);
    }
    Ok(())
}

fn contenders(workspace: &Workspace, core: &Path) -> Result<Vec<Contender>> {
    let heapwhy = workspace.heapwhy(Profile::Release)?.into_os_string();
    let limit = ["classes", "--limit", "20"];
    let ours = |name, words: &[&str]| Contender { name, command: command(&heapwhy, words, &[core]), variables: Vec::new(), prepare: None };
    let indexed = |name, words: &[&str], what: &[&Path]| Contender {
        command: command(&heapwhy, words, what),
        prepare: Some(command(&heapwhy, &limit, &[core])),
        ..ours(name, words)
    };
    Ok(vec![
        ours("objects by class: no graph", &["objects", "--by", "class", "--limit", "20"]),
        ours("classes: the graph and retained sizes", &["classes", "--limit", "20", "--no-index"]),
        ours("the report, with paths", &["--no-index"]),
        ours("threads", &["threads"]),
        indexed("classes, from the index", &limit, &[core]),
        indexed("instances, from the index", &["instances", "--limit", "20"], &[core, Path::new("Order")]),
    ])
}

/// Makes the core of a size, unless it is there, and returns it with the bytes that were in use on its heap.
fn make(workspace: &Workspace, (name, orders, documents): (&str, &str, &str)) -> Result<(PathBuf, u64)> {
    let folder = workspace.cache.join("bench").join(format!("core-{name}"));
    fs::create_dir_all(&folder)?;
    let source = workspace.root.join("bench/programs/bigjson.js");
    let (core, used, stamp) = (folder.join("dump"), folder.join("heap.used"), folder.join("made"));
    let key = key_of(std::slice::from_ref(&source), &[orders, documents])?;
    if !core.exists() || !is_fresh(&stamp, &key) {
        eprintln!("node {LINE}: bigjson.js, to be dumped");
        // Where the program's packages are found.
        let program = workspace.modules("bench").parent().context("no folder of packages")?.join("bigjson.js");
        fs::copy(&source, &program)?;
        let mut node = Command::new("sh");
        node.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""])
            .arg(workspace.node(LINE))
            .args(["--expose-gc", "--max-old-space-size=8000"]);
        node.arg(program).args([orders, documents]).arg(&used).current_dir(&folder);
        let mut child = node.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let made = dump::kernel(&mut child, &folder);
        let _ = child.kill();
        child.wait()?;
        fs::rename(made?, &core)?;
        fs::write(stamp, key)?;
    }
    let used = fs::read_to_string(used)?.trim().parse().context("the program did not say how much it uses")?;
    Ok((core, used))
}
