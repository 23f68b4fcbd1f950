//! DevTools' rules, worked out the slow and obvious way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use heap::{Detachedness, EdgeKind, NodeKind};

use crate::model::{Link, Model};

const NONE: i64 = -5;
const SYSTEM: i64 = 100_000_000;

fn is_dom_root(model: &Model, node: usize) -> bool {
    model.things[node].kind == NodeKind::SYNTHETIC && model.things[node].name == "(Document DOM trees)"
}

fn is_user_root(model: &Model, node: usize) -> bool {
    model.things[node].kind != NodeKind::SYNTHETIC || is_dom_root(model, node)
}

/// Splits the name of half a WeakMap entry into what both halves share and the table's id.
fn ephemeron(link: &Link) -> Option<(&str, u64)> {
    if link.kind != EdgeKind::INTERNAL {
        return None;
    }
    let at = link.name.find(" / part of key")?;
    let table = link.name.rsplit_once("(table @")?.1.strip_suffix(')')?;
    Some((&link.name[at..], table.parse().ok()?))
}

pub(crate) fn distances(model: &Model) -> Vec<i64> {
    let mut distances = vec![NONE; model.len()];
    let mut pending = BTreeSet::new();
    let mut queue = VecDeque::new();
    for link in model.from(0).filter(|link| is_user_root(model, link.to)) {
        distances[link.to] = 1;
        queue.push_back(link.to);
    }
    let has_user_roots = !queue.is_empty();
    search(model, &mut queue, &mut distances, &mut pending);
    distances[0] = if has_user_roots { SYSTEM } else { 0 };
    queue.push_back(0);
    search(model, &mut queue, &mut distances, &mut pending);
    distances
}

fn search<'a>(model: &'a Model, queue: &mut VecDeque<usize>, distances: &mut [i64], pending: &mut BTreeSet<&'a str>) {
    while let Some(node) = queue.pop_front() {
        for link in model.from(node) {
            if link.kind == EdgeKind::WEAK || distances[link.to] != NONE || !follows(model, link, pending) {
                continue;
            }
            distances[link.to] = distances[node] + 1;
            queue.push_back(link.to);
        }
    }
}

fn follows<'a>(model: &Model, link: &'a Link, pending: &mut BTreeSet<&'a str>) -> bool {
    let from = &model.things[link.from];
    if from.kind == NodeKind::HIDDEN && from.name == "system / NativeContext" && link.name == "sloppy_function_map" {
        return false;
    }
    if from.kind == NodeKind::ARRAY && from.name == "(map descriptors)" {
        // `parseInt` of a name that is not a number is NaN, for which both comparisons fail.
        let digits: String = link.name.chars().take_while(char::is_ascii_digit).collect();
        return digits.parse::<u64>().map_or(true, |index| index < 2 || index % 3 != 1);
    }
    match ephemeron(link) {
        Some((entry, _)) if !pending.remove(entry) => {
            pending.insert(entry);
            false
        }
        _ => true,
    }
}

pub(crate) fn page(model: &Model) -> Vec<bool> {
    let mut page = vec![false; model.len()];
    for link in model.from(0) {
        if link.kind == EdgeKind::SHORTCUT || link.kind == EdgeKind::ELEMENT && is_dom_root(model, link.to) {
            page[link.to] = true;
        }
    }
    loop {
        let more: Vec<usize> = model
            .links
            .iter()
            .filter(|link| page[link.from] && !page[link.to] && link.kind != EdgeKind::WEAK)
            .map(|link| link.to)
            .collect();
        if more.is_empty() {
            return page;
        }
        more.into_iter().for_each(|node| page[node] = true);
    }
}

pub(crate) fn is_essential(model: &Model, page: &[bool], link: &Link) -> bool {
    if link.kind == EdgeKind::WEAK || link.from == link.to {
        return false;
    }
    if ephemeron(link).is_some_and(|(_, table)| table == model.things[link.from].id) {
        return false;
    }
    link.from == 0 || link.kind != EdgeKind::SHORTCUT && (page[link.from] || !page[link.to])
}

/// Sets of owners grow until nothing changes: an owned node has all owners of those that refer to it.
pub(crate) fn self_sizes(model: &Model) -> Vec<u64> {
    let mut sizes: Vec<u64> = model.things.iter().map(|thing| thing.size).collect();
    if !model.from(0).any(|link| is_user_root(model, link.to)) {
        return sizes;
    }
    let is_owned = |node: usize| {
        matches!(
            (model.things[node].kind, model.things[node].name),
            (NodeKind::HIDDEN | NodeKind::ARRAY, _) | (NodeKind::NATIVE, "system / ExternalStringData")
        )
    };
    let mut owners: Vec<BTreeSet<usize>> =
        (0..model.len()).map(|node| if is_owned(node) { BTreeSet::new() } else { BTreeSet::from([node]) }).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for link in model.links.iter().filter(|link| link.kind != EdgeKind::WEAK && is_owned(link.to)) {
            let more = owners[link.from].clone();
            let before = owners[link.to].len();
            owners[link.to].extend(more);
            changed |= owners[link.to].len() != before;
        }
    }
    for node in (0..model.len()).filter(|&node| is_owned(node) && owners[node].len() == 1) {
        let owner = owners[node].first().copied().expect("there is one");
        if model.things[owner].kind != NodeKind::SYNTHETIC && owner != 0 {
            sizes[owner] += model.things[node].size;
            sizes[node] = 0;
        }
    }
    sizes
}

/// Returns who is reached from the root, over essential edges and from it to orphans, without passing `without`.
fn reached(model: &Model, edges: &[(usize, usize)], without: Option<usize>) -> Vec<bool> {
    let mut seen = vec![false; model.len()];
    if without == Some(0) {
        return seen;
    }
    seen[0] = true;
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        for &(_, to) in edges.iter().filter(|&&(from, to)| from == node && Some(to) != without) {
            if !std::mem::replace(&mut seen[to], true) {
                stack.push(to);
            }
        }
    }
    seen
}

/// Returns the edges that count, and one from the root to each node that none of them leads to.
fn essential_edges(model: &Model) -> (Vec<&Link>, Vec<(usize, usize)>) {
    let page = page(model);
    let links: Vec<&Link> = model.links.iter().filter(|link| is_essential(model, &page, link)).collect();
    let orphans = (1..model.len()).filter(|&node| links.iter().all(|link| link.to != node)).map(|orphan| (0, orphan)).collect();
    (links, orphans)
}

/// Takes references out and says of each node whether it was reached before, but is not any more.
pub(crate) fn freed(model: &Model, is_cut: impl Fn(&Link) -> bool) -> Vec<bool> {
    let (links, orphans) = essential_edges(model);
    let edges = |keep: &dyn Fn(&Link) -> bool| -> Vec<(usize, usize)> {
        links.iter().filter(|link| keep(link)).map(|link| (link.from, link.to)).chain(orphans.iter().copied()).collect()
    };
    let before = reached(model, &edges(&|_| true), None);
    let after = reached(model, &edges(&|link| !is_cut(link)), None);
    // V8 drops strings that nothing refers to but its table of internalized strings, the first of that name.
    let table = model.things.iter().position(|thing| thing.kind == NodeKind::SYNTHETIC && thing.name == "(Internalized strings)");
    let is_left = |link: &&&Link| before[link.from] && after[link.from] && !is_cut(link);
    let is_dropped = |node: usize| {
        let left: Vec<usize> = links.iter().filter(|link| link.to == node).filter(is_left).map(|link| link.from).collect();
        let was_held_by_others = links.iter().any(|link| link.to == node && before[link.from] && Some(link.from) != table);
        let is_string = model.things[node].kind.is_string();
        is_string && was_held_by_others && !left.is_empty() && left.iter().all(|&from| Some(from) == table)
    };
    let after: Vec<bool> = after.iter().enumerate().map(|(node, &after)| after && !is_dropped(node)).collect();
    before.into_iter().zip(after).map(|(before, after)| before && !after).collect()
}

pub(crate) fn dominators(model: &Model) -> Vec<usize> {
    let (links, orphans) = essential_edges(model);
    let edges: Vec<(usize, usize)> = links.iter().map(|link| (link.from, link.to)).chain(orphans).collect();
    let alive = reached(model, &edges, None);
    let without: Vec<Vec<bool>> = (0..model.len()).map(|node| reached(model, &edges, Some(node))).collect();
    let dominates = |above: usize, node: usize| above != node && alive[above] && !without[above][node];
    (0..model.len())
        .map(|node| {
            if node == 0 || !alive[node] {
                return 0;
            }
            // The last of the dominators is dominated by all others.
            let all: Vec<usize> = (0..model.len()).filter(|&above| dominates(above, node)).collect();
            all.iter().copied().find(|&last| all.iter().all(|&other| other == last || dominates(other, last))).expect("a last one")
        })
        .collect()
}

pub(crate) fn retained(dominators: &[usize], sizes: &[u64]) -> Vec<u64> {
    let mut retained = vec![0; sizes.len()];
    for (node, size) in sizes.iter().enumerate() {
        ancestors(dominators, node).for_each(|above| retained[above] += size);
    }
    retained
}

/// Returns a node, its dominator, and so on up to the root.
fn ancestors(dominators: &[usize], node: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(node), |&node| (node != 0).then(|| dominators[node]))
}

/// Returns each node's state and whether its name gets a prefix.
pub(crate) fn detachedness(model: &Model) -> Vec<(Detachedness, bool)> {
    let mut states: Vec<(Detachedness, bool)> = model.things.iter().map(|thing| (thing.state, false)).collect();
    let mut visited = vec![false; model.len()];
    let mut stacks: [Vec<usize>; 2] = [vec![], vec![]];
    let mut visit = |states: &mut Vec<(Detachedness, bool)>, stacks: &mut [Vec<usize>; 2], node: usize, state: Detachedness| {
        if std::mem::replace(&mut visited[node], true) || model.things[node].kind != NodeKind::NATIVE {
            return;
        }
        states[node] = (state, state == Detachedness::Detached);
        stacks[usize::from(state == Detachedness::Detached)].push(node);
    };
    for node in (0..model.len()).filter(|&node| model.things[node].state != Detachedness::Unknown) {
        visit(&mut states, &mut stacks, node, model.things[node].state);
    }
    for (stack, state) in [(0, Detachedness::Attached), (1, Detachedness::Detached)] {
        while let Some(node) = stacks[stack].pop() {
            for link in model.from(node).filter(|link| link.kind != EdgeKind::HIDDEN && link.kind != EdgeKind::WEAK) {
                visit(&mut states, &mut stacks, link.to, state);
            }
        }
    }
    states
}

fn is_plain(model: &Model, node: usize) -> bool {
    model.things[node].kind == NodeKind::OBJECT && model.things[node].name == "Object"
}

fn properties(model: &Model, node: usize) -> Vec<&str> {
    model.from(node).filter(|link| link.kind == EdgeKind::PROPERTY && link.name != "__proto__").map(|link| link.name.as_str()).collect()
}

/// Returns names and properties of the interfaces, the most common first.
pub(crate) fn interfaces(model: &Model) -> Vec<(String, Vec<String>)> {
    let plain: Vec<usize> = (0..model.len()).filter(|&node| is_plain(model, node)).collect();
    let mut found: Vec<(u64, String, Vec<String>)> = Vec::new();
    for &node in &plain {
        let properties = properties(model, node);
        let name = format!("{{{}}}", properties.join(", "));
        match found.iter_mut().find(|(_, known, _)| *known == name) {
            Some((count, ..)) => *count += 1,
            None if properties.is_empty() => {}
            None => found.push((1, name, properties.into_iter().map(str::to_owned).collect())),
        }
    }
    found.sort_by_key(|&(count, ..)| std::cmp::Reverse(count));
    found.into_iter().filter(|&(count, ..)| count >= 2).map(|(_, name, properties)| (name, properties)).collect()
}

/// Says whether every one of `wanted` is among `properties`, as often as it is wanted.
fn has_all(properties: &[&str], wanted: &[String]) -> bool {
    wanted.iter().all(|name| {
        let wanted = wanted.iter().filter(|other| *other == name).count();
        properties.iter().filter(|other| *other == name).count() >= wanted
    })
}

fn class_name(model: &Model, interfaces: &[(String, Vec<String>)], node: usize) -> String {
    if is_plain(model, node) {
        let properties = properties(model, node);
        let mut best: Option<&(String, Vec<String>)> = None;
        for interface in interfaces.iter().filter(|(_, wanted)| has_all(&properties, wanted)) {
            if best.is_none_or(|best| interface.1.len() > best.1.len()) {
                best = Some(interface);
            }
        }
        return best.map_or("Object".to_owned(), |best| best.0.clone());
    }
    let thing = &model.things[node];
    let prefix = if detachedness(model)[node].1 { "Detached " } else { "" };
    match thing.kind {
        NodeKind::HIDDEN => "(system)".to_owned(),
        NodeKind::CODE => "(compiled code)".to_owned(),
        NodeKind::CLOSURE => "Function".to_owned(),
        NodeKind::REGEXP => "RegExp".to_owned(),
        NodeKind::OBJECT | NodeKind::NATIVE => {
            let name = format!("{prefix}{}", thing.name);
            match name.as_str() {
                "<div id=1>" => "<div>".to_owned(),
                "Detached <div id=1>" => "Detached <div>".to_owned(),
                _ => name,
            }
        }
        other => format!("({})", other.known_name().expect("a known kind")),
    }
}

pub(crate) fn class_key(model: &Model, interfaces: &[(String, Vec<String>)], node: usize) -> String {
    let name = class_name(model, interfaces, node);
    match model.things[node].place {
        Some((script, line, column)) if model.things[node].kind == NodeKind::OBJECT => format!("{script},{line},{column},{name}"),
        _ => format!(",{name}"),
    }
}

/// Returns (key, count, self size, retained size, distance) of each class, sorted.
pub(crate) fn aggregates(model: &Model, accept: impl Fn(usize) -> bool) -> Vec<(String, u64, u64, u64, i64)> {
    let sizes = self_sizes(model);
    let dominators = dominators(model);
    let retained = retained(&dominators, &sizes);
    let distances = distances(model);
    let interfaces = interfaces(model);
    let keys: Vec<String> = (0..model.len()).map(|node| class_key(model, &interfaces, node)).collect();
    let counted = |node: usize| sizes[node] > 0 && accept(node);
    let mut sums: BTreeMap<&str, (u64, u64, u64, i64)> = BTreeMap::new();
    for node in (0..model.len()).filter(|&node| counted(node)) {
        let sum = sums.entry(&keys[node]).or_insert((0, 0, 0, i64::MAX));
        let topmost = !ancestors(&dominators, node).skip(1).any(|above| counted(above) && keys[above] == keys[node]);
        sum.0 += 1;
        sum.1 += sizes[node];
        sum.2 += if topmost { retained[node] } else { 0 };
        sum.3 = sum.3.min(distances[node]);
    }
    sums.into_iter().map(|(key, (count, size, retained, distance))| (key.to_owned(), count, size, retained, distance)).collect()
}

/// Returns the nodes that something keeps alive and that the root does not reach without the links that `refuse` picks.
pub(crate) fn kept_by(model: &Model, refuse: impl Fn(&Link) -> bool) -> Vec<bool> {
    let edges: Vec<(usize, usize)> =
        model.links.iter().filter(|link| link.kind != EdgeKind::WEAK && !refuse(link)).map(|link| (link.from, link.to)).collect();
    let reached = reached(model, &edges, None);
    distances(model).iter().zip(reached).map(|(&distance, reached)| distance != NONE && !reached).collect()
}

/// Returns to whom each node belongs: a set of native contexts that grows until nothing changes; two or more are *shared*.
pub(crate) fn realms(model: &Model) -> Vec<Option<usize>> {
    let is_context = |node: usize| model.things[node].name.trim_start_matches("Detached ").starts_with("system / NativeContext");
    let internal = |node: usize, name: &str| -> Vec<usize> {
        model.from(node).filter(|link| link.kind == EdgeKind::INTERNAL && link.name == name).map(|link| link.to).collect()
    };
    let map = |node: usize| internal(node, "map").first().copied();
    let fixed = |node: usize| {
        let meta = map(node).and_then(map);
        let named = meta.and_then(|meta| internal(meta, "native_context").into_iter().find(|&context| is_context(context)));
        if is_context(node) { Some(node) } else { named }
    };
    let mut owners: Vec<BTreeSet<usize>> = (0..model.len()).map(|node| fixed(node).into_iter().collect()).collect();
    let spreads = |link: &&Link| link.kind != EdgeKind::WEAK && link.kind != EdgeKind::SHORTCUT && fixed(link.to).is_none();
    let mut changed = true;
    while changed {
        changed = false;
        for link in model.links.iter().filter(spreads) {
            let more = owners[link.from].clone();
            let before = owners[link.to].len();
            owners[link.to].extend(more);
            changed |= owners[link.to].len() != before;
        }
    }
    // The root stands for "shared", since it is never a native context.
    owners.into_iter().map(|owners| if owners.len() > 1 { Some(0) } else { owners.first().copied() }).collect()
}

/// Returns the content of a string that takes part in the search for duplicates.
pub(crate) fn content(model: &Model, sizes: &[u64], node: usize) -> Option<(String, Option<[Option<i64>; 2]>)> {
    let kind = model.things[node].kind;
    if sizes[node] == 0 || kind != NodeKind::STRING && kind != NodeKind::CONS_STRING {
        return None;
    }
    let internal =
        |node: usize, name: &str| model.from(node).find(|link| link.kind == EdgeKind::INTERNAL && link.name == name).map(|link| link.to);
    let halves = model.from(node).filter(|link| link.kind == EdgeKind::INTERNAL && (link.name == "first" || link.name == "second"));
    if kind == NodeKind::CONS_STRING
        && halves.into_iter().any(|link| model.things[link.to].name.is_empty() && model.things[link.to].kind != NodeKind::CONS_STRING)
    {
        return None;
    }
    let value = |node: usize, name: &str| {
        let number = model.things[node].kind == NodeKind::NUMBER && model.things[node].name == name;
        if number { internal(node, "value").map(|value| model.things[value].name) } else { None }
    };
    let truncated = internal(node, "truncated").is_some_and(|flag| value(flag, "bool") == Some("true"));
    let int = |name| internal(node, name).and_then(|int| value(int, "int")).and_then(|text| text.parse().ok());
    Some((text(model, node), truncated.then(|| [int("length"), int("hash")])))
}

fn text(model: &Model, node: usize) -> String {
    let half = |node: usize, name| model.from(node).find(|link| link.kind == EdgeKind::INTERNAL && link.name == name).map(|link| link.to);
    let halves: Vec<[Option<usize>; 2]> = (0..model.len()).map(|node| [half(node, "first"), half(node, "second")]).collect();
    let mut text = String::new();
    let mut stack = vec![node];
    let mut steps = 0;
    while let Some(node) = stack.pop().filter(|_| text.len() < 1024 && steps < 1 << 16) {
        steps += 1;
        if model.things[node].kind == NodeKind::CONS_STRING {
            stack.extend(halves[node].into_iter().rev().flatten());
        } else {
            text.push_str(model.things[node].name);
        }
    }
    text
}

/// Returns (key, added, removed) of each class that changed, sorted; added and removed are sorted ids.
pub(crate) fn diff(base: &Model, current: &Model) -> Vec<(String, Vec<u64>, Vec<u64>)> {
    let interfaces = interfaces(current);
    let members = |model: &Model| {
        let sizes = self_sizes(model);
        let mut members: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
        for node in (0..model.len()).filter(|&node| sizes[node] > 0) {
            members.entry(class_key(model, &interfaces, node)).or_default().insert(model.things[node].id);
        }
        members
    };
    let (older, newer) = (members(base), members(current));
    let keys: BTreeSet<&String> = older.keys().chain(newer.keys()).collect();
    let none = BTreeSet::new();
    keys.into_iter()
        .map(|key| {
            let (before, after) = (older.get(key).unwrap_or(&none), newer.get(key).unwrap_or(&none));
            (key.clone(), after.difference(before).copied().collect::<Vec<_>>(), before.difference(after).copied().collect::<Vec<_>>())
        })
        .filter(|(_, added, removed)| !added.is_empty() || !removed.is_empty())
        .collect()
}
