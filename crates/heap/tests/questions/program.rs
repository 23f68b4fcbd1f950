//! Questions about code and what waits: functions, closures, realms, events, promises.

use heap::held::Case;
use heap::preview::Limits;
use heap::questions::*;

use super::{heap, node, plain, text, tree_text};

/// Two closures of `tick`, one of which sees a session; an emitter and an event target; a promise for which `submit()` waits, one that has
/// a value, one of which nothing is known; two realms.
///
/// ```text
/// realm ─extension─> global ─.a, .b─> tick ×2 ─context─> variables of tick's maker ─previous─> variables of the file
/// ```
const PROGRAM: &str = r"
    1 synthetic  0
    3 hidden system / NativeContext 200
    5 object global 16
    7 hidden system / NativeContext 100
    9 object Object 16
    11 closure tick 64
    13 closure tick 64
    15 code tick 56
    17 code /srv/app.js 8
    19 object system / Context 40
    21 object system / Context 40
    23 object system / Context 48
    25 object Session 32
    27 object Cache 24
    31 object EventEmitter 40
    33 object Object 24
    35 object Array 16
    37 object AbortSignal 40
    39 object Map 32
    41 array  152
    43 string abort 24
    45 object Object 40
    47 object Listener 40
    51 object Promise 40
    53 hidden system / PromiseReaction 48
    55 closure  64
    57 object system / Context 40
    59 object Generator 80
    61 closure submit 64
    63 array  16
    65 object Promise 40
    67 object Promise 40
    69 object Promise 40
    71 string done 24
    73 closure native_bind 40
    75 object process 16
    1 >1 3
    1 >2 7
    3 ~extension 5
    7 ~extension 9
    5 .process 75
    5 .a 11
    5 .b 13
    5 .bound 73
    5 .emitter 31
    5 .signal 37
    5 .never 51
    5 .settled 65
    5 .other 67
    11 ~shared 15
    13 ~shared 15
    15 ~script 17
    11 ~context 19
    13 ~context 21
    19 ^session 25
    19 ~previous 23
    21 ~previous 23
    23 ^cache 27
    23 ~previous 3
    11 @ 7 4 2
    73 ~bound_function 11
    31 ._events 33
    33 .close 13
    33 .tick 35
    35 #0 11
    35 #1 13
    35 #2 61
    37 .<symbol kEvents> 39
    39 ~table 41
    41 ~5 43
    41 ~6 45
    45 .next 47
    47 .listener 61
    51 ~reactions_or_result 53
    53 ~fulfill_handler 55
    55 ~context 57
    57 ~extension 59
    59 ~function 61
    59 ~parameters_and_registers 63
    59 :5 69
    65 ~reactions_or_result 71
    5 .returned 69
    ";

#[test]
fn functions_count_their_closures() {
    let analysis = heap(PROGRAM);
    let list = |rows, filter, limit| text(&functions(&plain(&analysis), rows, HistogramSort::Count, filter, limit));
    insta::assert_snapshot!(list(FunctionRows::Functions, None, 3), @r"
    id | function | count | self_size | retained_size | location | isolate
    @11 | tick | 2 | 128 | 240 | /srv/app.js:5:3 | -
    @55 | (anonymous) | 1 | 64 | 200 | - | -
    @73 | bound tick | 1 | 40 | 40 | /srv/app.js:5:3 | -
    of 4
    ");
    insta::assert_snapshot!(list(FunctionRows::Closures, Some("APP.js:5"), 9), @r"
    id | function | count | self_size | retained_size | location | isolate
    @73 | bound tick | 1 | 40 | 40 | /srv/app.js:5:3 | -
    @11 | tick | 1 | 64 | 136 | /srv/app.js:5:3 | -
    ");
}

#[test]
fn closures_show_what_they_see() {
    let analysis = heap(PROGRAM);
    let functions = [11, 13, 25].map(|id| node(&analysis, id));
    insta::assert_snapshot!(tree_text(&closure(&plain(&analysis), &functions, Limits::default())), @r"
    [Function: tick app.js:5:3] [@11 136 /srv/app.js:5:3 -]
      variables [@19 72 - -]
        session: Session [@25 32 - -]
      variables [@23 72 - -]
        cache: Cache [@27 24 - -]
    [Function: tick] [@13 104 - -]
      variables [@21 40 - -]
      variables [@23 72 - -]
        cache: Cache [@27 24 - -]
    Session [@25 32 - -]
    ");
}

#[test]
fn realms_are_told_apart() {
    insta::assert_snapshot!(text(&contexts(&heap(PROGRAM), 9)), @r"
    id | context | kind | isolate | thread | name | global | detached | count | self_size | retained_size | share
    @3 | system / NativeContext | main | - | - | - | @5 | no | 30 | 1552 | 1552 | 0.93
    @7 | system / NativeContext | vm | - | - | - | @9 | no | 2 | 116 | 116 | 0.07
    ");
}

#[test]
fn realms_of_workers_are_told_by_what_node_says_in_them() {
    let binding = |is_main: &str| {
        let nodes = format!("77 object Object 16\n79 hidden {is_main} 16\n81 hidden system / Map 8\n83 hidden system / Map 8\n");
        let of_realm = "5 .binding 77\n77 ~map 81\n81 ~map 83\n83 ~native_context 3\n";
        heap(&format!("{PROGRAM}\n{nodes}{of_realm}77 .isMainThread 79\n77 .ownsProcessState 79\n77 .threadName 71\n"))
    };
    let check = |is_main, expect: &str| {
        let table = text(&contexts(&binding(is_main), 1));
        assert!(table.contains(expect), "{table}");
    };
    check("false", "@3 | system / NativeContext | worker | - | - | done | @5 ");
    check("true", "@3 | system / NativeContext | main | - | - | - | @5 ");
}

#[test]
fn events_are_counted_for_emitters_and_targets() {
    let analysis = heap(PROGRAM);
    insta::assert_snapshot!(text(&emitters(&plain(&analysis), None, 9)), @r"
    id | emitter | event | listeners | function | same | location | retained_size | isolate
    @31 | EventEmitter | tick | 3 | tick | 2 | /srv/app.js:5:3 | 80 | -
    @31 | EventEmitter | close | 1 | tick | 1 | - | 80 | -
    @37 | AbortSignal | abort | 1 | submit | 1 | - | 328 | -
    ");
    insta::assert_snapshot!(text(&emitters(&plain(&analysis), Some("close"), 9)), @r"
    id | emitter | event | listeners | function | same | location | retained_size | isolate
    @31 | EventEmitter | close | 1 | tick | 1 | - | 80 | -
    ");
}

#[test]
fn promises_say_who_waits() {
    let analysis = heap(PROGRAM);
    insta::assert_snapshot!(text(&promises(&plain(&analysis), PromiseQuery::All, 9)), @r"
    id | state | reactions | waits | location | settled_by | value | self_size | retained_size | isolate
    @51 | pending | 1 | submit() call | - | - | - | 88 | 288 | -
    @65 | settled | 0 | - | - | - | 'done' | 40 | 64 | -
    @67 | unknown | 0 | - | - | - | - | 40 | 40 | -
    @69 | unknown | 0 | - | - | submit() call | - | 40 | 40 | -
    ");
    insta::assert_snapshot!(text(&promises(&plain(&analysis), PromiseQuery::Pending, 0)), @r"
    id | state | reactions | waits | location | settled_by | value | self_size | retained_size | isolate
    of 1
    ");
    insta::assert_snapshot!(text(&promise_states(&plain(&analysis))), @r"
    state | count | reactions | self_size
    pending | 1 | 1 | 88
    settled | 1 | 0 | 40
    unknown | 2 | 0 | 80
    ");
}

#[test]
fn objects_are_listed_by_shape_class_and_type() {
    let analysis = heap(PROGRAM);
    let list = |query: ObjectQuery| text(&objects(&plain(&analysis), &query, 4));
    insta::assert_snapshot!(list(ObjectQuery::default()), @r"
    id | group | shape | count | properties | self_size | retained_size | isolate
    @5 | global {process, a, b, bound, emitter, signal, never, settled, other, returned} | shape:@5 | 1 | 10 | 16 | 1352 | -
    @55 | Function | shape:@55 | 5 | - | 296 | 544 | -
    @51 | Promise | shape:@51 | 4 | 0 | 208 | 432 | -
    @33 | {close, tick} | shape:@33 | 1 | 2 | 24 | 40 | -
    of 15
    ");
    insta::assert_snapshot!(list(ObjectQuery { by: ObjectGrouping::Class, class: Some("Promise".to_owned()), ..ObjectQuery::default() }), @r"
    id | group | shape | count | properties | self_size | retained_size | isolate
    @51 | Promise | - | 4 | - | 208 | 432 | -
    ");
    insta::assert_snapshot!(list(ObjectQuery { by: ObjectGrouping::Type, kind: Some("closure".to_owned()), ..ObjectQuery::default() }), @r"
    id | group | shape | count | properties | self_size | retained_size | isolate
    @55 | closure | - | 5 | - | 296 | 544 | -
    ");
    insta::assert_snapshot!(list(ObjectQuery { property: Some("next".to_owned()), ..ObjectQuery::default() }), @r"
    id | group | shape | count | properties | self_size | retained_size | isolate
    @45 | {next} | shape:@45 | 1 | 1 | 40 | 80 | -
    ");
}

#[test]
fn strings_are_told_with_their_holders() {
    let analysis = heap(PROGRAM);
    insta::assert_snapshot!(text(&text_holders(&plain(&analysis), "DONE", Case::Ignored, 9)), @r"
    id | holder | edge | kind | string_id | string | isolate
    @65 | Promise <settled> | (internal reactions_or_result) | internal | @71 | 'done' | -
    ");
    insta::assert_snapshot!(text(&text_holders(&plain(&analysis), "DONE", Case::Told, 9)), @r"
    id | holder | edge | kind | string_id | string | isolate
    ");
}
