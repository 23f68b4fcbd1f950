//! Lines made of meaningful pieces: the memory bars, verdict and suspects of a report.
//!
//! The words and their order are the command's (`commands/report.rs`); here they are cleaned, coloured and kept within the terminal.

use std::io::{self, Write};

use super::clean::{clean, columns, fit};
use super::style::Style;
use crate::answer::{Line, Piece};

/// Writes lines. The last piece of a line that is too long is cut.
pub(super) fn lines(out: &mut dyn Write, lines: &[Line], style: &Style) -> io::Result<()> {
    for line in lines {
        let mut used = 0;
        let mut text = String::new();
        for piece in line {
            let room = style.width.saturating_sub(used);
            let own = style.own(&clean(words(piece)));
            let shown = if columns(&own) > room { fit(&own, room, style.ascii) } else { own };
            used += columns(&shown);
            text.push_str(&paint(piece, &shown, style));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

fn words(piece: &Piece) -> &str {
    match piece {
        Piece::Plain(text) | Piece::Strong(text) | Piece::Faint(text) | Piece::Code(text) | Piece::Alarm(text) => text,
    }
}

fn paint(piece: &Piece, text: &str, style: &Style) -> String {
    match piece {
        Piece::Plain(_) => text.to_owned(),
        Piece::Strong(_) => style.bold(text),
        Piece::Faint(_) => style.dim(text),
        Piece::Code(_) => style.cyan(text),
        Piece::Alarm(_) => style.red(text),
    }
}
