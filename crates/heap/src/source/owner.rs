//! Whose code a script is: the application's, a package's, or Node.js's own. Told from the script's name alone, versions from the
//! package's `package.json` where the caller lets it be read.

use std::fmt;

use super::SourceFiles;

/// Whose code something is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// The application's.
    App,
    /// An installed package's.
    Package {
        /// Its name, scope and all: `@scope/name`.
        name: String,
        /// Its version, where known.
        version: Option<String>,
    },
    /// Node.js's own JavaScript.
    NodeCore,
    /// Nobody's that the snapshot tells of.
    Unknown,
}

impl Owner {
    /// Tells whose code a script of that name is.
    #[must_use]
    pub fn of_script(name: &str) -> Self {
        if name.is_empty() {
            return Self::Unknown;
        }
        if is_node_core(name) {
            return Self::NodeCore;
        }
        match package_of(name) {
            Some(package) => Self::Package { name: package.name.to_owned(), version: package.version.map(str::to_owned) },
            None => Self::App,
        }
    }

    /// Looks up the version of a package in its `package.json`, unless its path already told it.
    #[must_use]
    pub fn with_version(self, script: &str, files: &dyn SourceFiles) -> Self {
        let Self::Package { name, version: None } = self else { return self };
        let script = script.strip_prefix("file://").unwrap_or(script);
        let version = package_of(script).and_then(|package| {
            let text = files.read(&format!("{}/package.json", package.folder))?;
            let json: serde_json::Value = serde_json::from_str(&text).ok()?;
            json.get("version")?.as_str().map(str::to_owned)
        });
        Self::Package { name, version }
    }

    /// Returns a stable word for the kind of owner: `app`, `package`, `node`, `unknown`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Package { .. } => "package",
            Self::NodeCore => "node",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App => f.write_str("app code"),
            Self::Package { name, version: Some(version) } => write!(f, "{name}@{version}"),
            Self::Package { name, version: None } => f.write_str(name),
            Self::NodeCore => f.write_str("Node core"),
            Self::Unknown => f.write_str("unknown code"),
        }
    }
}

/// Says whether a script is Node.js's own: `node:…` since Node 16, a bare `internal/…` for scripts that run before modules exist.
#[must_use]
pub fn is_node_core(script: &str) -> bool {
    // `node:vm:123` and `[eval]` are code that the user compiles; `evalmachine.<anonymous>` too.
    script.starts_with("node:") || script.starts_with("internal/") || script.starts_with("node-internal:")
}

struct Package<'a> {
    name: &'a str,
    version: Option<&'a str>,
    folder: &'a str,
}

/// Finds the innermost package in a path. pnpm keeps packages under `.pnpm/NAME@VERSION/node_modules/NAME`, which tells the version.
fn package_of(path: &str) -> Option<Package<'_>> {
    const FOLDER: &str = "node_modules/";
    let at = path.rfind(FOLDER).map(|at| at + FOLDER.len())?;
    let rest = path.get(at..)?;
    let mut parts = rest.split('/');
    let first = parts.next().filter(|first| !first.is_empty())?;
    let length = if first.starts_with('@') { first.len() + 1 + parts.next()?.len() } else { first.len() };
    // Yarn's plug'n'play: `.yarn/cache/lodash-npm-4.17.21-hash.zip/node_modules/lodash/…` works as it stands.
    let name = rest.get(..length)?;
    Some(Package { name, version: pnpm_version(path.get(..at)?, name), folder: path.get(..at + length)? })
}

fn pnpm_version<'a>(before: &'a str, name: &str) -> Option<&'a str> {
    let entry = before.rsplit_once(".pnpm/")?.1.split('/').next()?;
    let version = entry.strip_prefix(&name.replace('/', "+"))?.strip_prefix('@')?;
    version.split(['_', '(']).next().filter(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl SourceFiles for One {
        fn read(&self, path: &str) -> Option<String> {
            (path == "/srv/node_modules/@a/b/package.json").then(|| r#"{"version":"1.2.3"}"#.to_owned())
        }
    }

    #[test]
    fn tells_whose_code_it_is() {
        for (script, expected) in [
            ("/srv/app/leaky.js", "app code"),
            ("file:///srv/app/leaky.mjs", "app code"),
            ("node:internal/timers", "Node core"),
            ("internal/bootstrap/node", "Node core"),
            ("/srv/node_modules/lodash/index.js", "lodash"),
            ("/srv/node_modules/a/node_modules/b/x.js", "b"),
            ("file:///srv/node_modules/@a/b/lib/x.mjs", "@a/b@1.2.3"),
            ("/srv/node_modules/.pnpm/@a+c@2.0.1_react@18.0.0/node_modules/@a/c/x.js", "@a/c@2.0.1"),
            ("/srv/node_modules/.pnpm/undici@6.0.0/node_modules/undici/x.js", "undici@6.0.0"),
            ("evalmachine.<anonymous>", "app code"),
            ("/srv/node_modules/", "app code"),
            ("/srv/node_modules/@x", "app code"),
            ("", "unknown code"),
        ] {
            assert_eq!(Owner::of_script(script).with_version(script, &One).to_string(), expected, "{script}");
        }
    }
}
