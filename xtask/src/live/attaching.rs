//! Processes that are asked over their inspector: it is opened, answers truly, and is closed again on every path; what the signal would harm
//! gets none.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::wait;
use crate::end_to_end::checked;
use crate::killed::{Killed, ended_within};
use crate::lanes;
use crate::stages::{Tally, tell};
use crate::workspace::{NODE_LINES, Profile, Workspace};

type Check = fn(&Asking) -> Result<String>;

const SIGSEGV: i32 = 11;

/// The stage `attach`.
pub(crate) fn stage(workspace: &Workspace) -> Result<Tally> {
    let checks: [(&str, Check); 8] = [
        ("memory", memory),
        ("query", query),
        ("sample", sample),
        ("track", track),
        ("snapshot", snapshot),
        ("stopped and killed", stopped_and_killed),
        ("open already", open_already),
        ("refused", refused),
    ];
    let heapwhy = workspace.heapwhy(Profile::Debug)?;
    let of_line = |line| Asking { workspace, line, heapwhy: heapwhy.clone(), folder: workspace.scratch.join(format!("attach-{line}")) };
    let lines = NODE_LINES.map(of_line);
    lines.iter().try_for_each(|asking| fs::create_dir_all(&asking.folder))?;
    let tally = lanes::check_all(&lines, |asking| checks.map(|(name, check)| tell(name, asking.line, &check(asking))));
    lines.iter().try_for_each(|asking| fs::remove_dir_all(&asking.folder))?;
    Ok(tally)
}

/// A line of Node.js, and how it is asked.
struct Asking<'a> {
    workspace: &'a Workspace,
    line: u32,
    heapwhy: PathBuf,
    folder: PathBuf,
}

impl Asking<'_> {
    fn start(&self, options: &[&str], arguments: &[&str]) -> Result<Service> {
        let inspector = free_port()?;
        let mut command = Command::new(self.workspace.node(self.line));
        command.arg(format!("--inspect-port={inspector}")).args(options);
        command.arg(self.workspace.root.join("tests/live/attached.js")).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        Ok(Service { child: Killed(child), inspector, port: port.with_context(|| format!("the service said {line:?}"))? })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.heapwhy);
        command.args(words).arg("--json").current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Asks. Returns the exit code and the answer.
    fn ask(&self, words: &[&str]) -> Result<(i32, Value)> {
        let output = self.command(words).output()?;
        let value = checked(&output.stdout).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok((output.status.code().unwrap_or(-1), value))
    }

    /// Asks a process whose inspector is closed. It must answer, be closed again, and go on as if nothing had been.
    fn answer(&self, service: &Service, words: &[&str]) -> Result<Value> {
        let (code, value) = self.ask(words)?;
        ensure!(code == 0, "{words:?} ended with {code}: {value}");
        let (found, left) = (&value["inspector"]["found"], &value["inspector"]["left"]);
        ensure!(found == "closed" && left == "closed", "{words:?}: {}", value["inspector"]);
        service.is_as_before()?;
        Ok(value)
    }
}

/// A service that is attached to. Killed when dropped.
struct Service {
    child: Killed,
    /// Where its inspector listens, or would.
    inspector: u16,
    port: u16,
}

impl Service {
    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// What it says of itself: it answers.
    fn told(&self) -> Result<Value> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).context("it takes no connection")?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("it does not answer")?;
        let body = answer.lines().find(|line| line.starts_with('{')).context("an odd answer")?;
        Ok(serde_json::from_str(body)?)
    }

    fn listens(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.inspector)).is_ok()
    }

    /// Its inspector is closed, it answers, and nothing of it was run: no getter, no trap, no handler.
    fn is_as_before(&self) -> Result<()> {
        ensure!(!self.listens(), "its inspector still listens");
        let told = self.told()?;
        ensure!(told["trapped"] == 0 && told["signals"] == 0 && told["sessions"] == 1011, "it was touched: {told}");
        Ok(())
    }
}

/// Returns a port that nobody uses, and that the kernel gives to nobody who asks for any.
pub(super) fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    /// Where the kernel's own begin.
    const END: u16 = 32_000;
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        ensure!(port < END, "no port is free");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
}

fn memory(asking: &Asking) -> Result<String> {
    let service = asking.start(&[], &[])?;
    // Twice: what was closed can be opened again.
    asking.answer(&service, &["attach", &service.pid()])?;
    let value = asking.answer(&service, &["attach", &service.pid(), "memory"])?;
    let rows = value["threads_memory"]["rows"].as_array().context("no rows")?.clone();
    ensure!(rows.len() == 2 && rows[0]["thread"] == "main" && rows[1]["worker"] == 1, "{rows:?}");
    for row in &rows {
        let number = |key: &str| row[key].as_u64().unwrap_or(0);
        let (used, total, limit) = (number("heap_used"), number("heap_total"), number("heap_limit"));
        ensure!(used > 1 << 20 && used <= total && total < limit, "{row}");
    }
    let rss = value["process_memory"]["rss"].as_u64().context("no RSS")?;
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid()))?;
    let kernel = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kernel = kernel.context("no VmRSS")? * 1024;
    ensure!(rss.abs_diff(kernel) < kernel / 4, "it says {rss} and the kernel {kernel}");
    let one = asking.answer(&service, &["attach", &service.pid(), "--worker", "1"])?;
    ensure!(one["threads_memory"]["rows"].as_array().is_some_and(|rows| rows.len() == 1 && rows[0]["worker"] == 1), "{one}");
    Ok(format!("{} threads, {rss} bytes in memory, the kernel says {kernel}", rows.len()))
}

fn query(asking: &Asking) -> Result<String> {
    let service = asking.start(&[], &[])?;
    let value = asking.answer(&service, &["attach", &service.pid(), "query", "Session"])?;
    let constructed = &value["live_query"]["constructors"][0];
    // As v8.queryObjects counts: AdminSession.prototype too, but nothing behind a proxy.
    ensure!(
        constructed["prototypes"] == 1 && constructed["source"].as_str().is_some_and(|text| text.starts_with("class Session")),
        "{constructed}"
    );
    let rows = value["live_objects"]["rows"].as_array().context("no rows")?;
    let count = |class: &str| rows.iter().find(|row| row["class"] == class).and_then(|row| row["count"].as_u64());
    ensure!(count("Session") == Some(1000) && count("AdminSession") == Some(10), "{rows:?}");
    ensure!(constructed["examples"][0].as_str().is_some_and(|text| text.contains("user: \"user-")), "{constructed}");
    let own = asking.answer(&service, &["attach", &service.pid(), "query", "Session", "--worker", "1"])?;
    ensure!(own["live_query"]["constructors"][0]["count"] == 2, "{}", own["live_query"]);
    let (code, none) = asking.ask(&["attach", &service.pid(), "query", "NoSuchClass"])?;
    ensure!(code == 2 && none["error"]["code"] == "HW1102", "{code}: {none}");
    service.is_as_before()?;
    Ok(format!("{} objects", constructed["count"]))
}

fn sample(asking: &Asking) -> Result<String> {
    let service = asking.start(&[], &[])?;
    let file = asking.folder.join("now.heapprofile");
    let value = asking.answer(&service, &["attach", &service.pid(), "sample", "--for", "1s", "-o", "now.heapprofile"])?;
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "others may read the profile");
    let (code, read) = asking.ask(&["now.heapprofile"])?;
    ensure!(code == 0 && read["sampled"] == value["sampled"], "{} in the file, {} told", read["sampled"], value["sampled"]);
    // Which of the two functions it is depends on what V8 has compiled into what.
    let rows = read["sampled_functions"]["rows"].as_array().context("no functions")?;
    let is_ours = |row: &&Value| row["location"].as_str().is_some_and(|place| place.contains("/tests/live/attached.js:"));
    let shares = rows.iter().filter(is_ours).filter_map(|row| row["share"].as_f64());
    let share: f64 = shares.sum();
    ensure!(share > 0.7, "{share} of it was allocated by the service: {rows:?}");
    fs::remove_file(file)?;
    Ok(format!("{} bytes from {} samples", read["sampled"]["bytes"], read["sampled"]["samples"]))
}

/// Has allocations tracked. V8 may crash where it stops that while JavaScript runs, which is why it must be asked for.
fn tracked(asking: &Asking) -> Result<Value> {
    const ATTEMPTS: u32 = 3;
    for _ in 0..ATTEMPTS {
        let mut service = asking.start(&[], &[])?;
        let pid = service.pid();
        let words = ["attach", &pid, "track", "--for", "2s", "-o", "now.heaptimeline"];
        let (code, refused) = asking.ask(&words)?;
        ensure!(code == 7 && refused["error"]["code"] == "HW1511", "{code}: {refused}");
        service.is_as_before()?;
        let answer = asking.answer(&service, &[&words[..], &["--accept-danger"]].concat());
        // Where the connection ended, the process may be about to.
        let patience = if answer.is_err() { Duration::from_secs(2) } else { Duration::ZERO };
        let ended = ended_within(&mut service.child, patience)?.and_then(|status| status.signal());
        match (answer, ended) {
            (answer, None) => return answer,
            (answer, Some(SIGSEGV)) => ensure!(answer.is_err(), "it crashed, and nothing was said"),
            (_, Some(signal)) => bail!("it ended by signal {signal}"),
        }
    }
    bail!("V8 crashed {ATTEMPTS} times")
}

/// Every object that was made meanwhile and is left is told, with who made it; the file says the same.
fn track(asking: &Asking) -> Result<String> {
    let value = tracked(asking)?;
    let file = asking.folder.join("now.heaptimeline");
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "others may read the snapshot");
    let (code, again) = asking.ask(&["allocations", "now.heaptimeline", "--no-index"])?;
    let table = "allocating_functions";
    ensure!(code == 0 && again["tracked"] == value["tracked"] && again[table] == value[table], "the file tells another story");
    // Which of the two functions it is depends on what V8 has compiled into what.
    let is_ours = |row: &&Value| row["location"].as_str().is_some_and(|place| place.contains("/tests/live/attached.js:"));
    let ours: Vec<&Value> = value[table]["rows"].as_array().context("no functions")?.iter().filter(is_ours).collect();
    let sum = |key: &str| ours.iter().filter_map(|row| row[key].as_u64()).sum::<u64>();
    // Each of what it remembers is an object, and an array of a hundred with its elements: some 870 bytes.
    let (count, bytes) = (sum("count"), sum("self_bytes"));
    ensure!(count > 300 && (200..400).contains(&(bytes / count)), "{count} objects of {bytes} bytes: {ours:?}");
    fs::remove_file(file)?;
    Ok(format!("{count} objects of {bytes} bytes"))
}

fn snapshot(asking: &Asking) -> Result<String> {
    let service = asking.start(&[], &[])?;
    let written = asking.answer(&service, &["capture", &service.pid(), "--method", "inspector", "-o", "now.heapsnapshot"])?;
    let file = asking.folder.join("now.heapsnapshot");
    ensure!(fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600, "others may read the snapshot");
    let (code, classes) = asking.ask(&["classes", "now.heapsnapshot", "--no-index"])?;
    let rows = classes["classes"]["rows"].as_array().context("no classes")?;
    let count = rows.iter().find(|row| row["class"] == "AdminSession").and_then(|row| row["count"].as_u64());
    ensure!(code == 0 && count == Some(10), "{count:?} of AdminSession");
    // The worker's heap is another.
    asking.answer(&service, &["capture", &service.pid(), "--method", "inspector", "-o", "worker.heapsnapshot", "--worker", "1"])?;
    let (_, classes) = asking.ask(&["classes", "worker.heapsnapshot", "--no-index"])?;
    let rows = classes["classes"]["rows"].as_array().context("no classes")?;
    let count = |class: &str| rows.iter().find(|row| row["class"] == class).and_then(|row| row["count"].as_u64());
    ensure!(count("AdminSession").is_none() && count("Session") == Some(2), "{:?} of Session", count("Session"));
    let (_, doctor) = asking.ask(&["doctor", &service.pid()])?;
    let method = doctor["doctor"]["methods"].as_array().and_then(|methods| methods.last()).context("no methods")?;
    ensure!(method["method"] == "inspector" && method["dangers"].as_array().is_some_and(Vec::is_empty), "{method}");
    Ok(format!("{} bytes", written["output"]["bytes"]))
}

/// Ctrl-C and SIGTERM, after which what was sampled by then is shown, and SIGKILL, after which only `close` helps.
fn stopped_and_killed(asking: &Asking) -> Result<String> {
    let service = asking.start(&[], &[])?;
    for (signal, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let child = asking.command(&["attach", &service.pid(), "sample", "--for", "60s"]).spawn()?;
        wait("an inspector", || Ok(service.listens()))?;
        std::thread::sleep(Duration::from_secs(1));
        crate::workspace::run(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]))?;
        let ended = child.wait_with_output()?;
        ensure!(ended.status.code() == code, "after SIG{signal}: {}", ended.status);
        if code.is_some() {
            let told = checked(&ended.stdout).with_context(|| format!("after SIG{signal}"))?;
            let sampled = told["sampled"]["bytes"].as_u64();
            ensure!(told["status"] == "cancelled" && sampled > Some(0), "after SIG{signal}: {told}");
            service.is_as_before().with_context(|| format!("after SIG{signal}"))?;
        }
    }
    ensure!(service.listens(), "after SIGKILL it was closed by nobody");
    let (code, closed) = asking.ask(&["attach", &service.pid(), "close", "--port", &service.inspector.to_string()])?;
    ensure!(code == 0 && closed["inspector"]["left"] == "closed", "{closed}");
    service.is_as_before()?;
    Ok("closed after SIGINT and SIGTERM, and by `close` after SIGKILL".to_owned())
}

fn open_already(asking: &Asking) -> Result<String> {
    let service = asking.start(&["--inspect"], &[])?;
    for words in [&["attach", &service.pid()][..], &["attach", &service.pid(), "query", "Session"]] {
        let (code, value) = asking.ask(words)?;
        ensure!(code == 0 && value["inspector"]["left"] == "open" && service.listens(), "{code}: {}", value["inspector"]);
    }
    Ok("left open".to_owned())
}

/// What the signal would harm, or would not open, gets none.
fn refused(asking: &Asking) -> Result<String> {
    let refuse = |service: &Service, exit: i32, expected: &str| {
        let (code, value) = asking.ask(&["attach", &service.pid()])?;
        ensure!(code == exit && value["error"]["code"] == expected, "{code}: {value}");
        service.is_as_before()
    };
    refuse(&asking.start(&[], &["handler"])?, 7, "HW1502")?;
    refuse(&asking.start(&["--inspect-port=0.0.0.0"], &[])?, 7, "HW1503")?;
    refuse(&asking.start(&["--inspect-publish-uid=stderr"], &[])?, 5, "HW1501")?;
    let mut told = 3;
    if asking.line >= 22 {
        refuse(&asking.start(&["--disable-sigusr1"], &[])?, 5, "HW1501")?;
        told += 1;
    }
    let service = asking.start(&[], &[])?;
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, service.inspector))?;
    let (code, value) = asking.ask(&["attach", &service.pid()])?;
    ensure!(code == 6 && value["error"]["code"] == "HW1504", "{code}: {value}");
    drop(other);
    service.is_as_before()?;
    // A process that the signal would end: it is called node, and waits for nothing.
    let fake = asking.folder.join("node");
    fs::copy("/bin/sleep", &fake)?;
    let mut child = Command::new(&fake).arg("60").spawn()?;
    let asked = asking.ask(&["attach", &child.id().to_string()]);
    let is_alive = child.try_wait()?.is_none();
    child.kill()?;
    child.wait()?;
    let (code, value) = asked?;
    if !is_alive {
        bail!("it was ended by the signal");
    }
    ensure!(code == 7 && value["error"]["code"] == "HW1502", "{code}: {value}");
    // What tracking could harm is told of a process that there is, and that is one of Node.js.
    for (pid, exit, expected) in [(i32::MAX, 6, "HW1401"), (i32::try_from(std::process::id())?, 5, "HW1403")] {
        let (code, value) = asking.ask(&["attach", &pid.to_string(), "track"])?;
        ensure!(code == exit && value["error"]["code"] == expected, "{code}: {value}");
    }
    Ok(format!("{} of {} kinds", told + 4, told + 4))
}
