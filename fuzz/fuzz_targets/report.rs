//! Any bytes as a diagnostic report: read, judged, compared with itself. `cargo xtask fuzz report`
#![no_main]

use heap::diagnostic_report::{DiagnosticReport, Limits, compare, difference, judge};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok((report, _)) = DiagnosticReport::read(bytes) else { return };
    let _ = (judge(&report), Limits::of(&report).first(), report.unexplained(), report.has_ended(), report.is_out_of_memory());
    for thread in report.threads() {
        let handles = thread.handles.iter();
        handles.for_each(|handles| drop((handles.count(), handles.queued(), handles.end_points())));
    }
    // No report is of another process than it is itself.
    assert!(difference(&report, &report).is_none(), "{:?}", difference(&report, &report));
    let growth = compare(&[&report, &report]);
    let all = growth.memory.iter().chain(&growth.spaces).chain(&growth.counts);
    all.for_each(|change| assert!(change.delta().is_none_or(|delta| delta == 0), "{change:?}"));
});
