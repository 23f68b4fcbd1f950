//! Tracking of allocations: V8 notes the stack of every object that is made, and a heap snapshot at the end says which are left.

use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Error;

use super::{ANSWER_LIMIT, Inspector, failed};
use crate::Result;
use crate::snapshot::SnapshotProgress;
use crate::wait::{Patience, is_tick};

const TRACKING: &str = "tracking allocations";

impl Inspector<'_> {
    /// Has V8 note the stack of every allocation for some time, then takes a heap snapshot, which tells of each object that is left by which
    /// stack it was made, if that was meanwhile. Hands its text to `into`, piece by piece. Returns the number of bytes.
    ///
    /// `told` hears how long it has been going on. Allocations take several times as long meanwhile; the snapshot costs what a snapshot costs.
    /// On an error tracking ends with the connection. Where somebody else tracks in another session, that ends too: V8 has one tracker for a
    /// thread, and does not say whether it is at work.
    pub fn track_allocations(
        &mut self,
        time: Duration,
        told: &dyn Fn(Duration),
        into: &mut dyn FnMut(&str) -> Result<()>,
        progress: &dyn Fn(SnapshotProgress),
    ) -> Result<u64> {
        self.call("HeapProfiler.startTrackingHeapObjects", json!({ "trackAllocations": true }))?;
        self.drop_events(time, told)?;
        self.receive_snapshot("HeapProfiler.stopTrackingHeapObjects", into, progress)
    }

    /// Lets time pass, and reads away what V8 tells meanwhile: twenty times a second which objects are left. Nobody else would, and it would
    /// pile up in the process.
    fn drop_events(&mut self, time: Duration, told: &dyn Fn(Duration)) -> Result<()> {
        let began = Instant::now();
        let patience = Patience::new(TRACKING, time.saturating_add(ANSWER_LIMIT), self.cancel);
        loop {
            patience.check()?;
            let passed = began.elapsed();
            told(passed.min(time));
            if passed >= time {
                return Ok(());
            }
            match self.socket.read() {
                Ok(_) => {}
                Err(Error::Io(error)) if is_tick(&error) => {}
                Err(error) => return Err(failed(TRACKING, error)),
            }
        }
    }
}
