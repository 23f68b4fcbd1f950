//! Timers as a snapshot has them: in lists, with oddballs as nodes and numbers nowhere.

use heap::questions::{TimerQuery, timer_callbacks, timers};

use super::{heap, plain, text};

/// A list of timeouts of 1,000 ms, one of them an interval, one not referenced, one an object that was put there by hand; a list whose
/// duration nobody tells; a timer that is being run, one that was cleared, and an immediate. The array is the queue of lists, in which
/// numbers are places.
const TIMERS: &str = r"
    1 synthetic  0
    3 object global 16
    5 object Object 24
    7 object TimersList 40
    9 object TimersList 40
    11 object Array 32
    21 object Timeout 80
    23 object Timeout 80
    25 object Socket 100
    27 object Timeout 80
    31 object Timeout 80
    33 object Timeout 80
    35 object Immediate 60
    37 object Timeout 30
    41 closure tick 64
    43 closure tick 64
    45 object Session 400
    47 code tick 8
    51 hidden true 8
    53 hidden false 8
    55 hidden null 8
    1 >1 3
    3 .lists 5
    3 .queue 11
    3 .running 31
    3 .cleared 33
    3 .immediate 35
    3 .Timeout 37
    5 #1000 7
    5 .gone 9
    11 #1 7
    11 #2 9
    7 ._idleNext 21
    21 ._idleNext 23
    23 ._idleNext 25
    25 ._idleNext 7
    9 ._idleNext 27
    27 ._idleNext 9
    21 ._onTimeout 41
    21 ._repeat 55
    21 ._destroyed 53
    21 .<symbol refed> 51
    23 ._onTimeout 43
    23 ._destroyed 53
    23 .<symbol refed> 53
    23 .session 45
    27 ._onTimeout 41
    27 ._repeat 55
    27 ._destroyed 53
    31 ._onTimeout 41
    31 ._repeat 55
    31 ._destroyed 53
    31 .<symbol refed> 51
    33 ._onTimeout 55
    33 ._repeat 55
    33 ._destroyed 51
    33 .<symbol refed> 55
    35 ._onImmediate 41
    35 ._destroyed 53
    35 .<symbol refed> 51
    41 ~shared 47
    43 ~shared 47
";

#[test]
fn timers_are_listed_as_far_as_a_snapshot_tells() {
    let analysis = heap(TIMERS);
    let none = |_: Option<u32>| None;
    insta::assert_snapshot!(text(&timers(&plain(&analysis), TimerQuery::Pending, &none, 9)), @r"
    id | kind | state | duration_ms | left_ms | callback | location | referenced | retained_size | due_ms | list | isolate
    @21 | timeout | pending | 1000 | - | tick | - | yes | 724 | - | @7 | -
    @23 | interval | pending | 1000 | - | tick | - | no | 644 | - | @7 | -
    @25 | unknown | pending | 1000 | - | - | - | unknown | 100 | - | @7 | -
    @27 | timeout | pending | - | - | tick | - | unknown | 80 | - | @9 | -
    @31 | timeout | running | - | - | tick | - | yes | 80 | - | - | -
    @35 | immediate | pending | - | - | tick | - | yes | 60 | - | - | -
    ");
    insta::assert_snapshot!(text(&timers(&plain(&analysis), TimerQuery::All, &none, 1)), @r"
    id | kind | state | duration_ms | left_ms | callback | location | referenced | retained_size | due_ms | list | isolate
    @21 | timeout | pending | 1000 | - | tick | - | yes | 724 | - | @7 | -
    of 7
    ");
    insta::assert_snapshot!(text(&timer_callbacks(&plain(&analysis), TimerQuery::All, 9)), @r"
    id | callback | kind | count | retained_size | location
    @21 | tick | timeout | 3 | 884 | -
    @23 | tick | interval | 1 | 644 | -
    @25 | - | unknown | 1 | 100 | -
    @33 | - | timeout | 1 | 80 | -
    @35 | tick | immediate | 1 | 60 | -
    ");
}

/// A list that leads into itself ends.
#[test]
fn loops_end() {
    let analysis = heap(
        r"
        1 synthetic  0
        3 object TimersList 40
        5 object Timeout 80
        7 object Timeout 80
        9 closure f 64
        1 >1 3
        3 ._idleNext 5
        5 ._idleNext 7
        7 ._idleNext 5
        5 ._onTimeout 9
        7 ._onTimeout 9
    ",
    );
    let table = timers(&plain(&analysis), TimerQuery::Pending, &|_| Some(1), 9);
    assert_eq!(table.total_rows, 2);
}
