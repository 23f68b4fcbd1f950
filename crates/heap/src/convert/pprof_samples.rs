//! A sampling heap profile as `profile.proto` (gzip): a sample's stack is who called whom when the memory was allocated.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};

use super::profile_proto::Strings;
use super::protobuf::Message;
use crate::heap_profile::HeapProfile;

/// Writes the profile. The same profile gives the same bytes: there is no time in it. The field numbers are those of `profile.proto`.
///
/// # Errors
/// What `out` says.
pub fn pprof_samples(profile: &HeapProfile, out: &mut impl Write) -> io::Result<()> {
    let mut gzip = GzBuilder::new().write(out, Compression::default());
    let mut strings = Strings::default();
    let mut message = Message::default();
    for (kind, unit) in [("samples", "count"), ("inuse_space", "bytes")] {
        strings.value_type(&mut message, 1, kind, unit);
    }
    message.number(14, strings.place("inuse_space"));
    for (at, stack) in profile.stacks.iter().enumerate().filter(|(_, stack)| stack.bytes > 0) {
        message.message(2, |sample| {
            sample.packed(1, frames(profile, at).map(|frame| u64::from(frame) + 1));
            // Values are signed.
            sample.packed(2, [stack.samples, stack.bytes].into_iter().map(|value| value.min(i64::MAX as u64)));
        });
        if message.0.len() > 1 << 18 {
            gzip.write_all(&std::mem::take(&mut message.0))?;
        }
    }
    for (id, frame) in (1_u64..).zip(&profile.frames) {
        strings.location(&mut message, id, (frame.name(), frame.path(), frame.line));
    }
    strings.finish(&mut message);
    gzip.write_all(&message.0)?;
    gzip.finish()?.flush()
}

/// How many frames a stack has at most: what lies above is left out, so that deep stacks of a hostile file do not make a square of them.
const DEEPEST: usize = 512;

/// Returns the frames of a stack, the last first, without the root.
fn frames(profile: &HeapProfile, stack: usize) -> impl Iterator<Item = u32> + '_ {
    let mut next = Some(stack);
    std::iter::from_fn(move || {
        let at = next?;
        let stack = profile.stacks.get(at)?;
        let parent = stack.parent as usize;
        next = (parent != at && parent != 0).then_some(parent);
        Some(stack.frame)
    })
    .take(DEEPEST)
}
