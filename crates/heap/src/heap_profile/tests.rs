//! Profiles as V8 writes them, cut, damaged, and as strangers may write them.

use std::io::Read;

use super::*;

/// Two functions of the program, one of which calls itself through a package.
const SMALL: &str = r#"{"head":{"callFrame":{"functionName":"(root)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"selfSize":8,"id":1,"children":[
    {"callFrame":{"functionName":"work","scriptId":"7","url":"file:///srv/app/work.js","lineNumber":9,"columnNumber":4},"selfSize":100,"id":2,"children":[
        {"callFrame":{"functionName":"each","scriptId":"8","url":"file:///srv/app/node_modules/lists/each.js","lineNumber":0,"columnNumber":0},"selfSize":50,"id":3,"children":[
            {"callFrame":{"functionName":"work","scriptId":"7","url":"file:///srv/app/work.js","lineNumber":9,"columnNumber":4},"selfSize":30,"id":4,"children":[]}]}]},
    {"callFrame":{"functionName":"","scriptId":"9","url":"node:internal/timers","lineNumber":1,"columnNumber":1},"selfSize":12,"id":5,"children":[]}]},
    "samples":[{"size":60,"nodeId":2,"ordinal":1.0},{"size":40,"nodeId":2,"ordinal":2},{"size":30,"nodeId":4,"ordinal":3},{"size":1,"nodeId":99,"ordinal":4}]}"#;

fn read(text: &str) -> Result<HeapProfile, ProfileError> {
    HeapProfile::read(text.as_bytes())
}

#[test]
fn sums_are_told_by_function_and_by_owner() {
    let profile = read(SMALL).unwrap();
    assert_eq!((profile.stacks.len(), profile.frames.len(), profile.bytes(), profile.samples()), (5, 4, 200, 3));
    let functions: Vec<(&str, Option<String>, Share)> =
        profile.functions().into_iter().map(|(frame, share)| (frame.name(), frame.place(), share)).collect();
    let place = |text: &str| Some(text.to_owned());
    assert_eq!(
        functions,
        [
            ("work", place("/srv/app/work.js:10:5"), Share { own: 130, total: 180, samples: 3 }),
            ("each", place("/srv/app/node_modules/lists/each.js:1:1"), Share { own: 50, total: 80, samples: 0 }),
            ("(anonymous)", place("node:internal/timers:2:2"), Share { own: 12, total: 12, samples: 0 }),
            ("(root)", None, Share { own: 8, total: 200, samples: 0 }),
        ]
    );
    let owners: Vec<(String, u64, u64)> =
        profile.owners().into_iter().map(|(owner, share)| (owner.to_string(), share.own, share.total)).collect();
    let expect = [("app code", 130, 180), ("lists", 50, 80), ("Node core", 12, 12), ("unknown code", 8, 200)];
    assert_eq!(owners, expect.map(|(name, own, total)| (name.to_owned(), own, total)));
}

#[test]
fn the_tree_shows_what_is_large_enough() {
    let labels = |share: f64| {
        let tree = read(SMALL).unwrap().tree(share);
        let mut labels = Vec::new();
        let mut waiting: Vec<(usize, &crate::view::TreeNode)> = tree.roots.iter().rev().map(|node| (0, node)).collect();
        while let Some((depth, node)) = waiting.pop() {
            labels.push(format!("{}{}", " ".repeat(depth), node.label));
            waiting.extend(node.children.iter().rev().map(|child| (depth + 1, child)));
        }
        labels
    };
    assert_eq!(labels(0.0), ["work", " each", "  work", "(anonymous)"]);
    assert_eq!(labels(0.3), ["work", " each"]);
    assert_eq!(labels(1.0), Vec::<String>::new());
}

/// Sums by the definition: a frame has in all what is below any stack that ends in it, each stack once.
#[test]
fn totals_agree_with_their_definition() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let count = 1 + next(30) as u32;
        // Depth first, as files are: each stack below one that is on the way to the last.
        let mut profile = HeapProfile { frames: vec![CallFrame::default(); 4], stacks: Vec::new() };
        let mut path: Vec<u32> = Vec::new();
        for at in 0..count {
            let depth = if path.is_empty() { 0 } else { 1 + next(path.len() as u64) as usize };
            path.truncate(depth);
            let parent = path.last().copied().unwrap_or(at);
            profile.stacks.push(Stack { parent, frame: next(4) as u32, bytes: next(100), samples: 1 });
            path.push(at);
        }
        let is_below = |mut at: u32, frame: u32| loop {
            let stack = profile.stacks[at as usize];
            if stack.frame == frame {
                return true;
            }
            if stack.parent == at {
                return false;
            }
            at = stack.parent;
        };
        let shares = profile.grouped(|stack| stack.frame);
        for frame in 0..4 {
            let sum: u64 = (0..count).filter(|&at| is_below(at, frame)).map(|at| profile.stacks[at as usize].bytes).sum();
            assert_eq!(shares.get(&frame).copied().unwrap_or_default().total, sum);
        }
        assert_eq!(profile.totals()[0], profile.bytes());
    }
}

#[test]
fn a_file_that_was_cut_says_so_wherever_it_was_cut() {
    for end in (1..SMALL.len()).filter(|&end| SMALL.is_char_boundary(end)) {
        let error = read(&SMALL[..end]).unwrap_err();
        assert!(matches!(error, ProfileError::Truncated { .. }), "at {end}: {error:?}");
    }
}

#[test]
fn what_is_no_profile_is_an_error_that_says_why() {
    let cases = [
        ("", "it ends at byte 0"),
        ("{}", "no tree of call frames"),
        ("[]", "no tree of call frames"),
        ("7", "no tree of call frames"),
        (r#"{"head":[]}"#, "no tree of call frames"),
        (r#"{"head":{}}"#, "no tree of call frames"),
        (r#"{"head":7,"samples":{}}"#, "no tree of call frames"),
        (r#"{"head":{"callFrame":{"functionName":"a"}}} x"#, "at byte"),
        (r#"{"head":{"callFrame":nope}}"#, "at byte"),
        ("\u{0}", "at byte"),
    ];
    for (text, expect) in cases {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{text:?}: {error}");
    }
}

#[test]
fn odd_values_count_as_none() {
    let odd = r#"{"x":[[{}]],"head":{"selfSize":-5,"id":"7","callFrame":{"functionName":7,"url":null,"lineNumber":1e99,"columnNumber":4294967295},
        "children":[7,{"selfSize":1e300,"children":{"a":1}},{"callFrame":{"functionName":"a"},"selfSize":2.6,"id":3}]},"head":{"selfSize":9},
        "samples":[{"nodeId":3},{"nodeId":-3},7,{"nodeId":{"nodeId":3}}]}"#;
    let profile = read(odd).unwrap();
    let stacks: Vec<(u64, u64)> = profile.stacks.iter().map(|stack| (stack.bytes, stack.samples)).collect();
    assert_eq!(stacks, [(0, 0), (u64::MAX, 0), (2, 1)]);
    assert_eq!(profile.bytes(), u64::MAX);
    assert_eq!(profile.frames.first().map(|frame| (frame.line, frame.column, frame.place())), Some((1, u32::MAX, None)));
    assert!(!profile.functions().is_empty() && !profile.owners().is_empty());
}

#[test]
fn depth_is_no_danger() {
    let deep = |levels: usize| {
        let one = r#"{"callFrame":{"functionName":"f","url":"a.js","lineNumber":1,"columnNumber":1},"selfSize":1,"children":["#;
        format!("{{\"head\":{}{}}}", one.repeat(levels), "]}".repeat(levels))
    };
    // As deep as V8's stacks are, and far deeper.
    for levels in [130, 20_000] {
        let profile = read(&deep(levels)).unwrap();
        assert_eq!((profile.stacks.len(), profile.bytes()), (levels, levels as u64));
        assert_eq!(profile.functions().first().map(|(_, share)| share.total), Some(levels as u64));
        let _ = profile.tree(0.0);
        let mut packed = Vec::new();
        crate::convert::pprof_samples(&profile, &mut packed).unwrap();
    }
    assert!(matches!(read(&deep(1_000_000)), Err(ProfileError::Damaged { .. })));
}

#[test]
fn a_function_that_only_calls_itself_is_one_line_of_the_tree() {
    let of = |bytes: u64| {
        let frame = r#""callFrame":{"functionName":"f","url":"a.js","lineNumber":1,"columnNumber":1}"#;
        let inner = format!("{{{frame},\"selfSize\":5,\"children\":[]}}");
        let middle = format!("{{{frame},\"selfSize\":{bytes},\"children\":[{inner}]}}");
        let outer = format!("{{{frame},\"selfSize\":0,\"children\":[{middle}]}}");
        let text = format!("{{\"head\":{{\"callFrame\":{{\"functionName\":\"(root)\"}},\"selfSize\":0,\"children\":[{outer}]}}}}");
        let tree = read(&text).unwrap().tree(0.0);
        (tree.roots[0].label.clone(), tree.roots[0].children.len())
    };
    assert_eq!(of(0), ("f × 3".to_owned(), 0));
    assert_eq!(of(1), ("f × 2".to_owned(), 1));
}

#[test]
fn a_profile_becomes_one_of_pprofs() {
    let mut packed = Vec::new();
    crate::convert::pprof_samples(&read(SMALL).unwrap(), &mut packed).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    for text in ["inuse_space", "bytes", "samples", "count", "work", "/srv/app/work.js", "(anonymous)"] {
        assert!(memchr::memmem::find(&bytes, text.as_bytes()).is_some(), "{text}");
    }
    // A sample of the stack work, each, work: frames 2, 3, 2 (each one more than its position), 1 sample of 30 bytes.
    assert!(memchr::memmem::find(&bytes, &[0x12, 9, 0x0a, 3, 2, 3, 2, 0x12, 2, 1, 30]).is_some());
}
