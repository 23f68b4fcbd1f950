//! Runs the demo in the folder named as the first argument, with the Node.js named as the second, and prints what it did.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use live::NodeBinary;
use live::demo::{self, DemoOptions, DemoStep, REQUESTS_PER_STEP};

#[allow(clippy::print_stdout)]
fn main() -> live::Result<()> {
    let cancel = AtomicBool::new(false);
    let mut args = std::env::args().skip(1);
    let dir = PathBuf::from(args.next().unwrap_or_else(|| "heapwhy-demo".to_owned()));
    let node = NodeBinary::find(args.next().as_deref().map(Path::new), &cancel)?;
    let show = |step| {
        if let DemoStep::Saved(snapshot) = step {
            println!("{snapshot:?}");
        }
    };
    let run = demo::run(&DemoOptions { node, dir, requests_per_step: REQUESTS_PER_STEP }, &show, &cancel)?;
    println!("node {}, pid {}, {:?}, exited by itself: {}", run.node_version, run.pid, run.up_time, run.exited_by_itself);
    Ok(())
}
