//! Sampling of allocations: V8 notes the stack of about one allocation in so many bytes, and forgets those whose objects were collected.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{ANSWER_LIMIT, Inspector};
use crate::wait::{NEVER, TICK};
use crate::{LiveError, Result};

/// What was sampled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// The profile (`.heapprofile`) as V8 writes it.
    pub text: String,
    /// For how long it went on: less than was asked for where it was cancelled.
    pub time: Duration,
}

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

    /// Samples for some time, one allocation in `interval` bytes. Who cancels that has what was sampled by then; nothing that is asked for
    /// afterwards over this connection can be cancelled.
    ///
    /// `told` hears how long it has been going on. On an error sampling ends with the connection.
    pub fn sample(&mut self, time: Duration, interval: u64, told: &dyn Fn(Duration)) -> Result<Sampled> {
        self.call("HeapProfiler.startSampling", json!({ "samplingInterval": interval }))?;
        let time = self.wait(time, told);
        if self.cancel.load(Ordering::Relaxed) {
            self.cancel = &NEVER;
        }
        let text = self.call_for_text("HeapProfiler.stopSampling", json!({}), ANSWER_LIMIT, &mut |_, _| Ok(false))?;
        let answer: Answer = serde_json::from_str(&text).map_err(|_| LiveError::protocol("sampling", "a profile", &text))?;
        Ok(Sampled { text: String::from(Box::<str>::from(answer.profile)), time })
    }

    /// Lets time pass, until it is cancelled. Returns how much has passed.
    fn wait(&self, time: Duration, told: &dyn Fn(Duration)) -> Duration {
        let began = Instant::now();
        loop {
            let passed = began.elapsed().min(time);
            told(passed);
            if passed >= time || self.cancel.load(Ordering::Relaxed) {
                return passed;
            }
            thread::sleep(TICK.min(time - passed));
        }
    }
}
