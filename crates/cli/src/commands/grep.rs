//! `heapwhy grep`: who holds a word: an object's address, a number, or strings with some text.

use clap::Args;
use heap::NodeId;
use heap::held::Case;
use heap::questions::text_holders;
use heap::story::Setting;
use heap::view::Table;
use v8mem::atlas::{Atlas, Life, Thing};
use v8mem::words::find_words;

use crate::answer::{Answer, Section};
use crate::args::{FileArg, SourceArgs};
use crate::commands::whatis;
use crate::dissected::Dissected;
use crate::error::CommandError;
use crate::open;
use crate::session::Session;

/// Options of `grep`.
#[derive(Args, Debug)]
#[command(
    before_help = "Examples:\n  heapwhy grep app.heapsnapshot user-17\n  heapwhy grep core.4217 0x1f3a4c0e8a10\n  heapwhy grep core.4217 4217\n  heapwhy grep core.4217 --text 4217",
    after_help = "An address or a number is looked for word by word in all memory of a core that the process could write: objects, stacks, memory of C++.\nOther text is looked for in strings (in either case unless it has a capital), with one row for every holder. A snapshot has the first 1,024 characters of each string; of a core dump all of them are looked at.",
    help_template = crate::args::TEMPLATE
)]
pub(crate) struct GrepArgs {
    #[command(flatten)]
    file: FileArg,
    /// An address (0x…), a number, or a text
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// VALUE is a text, whatever it looks like
    #[arg(long)]
    text: bool,
    /// Print ids only, one a line: of holders, or where a word was found
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    sources: SourceArgs,
}

/// Looks for it.
pub(crate) fn run(args: &GrepArgs, session: &Session) -> Result<Answer, CommandError> {
    let words = if args.text { Vec::new() } else { words(&args.value) };
    if words.is_empty() { strings(args, session) } else { memory(args, &words, session) }
}

/// Returns the words by which V8 or C++ would hold a value: none where it is no number.
fn words(value: &str) -> Vec<u64> {
    if let Some(addr) = value.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        // Strong and weak references of V8 have tags; C++ holds plain addresses.
        let plain = addr & !3;
        return vec![plain, plain | 1, plain | 3];
    }
    let Ok(number) = value.parse::<f64>() else { return Vec::new() };
    if !number.is_finite() {
        return Vec::new();
    }
    let is_small = number == f64::from(number as i32) && (number != 0.0 || number.is_sign_positive());
    let small = is_small.then_some(u64::from(number as i32 as u32) << 32);
    // A raw zero is everywhere: of zeros only the small integer could be meant, and it is the same word.
    let double = Some(number.to_bits()).filter(|&bits| bits != 0);
    small.filter(|&word| word != 0).into_iter().chain(double).collect()
}

fn memory(args: &GrepArgs, words: &[u64], session: &Session) -> Result<Answer, CommandError> {
    let file = Dissected::open(&args.file.file, "grep", session)?;
    let hits = find_words(&file.core, words);
    let mut table = Table::new("grep", &whatis::COLUMNS);
    let limit = session.limit(args.quiet);
    let ids = file.inventory(|inventory| {
        let atlas = Atlas::new(&file.core, inventory);
        let spots = hits.places.iter().map(|&(addr, _)| (addr, atlas.at(addr)));
        let mut spots: Vec<_> = spots.filter(|(_, spot)| session.global.isolate.is_none() || file.wants(spot.isolate)).collect();
        // What is in use comes first: objects, then stacks, then the rest.
        spots.sort_by_key(|(addr, spot)| (rank(&spot.thing), *addr));
        table.total_rows = if session.global.isolate.is_some() { spots.len() as u64 } else { hits.total };
        table.rows = spots.iter().take(limit).map(|(addr, spot)| whatis::row(*addr, spot)).collect();
        spots.iter().take(limit).map(|&(addr, _)| NodeId(addr)).collect()
    })?;
    let answer = file.answer(session);
    if args.quiet {
        return Ok(answer.section(Section::Ids(ids)));
    }
    Ok(answer.headed().brief_table(table, &["offset", "space", "type", "size", "page"]))
}

fn rank(thing: &Thing) -> u8 {
    match thing {
        Thing::Object { life: Life::Reachable | Life::Permanent, .. } => 0,
        Thing::Object { life: Life::Weakly, .. } => 1,
        Thing::Stack { above: Some(_), .. } => 2,
        Thing::Isolate { .. } => 3,
        Thing::Object { .. } => 4,
        Thing::Native { .. } | Thing::File { .. } | Thing::PageHeader | Thing::Code => 5,
        Thing::Stack { above: None, .. } | Thing::Free | Thing::Nothing => 6,
    }
}

fn strings(args: &GrepArgs, session: &Session) -> Result<Answer, CommandError> {
    let file = open::read_prepared(&args.file.file, session)?;
    let files = args.sources.files();
    let case = if args.value.chars().any(char::is_uppercase) { Case::Told } else { Case::Ignored };
    let table = text_holders(&Setting::new(&file.analysis, &*files), &args.value, case, session.limit(args.quiet));
    Ok(file.answer(session).rows_or_ids(table, args.quiet, &["kind"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_words() {
        let check = |value: &str, expect: &[u64]| assert_eq!(words(value), expect, "{value}");
        check("0x1000", &[0x1000, 0x1001, 0x1003]);
        check("0x1001", &[0x1000, 0x1001, 0x1003]);
        check("7", &[7 << 32, 7_f64.to_bits()]);
        check("-1", &[0xffff_ffff_0000_0000, (-1_f64).to_bits()]);
        check("1.5", &[1.5_f64.to_bits()]);
        check("5000000000", &[5e9_f64.to_bits()]);
        check("0", &[]);
        check("-0", &[(-0.0_f64).to_bits()]);
        check("user-7", &[]);
        check("nan", &[]);
    }
}
