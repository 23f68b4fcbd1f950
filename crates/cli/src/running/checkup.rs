//! What `live` found out of a process before it is touched, as people and programs are told, and what follows from it.

use live::capture::{Checkup, Filtering, Method, Prediction};
use serde_json::{Value, json};
use v8mem::version::{Evidence, NodeVersion};
use v8mem::{Tables, Versions};

use super::surroundings::{self, Pause};
use super::{Dangers, Wish};
use crate::answer::{Line, Piece, Section};
use crate::attached::{self, Cost};
use crate::codes;
use crate::error::CommandError;
use crate::render::number;

/// Chooses the method. Returns why it is not the better one, where it is not. What is dangerous is refused, unless somebody accepts that.
pub(super) fn choose(pid: i32, checkup: &Checkup, wish: Wish, met: Dangers) -> Result<(Method, Option<String>), CommandError> {
    let accepted = met == Dangers::Accepted;
    let dangers = |method| checkup.prediction(method).dangers.clone();
    let named = match wish {
        Wish::Fork => Some(Method::Fork),
        Wish::Stop => Some(Method::Stop),
        Wish::Auto => checkup.best(),
    };
    let because = dangers(Method::Fork).into_iter().next().filter(|_| wish == Wish::Auto);
    match named {
        Some(method) if accepted || dangers(method).is_empty() => Ok((method, because.filter(|_| method == Method::Stop))),
        None if accepted => Ok((Method::Stop, because)),
        _ => {
            let mut error = CommandError::new(&codes::DANGEROUS, format!("capturing pid {pid} could harm it"));
            for prediction in checkup.methods.iter().filter(|prediction| named.is_none_or(|method| method == prediction.method)) {
                for danger in &prediction.dangers {
                    error = error.note("why", format!("{}: {danger}", prediction.method.name()));
                }
            }
            let other = checkup.best().map(|method| format!("heapwhy capture {pid} --method {}", method.name()));
            let error = other.into_iter().fold(error, CommandError::hint);
            Err(error.hint(format!("heapwhy capture {pid} --accept-danger   does it all the same")).hint(format!("heapwhy doctor {pid}")))
        }
    }
}

/// Tells all of it.
pub(super) fn section(pid: i32, checkup: &Checkup, script: Option<&str>) -> Section {
    let program = super::program(pid);
    let (v8, node) = (program.v8, program.node);
    let version = Versions { v8: v8.clone(), node: None }.v8_version();
    let is_known = version.is_some_and(|version| Tables::default().know(version));
    let ports: Vec<String> = checkup.local_ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let mut lines = vec![
        line(
            "PROCESS",
            format!(
                "pid {pid}, {}, {} in memory, {} threads{}",
                script.unwrap_or("no script"),
                number::bytes(checkup.known.resident),
                checkup.threads,
                state(checkup)
            ),
        ),
        line("RIGHTS", rights(checkup)),
        line("MEMORY", room(checkup)),
        line("NODE", node.as_ref().map_or_else(|| "its version does not stand in its program, or not alone".to_owned(), in_words)),
        line(
            "V8",
            match &v8 {
                Some(version) if is_known => format!("{version}, whose layout is known"),
                Some(version) => format!("{version}, whose layout is not in the tables: read as its neighbours, and told so"),
                None => "its version does not stand in its program".to_owned(),
            },
        ),
        line(
            "LISTENS",
            if ports.is_empty() {
                "nowhere for this machine alone: no inspector is open".to_owned()
            } else {
                format!("on {}: an inspector would be one of these", ports.join(", "))
            },
        ),
    ];
    lines.extend(labelled("SPACES", surroundings::namespaces(pid, &checkup.surroundings)));
    lines.extend(filter(&checkup.filtering));
    lines.extend(checkup.methods.iter().map(|prediction| method(prediction, checkup)));
    let inspector = Inspector::of(pid, checkup);
    lines.push(inspector.line());
    let pauses = pauses(checkup, &inspector);
    if checkup.obstacle().is_none() {
        lines.extend(labelled("DEADLINE", surroundings::deadlines(checkup, &pauses)));
    }
    let mut json = in_json(pid, checkup, script, v8.as_deref(), is_known);
    let [namespaces, deadlines] = surroundings::in_json(pid, checkup, &pauses);
    json["namespaces"] = namespaces;
    json["deadlines"] = deadlines;
    json["node"] = json!(node.as_ref().map(|node| &node.version));
    json["node_by"] = json!(node.as_ref().map(|node| node.by.name()));
    if let Some(methods) = json.get_mut("methods").and_then(Value::as_array_mut) {
        methods.push(inspector.in_json());
    }
    Section::Value { name: "doctor", json, lines }
}

fn line(label: &str, text: String) -> Line {
    vec![Piece::Strong(format!("{label:<10}")), Piece::Plain(text)]
}

/// Returns lines of which the first has the label.
fn labelled(label: &str, texts: Vec<String>) -> impl Iterator<Item = Line> {
    texts.into_iter().enumerate().map(move |(nth, text)| line(if nth == 0 { label } else { "" }, text))
}

/// Says which Node.js it is, and by what that is known.
fn in_words(node: &NodeVersion) -> String {
    match node.by {
        Evidence::Release => format!("v{}, as the address of its release in its program says", node.version),
        Evidence::Text => format!("v{}, the only text in its program that looks like a version of Node.js", node.version),
    }
}

/// Returns how long the process would stand still, by each method against which nothing speaks.
fn pauses(checkup: &Checkup, inspector: &Inspector) -> Vec<Pause> {
    if checkup.obstacle().is_some() {
        return Vec::new();
    }
    let images = checkup.methods.iter().filter(|prediction| prediction.dangers.is_empty());
    let images = images.map(|prediction| (prediction.method.name(), prediction.pause));
    let snapshot = inspector.dangers.is_empty().then_some(("inspector", inspector.cost.pause));
    images.chain(snapshot).collect()
}

fn state(checkup: &Checkup) -> String {
    match (checkup.tracer, checkup.is_stopped) {
        (Some(tracer), _) => format!("; traced by pid {tracer}, so nobody else can"),
        (None, true) => "; stopped: kill -CONT lets it go on".to_owned(),
        (None, false) => String::new(),
    }
}

fn rights(checkup: &Checkup) -> String {
    let may = if checkup.may_read { "its memory can be read" } else { "its memory cannot be read" };
    let capability = if checkup.has_capability { "with" } else { "without" };
    let yama = checkup.yama.map_or(String::new(), |level| format!(", kernel.yama.ptrace_scope = {level}"));
    format!("{may}: it runs as uid {}, you are uid {} {capability} CAP_SYS_PTRACE{yama}", checkup.user, checkup.own_user)
}

fn room(checkup: &Checkup) -> String {
    let group =
        checkup.group.map(|group| format!("{} left of {} in its control group", number::bytes(group.left), number::bytes(group.limit)));
    let machine = checkup.available.map(|bytes| format!("{} left on the machine", number::bytes(bytes)));
    let parts: Vec<String> = group.into_iter().chain(machine).collect();
    if parts.is_empty() { "unknown".to_owned() } else { parts.join(", ") }
}

/// Tells of filters, where there are any.
fn filter(filtering: &Filtering) -> Option<Line> {
    let text = match filtering {
        Filtering::None => return None,
        Filtering::Allows => "on its system calls (seccomp), which allows all that a copy takes".to_owned(),
        Filtering::Refuses(why) => format!("on its system calls (seccomp), which does not allow {why}"),
        Filtering::Unknown(why) => format!("on its system calls (seccomp); unknown whether it allows a copy: {why}"),
    };
    Some(line("FILTER", text))
}

fn method(prediction: &Prediction, checkup: &Checkup) -> Line {
    let (least, most) = prediction.growth;
    let growth = if most == 0 {
        "memory does not grow".to_owned()
    } else {
        format!("memory grows by {} to {} meanwhile", number::bytes(least), number::bytes(most))
    };
    let limit = if prediction.method == Method::Stop {
        format!(" and at most {} (--max-pause)", number::time(checkup.longest_stop()))
    } else {
        String::new()
    };
    let mut text = format!("it stands still about {}{limit}, {growth}", number::time(prediction.pause));
    let obstacle = checkup.obstacle();
    if obstacle.is_none() && checkup.best() == Some(prediction.method) {
        text.push_str("   <- this one");
    }
    let mut line = line(prediction.method.name(), text);
    line.extend(obstacle.map(|obstacle| Piece::Alarm(format!("; not now: {obstacle}"))));
    line.extend(prediction.dangers.iter().map(|danger| Piece::Alarm(format!("; not without --accept-danger: {danger}"))));
    line
}

/// What a heap snapshot over the inspector would cost, and what speaks against it. It is never the best way: a snapshot, no image.
struct Inspector {
    cost: Cost,
    dangers: Vec<String>,
}

impl Inspector {
    fn of(pid: i32, checkup: &Checkup) -> Self {
        let cost = attached::cost_of_snapshot(checkup.known.resident);
        let short = checkup.room().filter(|&room| room < cost.growth).map(|room| format!("only {} are left for it", number::bytes(room)));
        Self { cost, dangers: attached::obstacle(pid).into_iter().chain(short).collect() }
    }

    fn line(&self) -> Line {
        let (pause, growth) = (number::time(self.cost.pause), number::bytes(self.cost.growth));
        let mut line = line("inspector", format!("a heap snapshot; it stands still about {pause}, memory grows by about {growth}"));
        line.extend(self.dangers.iter().map(|danger| Piece::Alarm(format!("; not so: {danger}"))));
        line
    }

    fn in_json(&self) -> Value {
        json!({
            "method": "inspector",
            "pause_ms": self.cost.pause.as_secs_f64() * 1000.0,
            "growth_least": self.cost.growth,
            "growth_most": self.cost.growth,
            "dangers": self.dangers,
        })
    }
}

fn in_json(pid: i32, checkup: &Checkup, script: Option<&str>, v8: Option<&str>, layout_known: bool) -> Value {
    let methods = checkup.methods.iter().map(|prediction| {
        json!({
            "method": prediction.method.name(),
            "pause_ms": prediction.pause.as_secs_f64() * 1000.0,
            "growth_least": prediction.growth.0,
            "growth_most": prediction.growth.1,
            "dangers": prediction.dangers,
        })
    });
    json!({
        "pid": pid,
        "program": checkup.known.program.display().to_string(),
        "script": script,
        "resident": checkup.known.resident,
        "page_tables": checkup.page_tables,
        "threads": checkup.threads,
        "user": checkup.user,
        "own_user": checkup.own_user,
        "may_read": checkup.may_read,
        "has_capability": checkup.has_capability,
        "yama": checkup.yama,
        "tracer": checkup.tracer,
        "stopped": checkup.is_stopped,
        "filtered": checkup.filtering != Filtering::None,
        "filter": checkup.filtering.name(),
        "shadow_stack": checkup.has_shadow_stack,
        "group": checkup.group.map(|group| json!({"limit": group.limit, "left": group.left})),
        "available": checkup.available,
        "longest_stop_ms": checkup.longest_stop().as_secs_f64() * 1000.0,
        "local_ports": checkup.local_ports,
        "v8": v8,
        "layout_known": layout_known,
        "methods": methods.collect::<Vec<_>>(),
        "obstacle": checkup.obstacle(),
        "best": checkup.best().filter(|_| checkup.obstacle().is_none()).map(Method::name),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use live::capture::{Filtering, Known, Surroundings};

    use super::*;

    fn checkup(fork: &[&str], stop: &[&str]) -> Checkup {
        let prediction = |method, dangers: &[&str]| Prediction {
            method,
            pause: Duration::from_millis(1),
            growth: (1, 2),
            dangers: dangers.iter().map(|danger| (*danger).to_owned()).collect(),
        };
        let known = Known { program: PathBuf::new(), arguments: vec![], folder: PathBuf::new(), up: None, resident: 1 };
        Checkup {
            known,
            user: 1,
            own_user: 1,
            may_read: true,
            has_capability: false,
            yama: None,
            tracer: None,
            is_stopped: false,
            filtering: Filtering::None,
            has_shadow_stack: false,
            threads: 1,
            page_tables: 1,
            group: None,
            available: None,
            local_ports: vec![],
            surroundings: Surroundings::default(),
            methods: [prediction(Method::Fork, fork), prediction(Method::Stop, stop)],
        }
    }

    #[test]
    fn no_way_is_called_best_where_none_is_open() {
        let check = |tracer, is_stopped, obstacle: Option<&str>| {
            let checkup = Checkup { tracer, is_stopped, ..checkup(&[], &[]) };
            let told: String = method(checkup.prediction(Method::Fork), &checkup).iter().map(|piece| format!("{piece:?}")).collect();
            assert_eq!(told.contains("<- this one"), obstacle.is_none(), "{told}");
            assert_eq!(told.contains("; not now: "), obstacle.is_some(), "{told}");
            assert_eq!(checkup.obstacle().as_deref(), obstacle);
            let json = in_json(7, &checkup, None, None, true);
            assert_eq!(json["best"].as_str(), obstacle.is_none().then_some("fork"));
        };
        check(None, false, None);
        check(None, true, Some("it is stopped"));
        check(Some(5), true, Some("pid 5 traces it"));
    }

    #[test]
    fn what_is_dangerous_is_refused_unless_accepted() {
        use Dangers::{Accepted, Refused};
        use Method::{Fork, Stop};
        let check = |fork: &[&str], stop: &[&str], wish, met, expect: Option<(Method, bool)>| {
            let found = choose(7, &checkup(fork, stop), wish, met).ok().map(|(method, because)| (method, because.is_some()));
            assert_eq!(found, expect, "{fork:?} {stop:?} {wish:?} {met:?}");
        };
        check(&[], &[], Wish::Auto, Refused, Some((Fork, false)));
        check(&["x"], &[], Wish::Auto, Refused, Some((Stop, true)));
        check(&["x"], &["y"], Wish::Auto, Refused, None);
        check(&["x"], &["y"], Wish::Auto, Accepted, Some((Stop, true)));
        check(&["x"], &[], Wish::Fork, Refused, None);
        check(&["x"], &[], Wish::Fork, Accepted, Some((Fork, false)));
        check(&[], &["y"], Wish::Stop, Refused, None);
        check(&[], &["y"], Wish::Stop, Accepted, Some((Stop, false)));
        check(&[], &["y"], Wish::Auto, Refused, Some((Fork, false)));
    }
}
