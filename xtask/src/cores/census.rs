//! Objects counted without a graph are as many as the graph has: of every class, and of every class with the same properties.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use heap::questions::{ObjectGroup, ObjectQuery, list_objects, objects};
use heap::source::NoFiles;
use heap::story::Setting;
use heap::view::{Cell, Table};
use heap::{HeapAnalysis, NodeId, NodeKind};
use v8mem::census::{By, Group, Query, census};
use v8mem::graph::Scope;
use v8mem::inventory::inventory;
use v8mem::{Anatomy, CoreFile};

/// Plain objects in dictionary mode that share a hidden class may differ in properties that are numbers: a graph asks one of them, a census all.
/// So many shapes were seen to differ, and a few more may.
const DICTIONARIES: usize = 16;

/// What was counted.
pub(super) struct Counted {
    classes: Vec<Group>,
    shapes: Vec<Group>,
}

impl Counted {
    /// Counts what is alive in a core.
    pub(super) fn of(core: &CoreFile, anatomy: &Anatomy) -> Result<Self> {
        let query = |by| Query { by, scope: Scope::Live, class: None, property: None, kind: |_| true };
        Ok(inventory(core, &mut anatomy.clone(), |inventory| Self {
            classes: census(inventory, &query(By::Class)),
            shapes: census(inventory, &query(By::Shape)),
        })?)
    }

    /// Compares it with a graph of the same core.
    pub(super) fn compare(self, analysis: &HeapAnalysis) -> Result<()> {
        let own: BTreeMap<String, u64> = self.classes.into_iter().map(|group| (group.name, group.sum.objects)).collect();
        let graph = classes(analysis);
        ensure!(own == graph, "counted without a graph: {}", differences(&own, &graph));
        let group = |group: Group| ObjectGroup {
            id: NodeId(group.largest),
            class: group.name,
            properties: group.properties,
            shape: None,
            count: group.sum.objects,
            size: group.sum.bytes,
            retained: None,
            isolate: None,
        };
        let own = titles(&list_objects(self.shapes.into_iter().map(group).collect(), usize::MAX));
        let graph = titles(&objects(&Setting::new(analysis, &NoFiles), &ObjectQuery::default(), usize::MAX));
        let differ: Vec<&String> = own.keys().chain(graph.keys()).filter(|title| own.get(*title) != graph.get(*title)).collect();
        let is_plain = |title: &&String| title.starts_with('{');
        let ok = differ.iter().all(is_plain) && differ.len() <= DICTIONARIES;
        ensure!(ok, "shapes counted without a graph: {}", differences(&own, &graph));
        Ok(())
    }
}

fn classes(analysis: &HeapAnalysis) -> BTreeMap<String, u64> {
    let (graph, setting) = (analysis.graph(), Setting::new(analysis, &NoFiles));
    let mut counts = BTreeMap::new();
    for node in graph.nodes().filter(|&node| setting.is_visible(node)) {
        let class = match graph.kind(node) {
            NodeKind::OBJECT => graph.name(node).into_owned(),
            NodeKind::CLOSURE => "Function".to_owned(),
            NodeKind::REGEXP => "RegExp".to_owned(),
            _ => continue,
        };
        *counts.entry(class).or_insert(0) += 1;
    }
    counts
}

/// Sums up counts by title: two shapes may have the same where only the first names are shown.
fn titles(table: &Table) -> BTreeMap<String, u64> {
    let at = |name: &str| table.columns.iter().position(|column| column.name == name).unwrap_or(0);
    let (title, count) = (at("group"), at("count"));
    let mut counts = BTreeMap::new();
    for row in &table.rows {
        if let (Cell::Text(title), Cell::Number(count)) = (&row[title], &row[count]) {
            *counts.entry(title.clone()).or_insert(0) += count;
        }
    }
    counts
}

fn differences(own: &BTreeMap<String, u64>, graph: &BTreeMap<String, u64>) -> String {
    const SHOWN: usize = 12;
    let names: std::collections::BTreeSet<&String> = own.keys().chain(graph.keys()).collect();
    let differ = names.into_iter().filter(|name| own.get(*name) != graph.get(*name));
    let told = differ.map(|name| format!("{name}: {:?}, the graph has {:?}", own.get(name), graph.get(name)));
    told.take(SHOWN).collect::<Vec<_>>().join("; ")
}
