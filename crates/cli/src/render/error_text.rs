//! Errors as people read them: what, then labelled lines, then the exit code and where to read more.

use super::clean;
use super::style::Style;
use crate::error::CommandError;

/// Returns an error as the lines that go to standard error.
pub(super) fn error(error: &CommandError, style: &Style) -> String {
    let mut text = format!("{} {}\n", style.red("heapwhy:"), style.own(&clean::clean(&error.what)));
    for (label, note) in &error.notes {
        let mut label = *label;
        for line in note.lines() {
            text.push_str(&format!("  {} {}\n", style.bold(&format!("{label:<8}")), style.own(&clean::clean(line))));
            label = "";
        }
    }
    let end = format!("  exit {} · heapwhy explain {}\n", error.exit().number(), error.code.id);
    text.push_str(&style.dim(&style.own(&end)));
    text
}
