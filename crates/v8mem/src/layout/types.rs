//! Instance types by number: their names, and what kind of object each is.
//!
//! `instance_types.tsv` holds V8's whole list for each minor version that was looked at. Of a V8 that is not in it, the types that the process
//! names itself are certain. The others keep their order from version to version, so they stand between the same neighbours: where both
//! neighbours lead to one kind of object it is taken, else the type stays unknown.

use std::collections::BTreeMap;

use super::told::Told;
use crate::kind::{Kind, system_name};
use crate::layout::constants::Constants;
use crate::version::V8Version;

const TABLE: &str = include_str!("instance_types.tsv");

/// Numbers of instance types: what they mean.
#[derive(Clone, Debug)]
pub struct InstanceTypes {
    kinds: Vec<Kind>,
    names: Vec<String>,
    /// Types of which the table says otherwise than the process: name, number in the table, number in the process.
    pub contradictions: Vec<(String, u16, u16)>,
    /// Types of which nothing is known but that they are JavaScript objects.
    vague: Vec<u16>,
}

/// The tables of this build, all of them or without one version: what a V8 looks like that is not known yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    left_out: Option<V8Version>,
}

/// The names of a version's types, by number.
type Column = BTreeMap<u16, &'static str>;

/// What is known of the versions around one.
struct Around {
    /// The version itself, or the one that agrees best with what the process tells.
    best: Column,
    /// The closest older version.
    older: Option<Column>,
    /// The closest newer version.
    newer: Option<Column>,
}

impl Tables {
    /// Leaves a version out.
    #[must_use]
    pub fn without(version: V8Version) -> Self {
        Self { left_out: Some(version) }
    }

    /// Says whether the tables have that version.
    #[must_use]
    pub fn know(self, version: V8Version) -> bool {
        self.versions().any(|(known, _)| known == version)
    }

    /// Says whether any version has a type of that name.
    #[must_use]
    pub fn have_type(self, name: &str) -> bool {
        TABLE.lines().skip(1).any(|row| row.split('\t').next() == Some(name))
    }

    /// Returns the types of the versions next to one that is not known, or the version's own.
    fn around(self, version: V8Version, told: &Told) -> Around {
        let agreement = |column: &Column| told.iter().filter(|&(name, number)| column.get(&number) == Some(&name)).count();
        let versions: Vec<(V8Version, usize)> = self.versions().collect();
        let rank = |&&(known, nth): &&(V8Version, usize)| (known == version, agreement(&read(nth)), known <= version, known);
        let older = versions.iter().rev().find(|(known, _)| *known < version);
        let newer = versions.iter().find(|(known, _)| *known > version);
        let column = |found: Option<&(V8Version, usize)>| found.map(|&(_, nth)| read(nth));
        Around { best: column(versions.iter().max_by_key(rank)).unwrap_or_default(), older: column(older), newer: column(newer) }
    }

    /// The versions of the table's columns, rising, each with its place.
    fn versions(self) -> impl Iterator<Item = (V8Version, usize)> {
        let head = TABLE.lines().next().unwrap_or_default();
        let version = |text: &str| {
            let (major, minor) = text.split_once('.')?;
            Some(V8Version::new(major.parse().ok()?, minor.parse().ok()?))
        };
        let columns = (0..).zip(head.split('\t').skip(1));
        columns.filter_map(move |(nth, text)| Some((version(text)?, nth))).filter(move |&(known, _)| Some(known) != self.left_out)
    }
}

/// Reads a column of the table.
fn read(nth: usize) -> Column {
    let row = |row: &'static str| {
        let mut fields = row.split('\t');
        let name = fields.next()?;
        Some((fields.nth(nth)?.parse().ok()?, name))
    };
    TABLE.lines().skip(1).filter_map(row).collect()
}

/// What the neighbours of a number that the process does not name make of it.
enum Between {
    /// Both lead to one kind of object; the name is empty where they lead to several of it.
    One(&'static str, Kind),
    /// They lead to different kinds of JavaScript objects.
    SomeJsObject,
}

/// A column, and the types of it that the process names.
struct Anchored<'t> {
    column: &'t Column,
    told: &'t Told,
    /// Numbers in the process, and in the column.
    anchors: Vec<(u16, u16)>,
}

impl<'t> Anchored<'t> {
    fn new(column: &'t Column, told: &'t Told) -> Self {
        let named = |(&number, &name): (&u16, &&str)| Some((told.number(name)?, number));
        let mut anchors: Vec<(u16, u16)> = column.iter().filter_map(named).collect();
        anchors.sort_unstable();
        Self { column, told, anchors }
    }

    /// Returns the two anchors around a number.
    fn neighbours(&self, number: u16) -> Option<[(u16, u16); 2]> {
        let next = self.anchors.partition_point(|&(anchor, _)| anchor < number);
        Some([*self.anchors.get(next.checked_sub(1)?)?, *self.anchors.get(next)?])
    }

    /// Returns the name that stands as far from an anchor as a number does, unless the process has it elsewhere.
    fn name(&self, (anchor, in_table): (u16, u16), number: u16) -> Option<&'static str> {
        let place = i32::from(in_table) + i32::from(number) - i32::from(anchor);
        self.column.get(&u16::try_from(place).ok()?).copied().filter(|name| self.told.number(name).is_none())
    }

    /// Says what a number means where there is as much room between its neighbours as in the process.
    fn in_place(&self, number: u16) -> Option<&'static str> {
        let [before, after] = self.neighbours(number)?;
        self.name(before, number).filter(|_| self.name(after, number) == self.name(before, number))
    }

    /// Says what a number means that stands as far from one of its neighbours in an older as in a newer version.
    fn in_both(&self, newer: &Self, number: u16) -> Option<&'static str> {
        let names = [self, newer].map(|column| column.neighbours(number).map(|around| around.map(|anchor| column.name(anchor, number))));
        let [Some(older), Some(newer)] = names else { return None };
        let mut agreed = older.into_iter().zip(newer).filter(|(older, newer)| older == newer).filter_map(|(name, _)| name);
        let name = agreed.next()?;
        agreed.all(|other| other == name).then_some(name)
    }

    /// Says what a number means where the room differs: one of two types, at best of the same kind.
    fn either(&self, number: u16) -> Option<Between> {
        let mut names =
            self.neighbours(number)?.into_iter().filter_map(|anchor| self.name(anchor, number)).map(|name| (name, Kind::of_type(name)));
        let (name, one) = names.next()?;
        let Some((_, other)) = names.next() else { return Some(Between::One(name, one)) };
        match one == other {
            true => Some(Between::One("", one)),
            false => (one.is_js_object() && other.is_js_object()).then_some(Between::SomeJsObject),
        }
    }
}

impl InstanceTypes {
    pub(super) fn of(tables: Tables, version: V8Version, told: &Told, constants: &Constants) -> Self {
        let around = tables.around(version, told);
        let own = Some(&around.best).filter(|_| tables.know(version));
        let contradictions = own.map(|column| contradictions(column, told)).unwrap_or_default();
        let mut types = Self { kinds: vec![], names: vec![], contradictions, vague: vec![] };
        // A few contradictions are damaged maps, many another layout.
        if let Some(column) = own.filter(|_| types.contradictions.len() * 10 <= told.len()) {
            column.iter().for_each(|(&number, name)| types.set(number, name, Kind::of_type(name)));
            let missing = told.iter().filter(|(name, _)| !column.values().any(|known| known == name));
            missing.for_each(|(name, number)| types.fill(number..=number, name, Kind::of_type(name)));
        } else {
            types.place(&around, told);
        }
        types.fill_ranges(version, constants);
        types.settle_vague();
        types
    }

    /// Takes what the process tells, and puts the other types of the columns between them.
    fn place(&mut self, around: &Around, told: &Told) {
        let best = Anchored::new(&around.best, told);
        let [older, newer] = [&around.older, &around.newer].map(|column| column.as_ref().map(|column| Anchored::new(column, told)));
        let numbers = || told.iter().map(|(_, number)| number);
        for number in numbers().min().unwrap_or(0)..=numbers().max().unwrap_or(0) {
            let in_both = || older.as_ref()?.in_both(newer.as_ref()?, number);
            let name = best.in_place(number).or_else(in_both);
            match name.map(|name| Between::One(name, Kind::of_type(name))).or_else(|| best.either(number)) {
                Some(Between::One(name, kind)) => self.set(number, name, kind),
                Some(Between::SomeJsObject) => self.vague.push(number),
                None => {}
            }
        }
        // Two names may share a number: the one that the table has as well is the one that V8 shows.
        let in_table = |name: &str| around.best.values().any(|known| *known == name);
        let (shown, other): (Vec<_>, Vec<_>) = told.iter().partition(|(name, _)| in_table(name));
        other.into_iter().chain(shown).for_each(|(name, number)| self.set(number, name, Kind::of_type(name)));
    }

    /// Returns what kind of object an instance type is.
    #[inline]
    #[must_use]
    pub fn kind(&self, number: u16) -> Kind {
        self.kinds.get(usize::from(number)).copied().unwrap_or(Kind::Unknown)
    }

    /// Says whether somebody says what an instance type is: a table or the process.
    #[must_use]
    pub fn is_certain(&self, number: u16) -> bool {
        !self.vague.contains(&number) && (self.kind(number) != Kind::Unknown || !self.name(number).is_empty())
    }

    /// Returns an instance type's name in V8, without `_TYPE`; empty where it is not known.
    #[must_use]
    pub fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", String::as_str)
    }

    /// Returns the name that a snapshot gives an internal object of that type.
    #[must_use]
    pub fn system_name(&self, number: u16) -> String {
        match self.name(number) {
            "" => format!("system / type {number}"),
            name => system_name(name),
        }
    }

    fn set(&mut self, number: u16, name: &str, kind: Kind) {
        let at = usize::from(number);
        if self.kinds.len() <= at {
            self.kinds.resize(at + 1, Kind::Unknown);
            self.names.resize(at + 1, String::new());
        }
        self.kinds[at] = kind;
        name.clone_into(&mut self.names[at]);
    }

    /// V8 9.5 and later leave a thousand numbers to objects of the embedder; functions and contexts are ranges that `v8dbg` tells.
    fn fill_ranges(&mut self, version: V8Version, constants: &Constants) {
        let range = |first: &str, last: &str| {
            let end = |name: &str| constants.get(name).and_then(|number| u16::try_from(number).ok()).filter(|&number| number < 4000);
            Some(end(first)?..=end(last)?)
        };
        if version >= V8Version::new(9, 5) {
            self.fill(1058..=2057, "JS_API_OBJECT", Kind::JsApiObject);
        }
        range("FirstJSFunctionType", "LastJSFunctionType")
            .into_iter()
            .for_each(|numbers| self.fill(numbers, "JS_FUNCTION", Kind::JsFunction));
        range("FirstContextType", "LastContextType").into_iter().for_each(|numbers| self.fill(numbers, "", Kind::Context));
    }

    /// Keeps of the vague numbers those that no range has filled.
    fn settle_vague(&mut self) {
        let vague: Vec<u16> = self.vague.iter().copied().filter(|&number| self.kind(number) == Kind::Unknown).collect();
        vague.iter().for_each(|&number| self.set(number, "", Kind::JsObject));
        self.vague = vague;
    }

    fn fill(&mut self, numbers: std::ops::RangeInclusive<u16>, name: &str, kind: Kind) {
        for number in numbers {
            if self.kind(number) == Kind::Unknown {
                self.set(number, name, kind);
            }
        }
    }
}

/// Lists the types to which a version's own column gives another number than the process does.
fn contradictions(column: &Column, told: &Told) -> Vec<(String, u16, u16)> {
    let other = |(&number, &name): (&u16, &&str)| {
        let said = told.number(name).filter(|&said| said != number)?;
        Some((name.to_owned(), number, said))
    };
    column.iter().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(tables: Tables, major: u16, minor: u16, told: &Told) -> InstanceTypes {
        InstanceTypes::of(tables, V8Version::new(major, minor), told, &Constants::default())
    }

    #[test]
    fn numbers_follow_the_version() {
        let check = |major, minor, number, expect: &str| {
            let types = types(Tables::default(), major, minor, &Told::default());
            assert_eq!(types.name(number), expect, "{major}.{minor} {number}");
        };
        check(9, 4, 172, "MAP");
        check(13, 6, 272, "MAP");
        check(14, 6, 278, "MAP");
        check(13, 6, 1500, "JS_API_OBJECT");
        check(9, 4, 1500, "");
        check(9, 4, 1056, "JS_API_OBJECT");
        check(13, 6, 60_000, "");
    }

    /// Types that no V8 exports, or only some.
    fn is_told(name: &str) -> bool {
        let hidden = ["_CONTEXT", "_CONSTRUCTOR", "_HASH_TABLE", "_DICTIONARY", "_ITERATOR"].iter().any(|end| name.ends_with(end));
        !hidden && !["TRANSITION_ARRAY", "FEEDBACK_METADATA", "FILLER", "WASM_FUNCTION_DATA"].contains(&name)
    }

    #[test]
    fn a_version_that_is_left_out_is_never_read_wrongly() {
        for (version, nth) in Tables::default().versions() {
            let truth = read(nth);
            let mut told = Told::default();
            let roots =
                truth.iter().filter(|(_, name)| is_told(name)).map(|(&number, name)| (format!("{}_map", name.to_lowercase()), number));
            roots.for_each(|(root, number)| told.add_root(&root, number, |_| true));
            let types = types(Tables::without(version), version.major, version.minor, &told);
            let mut found = 0;
            for (&number, name) in truth.iter().filter(|(_, name)| !is_told(name)) {
                let (kind, expect) = (types.kind(number), Kind::of_type(name));
                let vague = kind == Kind::Unknown || kind == Kind::JsObject && expect.is_js_object();
                assert!(vague || kind == expect, "{version}: type {number} is {name}, not {kind:?} {:?}", types.name(number));
                found += u32::from(kind == expect);
            }
            assert!(found > 20, "{version}: {found} types found");
        }
    }

    /// The types of V8 9.0, with other numbers in a process, as far as it tells them.
    fn moved(number_in_process: impl Fn(u16) -> u16) -> InstanceTypes {
        let mut told = Told::default();
        for (number, name) in read(0).into_iter().filter(|(_, name)| is_told(name)) {
            told.add_root(&format!("{}_map", name.to_lowercase()), number_in_process(number), |_| true);
        }
        types(Tables::default(), 9, 0, &told)
    }

    #[test]
    fn what_the_process_says_otherwise_is_told_and_believed() {
        let types = moved(|number| number + u16::from(number > 120));
        assert!(types.contradictions.contains(&("MAP".to_owned(), 171, 172)), "{:?}", types.contradictions);
        assert_eq!(types.name(172), "MAP");
    }

    #[test]
    fn a_damaged_map_is_told_and_not_believed() {
        let types = moved(|number| if number == 171 { 4095 } else { number });
        assert_eq!(types.contradictions, [("MAP".to_owned(), 171, 4095)]);
        assert_eq!((types.name(171), types.name(4095)), ("MAP", ""));
    }
}
