//! Sampling of allocations: V8 notes the stack of about one allocation in so many bytes, and forgets those whose objects were collected.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{ANSWER_LIMIT, Inspector};
use crate::wait::TICK;
use crate::{LiveError, Result};

/// What V8 answers.
#[derive(Deserialize)]
struct Answer {
    profile: Box<RawValue>,
}

impl Inspector<'_> {
    /// Says whether somebody samples already. Ending our own sampling would end theirs.
    pub fn is_sampling(&mut self) -> Result<bool> {
        match self.call_for_text("HeapProfiler.getSamplingProfile", json!({}), ANSWER_LIMIT, &mut |_, _| Ok(false)) {
            Ok(_) => Ok(true),
            Err(LiveError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Samples for some time, one allocation in `interval` bytes. Returns the profile (`.heapprofile`) as V8 writes it.
    ///
    /// `told` hears how long it has been going on. On an error sampling ends with the connection.
    pub fn sample(&mut self, time: Duration, interval: u64, told: &dyn Fn(Duration)) -> Result<String> {
        self.call("HeapProfiler.startSampling", json!({ "samplingInterval": interval }))?;
        self.wait(time, told)?;
        let text = self.call_for_text("HeapProfiler.stopSampling", json!({}), ANSWER_LIMIT, &mut |_, _| Ok(false))?;
        let answer: Answer = serde_json::from_str(&text).map_err(|_| LiveError::protocol("sampling", "a profile", &text))?;
        Ok(String::from(Box::<str>::from(answer.profile)))
    }

    /// Lets time pass. Fails when it is cancelled.
    pub(super) fn wait(&self, time: Duration, told: &dyn Fn(Duration)) -> Result<()> {
        let began = Instant::now();
        loop {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(LiveError::Cancelled);
            }
            let passed = began.elapsed();
            told(passed.min(time));
            if passed >= time {
                return Ok(());
            }
            thread::sleep(TICK.min(time - passed));
        }
    }
}
