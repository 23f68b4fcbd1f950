//! Lines on standard output. A reader that has seen enough (`cargo xtask test | head`) ends the command, without a panic.

use std::fmt;
use std::io::{self, Write};

/// How a process ends that a closed pipe ends: 128 and the number of SIGPIPE.
const CLOSED_PIPE: i32 = 141;

/// Prints a line as `println!` does.
macro_rules! say {
    () => { $crate::say::line(format_args!("")) };
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// Prints a line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    match write_line(&mut io::stdout().lock(), text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(CLOSED_PIPE),
        Err(error) => eprintln!("error: cannot write to standard output: {error}"),
        Ok(()) => {}
    }
}

fn write_line(out: &mut impl Write, text: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(out, "{text}")
}
