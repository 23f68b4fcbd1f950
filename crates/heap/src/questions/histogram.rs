//! The histogram: how many of what, how large, how much they retain.

use rustc_hash::FxHashMap;

use super::distance_cell;
use super::shapes::{Shape, Shapes};
use super::sums::{Sum, sums};
use crate::aggregates::{self, Aggregate};
use crate::analysis::HeapAnalysis;
use crate::classes::ClassIx;
use crate::distance::Distance;
use crate::filters::NodeSet;
use crate::graph::NodeIx;
use crate::index::Glance;
use crate::source::scripts::script_name;
use crate::source::{Originals, Owner, Place, Scripts, SourceFiles};
use crate::story::Setting;
use crate::view::{ColumnKind, Table};

/// By what nodes are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// DevTools' classes, exactly.
    #[default]
    Class,
    /// The properties that an object has: `Session {id, user}`.
    Shape,
    /// The package whose code wrote the class or function: a name, `app code`, `Node core`.
    Package,
    /// The script that wrote it, by its whole name.
    Module,
    /// The same by its file name, without folders.
    File,
}

/// By what rows are sorted, largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistogramSort {
    /// What the group retains.
    #[default]
    Retained,
    /// Self sizes.
    SelfSize,
    /// Numbers.
    Count,
    /// Names, from A.
    Name,
}

/// The name of the group of what was written nowhere that the file tells.
const UNKNOWN: &str = "(unknown)";

/// Counts nodes by group: columns `class, count, self_size, retained_size, distance, location, isolate, generated`. `isolate` is that of a class which a
/// script of one isolate made, where there are several. Only nodes of `only` where given.
/// `files` tell the versions of packages whose paths do not. `filter` keeps the groups whose name contains it, whatever the case. O(nodes);
/// `Shape`, `Module` and the like O(edges).
#[must_use]
pub fn histogram(
    analysis: &HeapAnalysis,
    by: Grouping,
    files: &dyn SourceFiles,
    sort: HistogramSort,
    only: Option<&NodeSet>,
    filter: Option<&str>,
    limit: usize,
) -> Table {
    let rows = match by {
        Grouping::Class => by_class(analysis, only),
        _ => by_group(analysis, by, files, only),
    };
    let place = class_placer(analysis);
    table(title(by), rows, sort, filter, limit, |row| place(row.class?))
}

/// As `histogram` by class, with the names that classes had before they were minified, where a source map tells.
#[must_use]
pub fn told_histogram(setting: &Setting<'_>, sort: HistogramSort, only: Option<&NodeSet>, filter: Option<&str>, limit: usize) -> Table {
    let classes = setting.analysis.classes();
    let mut rows = by_class(setting.analysis, only);
    for row in &mut rows {
        row.rename(row.class.and_then(|class| setting.original_class(classes.get(class))));
    }
    let place = |row: &Row| setting.class_place(classes.get(row.class?)).map(|place| place.to_string());
    table(title(Grouping::Class), rows, sort, filter, limit, place)
}

/// As `told_histogram`, from what an index says at a glance.
#[must_use]
pub fn histogram_at_a_glance(glance: &Glance, originals: &Originals<'_>, sort: HistogramSort, limit: usize) -> Table {
    let known = |class: ClassIx| Place::parse(glance.locations.get(class.0 as usize)?.as_deref()?);
    let text = |place: &Place| originals.text(&place.file, || None);
    let mut rows: Vec<Row> = glance.aggregates.iter().map(|sum| Row::of(glance.classes[sum.class.0 as usize].name.clone(), sum)).collect();
    for row in &mut rows {
        let place = row.class.and_then(known);
        row.rename(place.and_then(|place| originals.of_name(&place, &row.name, text(&place).as_deref())));
    }
    let place = |row: &Row| {
        let place = known(row.class?)?;
        let original = originals.of_place(&place, text(&place).as_deref()).map(|original| original.place);
        Some(original.unwrap_or(place).to_string())
    };
    table(title(Grouping::Class), rows, sort, None, limit, place)
}

/// Returns `file:line:column` of every class that was written in a script, by `ClassIx`.
pub(crate) fn class_locations(analysis: &HeapAnalysis) -> Vec<Option<String>> {
    analysis.classes().iter().map(|(class, _)| class).map(class_placer(analysis)).collect()
}

/// Returns what finds `file:line:column` of a class, counted from 1, before any source map.
fn class_placer(analysis: &HeapAnalysis) -> impl Fn(ClassIx) -> Option<String> {
    let scripts = Scripts::of(analysis.graph());
    move |class| scripts.place(analysis.classes().get(class).place?).map(|place| place.to_string())
}

/// Sorts and cuts rows; the place of those that are left is looked up.
fn table(
    title: &'static str,
    mut rows: Vec<Row>,
    sort: HistogramSort,
    filter: Option<&str>,
    limit: usize,
    place: impl Fn(&Row) -> Option<String>,
) -> Table {
    let columns = [
        ("class", title, ColumnKind::Text),
        ("count", "count", ColumnKind::Count),
        ("self_size", "self size", ColumnKind::Bytes),
        ("retained_size", "retained", ColumnKind::Bytes),
        ("distance", "distance", ColumnKind::Count),
        ("location", "location", ColumnKind::Location),
        ("isolate", "isolate", ColumnKind::Count),
        ("generated", "in the script", ColumnKind::Text),
    ];
    let mut table = Table::new("classes", &columns);
    if let Some(filter) = filter.map(str::to_lowercase) {
        let is_wanted = |name: &str| name.to_lowercase().contains(&filter);
        rows.retain(|row| is_wanted(&row.name) || row.generated.as_deref().is_some_and(is_wanted));
    }
    match sort {
        HistogramSort::Retained => rows.sort_by(|a, b| b.retained.cmp(&a.retained).then_with(|| a.name.cmp(&b.name))),
        HistogramSort::SelfSize => rows.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name))),
        HistogramSort::Count => rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name))),
        HistogramSort::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
    }
    table.total_rows = rows.len() as u64;
    for row in rows.into_iter().take(limit) {
        let location = place(&row);
        let Row { name, generated, isolate, count, size, retained, distance, .. } = row;
        table.rows.push(vec![
            name.into(),
            count.into(),
            size.into(),
            retained.into(),
            distance_cell(distance),
            location.into(),
            isolate.map(u64::from).into(),
            generated.into(),
        ]);
    }
    table
}

fn title(by: Grouping) -> &'static str {
    match by {
        Grouping::Class => "class",
        Grouping::Shape => "shape",
        Grouping::Package => "package",
        Grouping::Module => "module",
        Grouping::File => "file",
    }
}

struct Row {
    name: String,
    /// The name in the code that ran, where `name` is another.
    generated: Option<String>,
    /// The isolate whose script made the class, where there are several.
    isolate: Option<u32>,
    count: u64,
    size: u64,
    retained: u64,
    distance: Distance,
    /// The class, where rows are classes.
    class: Option<ClassIx>,
}

impl Row {
    fn of(name: String, sum: &Aggregate) -> Self {
        let Aggregate { class, count, self_size, retained_size, distance } = *sum;
        Self { name, generated: None, isolate: None, count, size: self_size, retained: retained_size, distance, class: Some(class) }
    }

    fn rename(&mut self, original: Option<String>) {
        if let Some(original) = original {
            self.generated = Some(std::mem::replace(&mut self.name, original));
        }
    }
}

fn by_class(analysis: &HeapAnalysis, only: Option<&NodeSet>) -> Vec<Row> {
    let isolates = isolates(analysis);
    let row = |sum: &Aggregate| {
        let isolate = isolates.get(&sum.class).copied().flatten();
        Row { isolate, ..Row::of(analysis.classes().get(sum.class).name.clone(), sum) }
    };
    match only {
        None => analysis.aggregates().iter().map(row).collect(),
        Some(only) => aggregates::aggregates(analysis, |node| only.contains(node)).iter().map(row).collect(),
    }
}

/// Returns of the classes that were written in a script the isolate in which all their objects are: workers run the same scripts, and make classes of
/// the same names. Nothing where there is only one isolate. O(nodes) where there are several.
fn isolates(analysis: &HeapAnalysis) -> FxHashMap<ClassIx, Option<u32>> {
    let (graph, classes) = (analysis.graph(), analysis.classes());
    let mut found: FxHashMap<ClassIx, Option<u32>> = FxHashMap::default();
    if !graph.has_isolates() {
        return found;
    }
    for node in graph.nodes() {
        let class = classes.of(node);
        if let Some(isolate) = classes.get(class).place.and_then(|_| graph.isolate(node)) {
            let known = found.entry(class).or_insert(Some(isolate));
            *known = known.filter(|&known| known == isolate);
        }
    }
    found
}

fn by_group(analysis: &HeapAnalysis, by: Grouping, files: &dyn SourceFiles, only: Option<&NodeSet>) -> Vec<Row> {
    let graph = analysis.graph();
    let (groups, names) = match by {
        Grouping::Shape => {
            let Shapes { groups, shapes } = Shapes::of(analysis);
            (groups, shapes.iter().map(Shape::title).collect())
        }
        _ => {
            let mut namer = GroupNamer::new(analysis, by, files);
            let groups: Vec<u32> = graph.nodes().map(|node| namer.group(node)).collect();
            (groups, namer.names)
        }
    };
    let sums = sums(analysis, names.len(), |node| only.is_none_or(|only| only.contains(node)).then_some(groups[node.at()]));
    let row = |(name, sum): (String, Sum)| {
        let Sum { count, size, retained, distance, .. } = sum;
        Row { name, generated: None, isolate: None, count, size, retained, distance, class: None }
    };
    let mut rows: Vec<Row> = names.into_iter().zip(sums).filter(|(_, sum)| sum.count > 0).map(row).collect();
    if by == Grouping::File {
        tell_apart(&mut rows);
    }
    rows
}

/// Names files by as much of their paths as tells them apart: every package has an `index.js`. Several of Node's own are called `utils`:
/// those have whole names.
fn tell_apart(rows: &mut [Row]) {
    let own = |name: &str| name.starts_with("node:") || name == UNKNOWN;
    let end = |name: &str, parts: usize| {
        let from = name.rmatch_indices(['/', '\\']).nth(parts - 1).map_or(0, |(at, _)| at + 1);
        name[from..].to_owned()
    };
    let mut parts = vec![1_usize; rows.len()];
    loop {
        let mut users: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| !own(&row.name)) {
            users.entry(end(&row.name, parts[at])).or_default().push(at);
        }
        let mut longer = false;
        for at in users.into_values().filter(|rows| rows.len() > 1).flatten() {
            if end(&rows[at].name, parts[at]).len() < rows[at].name.len() {
                parts[at] += 1;
                longer = true;
            }
        }
        if !longer {
            break;
        }
    }
    for (row, parts) in rows.iter_mut().zip(parts).filter(|(row, _)| !own(&row.name)) {
        row.name = end(&row.name, parts);
    }
}

/// Gives every node the number of its group.
struct GroupNamer<'a> {
    analysis: &'a HeapAnalysis,
    by: Grouping,
    files: &'a dyn SourceFiles,
    /// Groups of scripts that were met.
    known: FxHashMap<u32, u32>,
    /// Where code was written, before it was minified.
    setting: Setting<'a>,
    /// Files of places that were met: script, line and column.
    places: FxHashMap<(u32, u32, u32), u32>,
    names: Vec<String>,
    numbers: FxHashMap<String, u32>,
}

impl<'a> GroupNamer<'a> {
    fn new(analysis: &'a HeapAnalysis, by: Grouping, files: &'a dyn SourceFiles) -> Self {
        let mut namer = Self {
            analysis,
            by,
            files,
            known: FxHashMap::default(),
            setting: Setting::new(analysis, files),
            places: FxHashMap::default(),
            names: Vec::new(),
            numbers: FxHashMap::default(),
        };
        namer.number(UNKNOWN.to_owned());
        namer
    }

    fn number(&mut self, name: String) -> u32 {
        if let Some(&number) = self.numbers.get(&name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }

    fn group(&mut self, node: NodeIx) -> u32 {
        let Some(location) = self.analysis.graph().location(node) else { return 0 };
        if self.by == Grouping::File {
            let place = location.at();
            if let Some(&known) = self.places.get(&place) {
                return known;
            }
            let file = self.setting.place(node).map(|place| place.file).filter(|file| !file.is_empty());
            let group = file.map_or(0, |file| self.number(file));
            self.places.insert(place, group);
            return group;
        }
        if let Some(&known) = self.known.get(&location.script_id) {
            return known;
        }
        let group = self.script_group(location.script_id);
        self.known.insert(location.script_id, group);
        group
    }

    fn script_group(&mut self, script: u32) -> u32 {
        let Some(script) =
            self.setting.scripts.by_id(script).map(|script| script_name(self.setting.graph(), script)).filter(|name| !name.is_empty())
        else {
            return 0;
        };
        let name = match self.by {
            Grouping::Package => match Owner::of_script(&script).with_version(&script, self.files) {
                Owner::Unknown => UNKNOWN.to_owned(),
                owner => owner.to_string(),
            },
            _ => script,
        };
        self.number(name)
    }
}
