//! A process that is read while it is stopped, and a disk that hangs meanwhile: it is let go on time.

use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use live::capture::{AtEnd, CaptureError, Method, Request, capture};

use super::server::Server;
use crate::workspace::{Profile, Workspace, run};

/// How long the server may stand still.
const LIMIT: Duration = Duration::from_secs(1);

/// Lets a file system hang under an image that is being written, and gives `heapwhy capture` too little time.
pub(super) fn check(workspace: &Workspace, line: u32) -> Result<String> {
    let server = Server::start(workspace, line)?;
    let by_command = too_little_time(workspace, &server)?;
    let Some(disk) = Disk::make(&workspace.scratch) else {
        return Ok(format!("{by_command}; no disk can be made to hang here: the unit tests let a pipe hang"));
    };
    let out = File::options().read(true).write(true).create_new(true).open(disk.folder.join("core"))?;
    let (stopped, when_stopped) = mpsc::channel();
    let hook = |step: &'static str| {
        if step == "reading" {
            disk.hang();
            // Who is not there to hear it has failed by itself.
            let _ = stopped.send(());
        }
    };
    let cancel = AtomicBool::new(false);
    let request = Request {
        pid: i32::try_from(server.pid())?,
        method: Method::Stop,
        longest_stop: LIMIT,
        progress: &|_, _| {},
        hook: Some(&hook),
        cancel: &cancel,
        at_end: AtEnd::End,
    };
    let (began, asked_server) = (Instant::now(), &server);
    let (result, answered) = std::thread::scope(|scope| {
        // Whoever asks while it is stopped waits until it is let go, and no longer.
        let asked = scope.spawn(move || {
            when_stopped.recv_timeout(Duration::from_secs(30))?;
            asked_server.ask_patiently("/object/1").map(|_| began.elapsed())
        });
        let result = capture(&request, &out);
        (result, asked.join())
    });
    let took = began.elapsed();
    let answered = answered.ok().context("the question was not asked to its end")??;
    ensure!(matches!(result, Err(CaptureError::HeldTooLong { .. })), "{result:?}");
    ensure!(disk.hangs(), "the disk does not hang: the check proves nothing");
    for what in [took, answered] {
        ensure!(what >= LIMIT / 2 && what < 2 * LIMIT, "let go after {took:?}, an answer after {answered:?}");
    }
    server.is_as_before()?;
    drop(out);
    drop(disk);
    Ok(format!("{by_command}; a disk hangs: let go after {:.2} s, an answer after {:.2} s", took.as_secs_f64(), answered.as_secs_f64()))
}

/// The command says so, leaves no file, and ends with 6.
fn too_little_time(workspace: &Workspace, server: &Server) -> Result<String> {
    let folder = workspace.scratch.join("too-little-time");
    fs::create_dir_all(&folder)?;
    let mut command = Command::new(workspace.heapwhy(Profile::Debug)?);
    command.args(["capture", &server.pid().to_string(), "--method", "stop", "--max-pause", "0.001", "-o"]).arg(folder.join("core"));
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(6) && said.contains("HW1409") && said.contains("--max-pause"), "{}: {said}", output.status);
    ensure!(fs::read_dir(&folder)?.next().is_none(), "something is left in {}", folder.display());
    fs::remove_dir(folder)?;
    server.is_as_before()?;
    Ok("too little time: HW1409, exit 6".to_owned())
}

/// A file system of its own that can be made to hang. It goes on, and is gone, when this is dropped.
struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// Makes one, where the system lets us.
    fn make(scratch: &Path) -> Option<Self> {
        const BYTES: u64 = 256 << 20;
        let disk = Self { image: scratch.join("disk"), folder: scratch.join("disk-mounted") };
        let make = || -> Result<()> {
            fs::create_dir_all(&disk.folder)?;
            File::create(&disk.image)?.set_len(BYTES)?;
            quietly(Command::new("mkfs.ext4").arg("-q").arg(&disk.image))?;
            quietly(Command::new("mount").args(["-o", "loop"]).arg(&disk.image).arg(&disk.folder))
        };
        make().is_ok().then_some(disk)
    }

    fn hang(&self) {
        let _ = quietly(Command::new("fsfreeze").arg("-f").arg(&self.folder));
    }

    /// Says whether it hangs: a file system can be made to only once.
    fn hangs(&self) -> bool {
        quietly(Command::new("fsfreeze").arg("-f").arg(&self.folder)).is_err()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = quietly(Command::new("fsfreeze").arg("-u").arg(&self.folder));
        // The reader that was left behind has a handle yet, for a moment.
        for _ in 0..100 {
            if quietly(Command::new("umount").arg(&self.folder)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = fs::remove_file(&self.image);
    }
}

fn quietly(command: &mut Command) -> Result<()> {
    run(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}
