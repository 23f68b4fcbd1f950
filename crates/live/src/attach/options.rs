//! How a process was started, as far as its inspector hangs on it: the options of Node.js on its command line and in NODE_OPTIONS.
//!
//! Options of the program itself are none of these: what follows the script is not looked at.

use std::fs;
use std::net::IpAddr;

use crate::capture::proc;

/// Where the inspector listens unless an option says otherwise.
pub(crate) const USUAL_PORT: u16 = 9229;

/// What the options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the inspector listens, or would; `None` for the usual place.
    pub port: Option<u16>,
    /// The host that was named for it, where it is not this machine alone: whoever reaches it could run code there.
    pub exposed: Option<String>,
    /// `--disable-sigusr1`: the signal opens nothing.
    pub is_deaf: bool,
    /// `--permission` without `--allow-inspector`: the inspector is not to be had.
    pub is_forbidden: bool,
    /// `--inspect-publish-uid` without `http`: the inspector does not say by what name it is reached.
    pub is_unlisted: bool,
}

impl Options {
    /// Reads how a process was started. What cannot be read counts as not given.
    pub(crate) fn of(pid: i32, arguments: &[String]) -> Self {
        let environment = fs::read(proc::path(pid, "environ")).unwrap_or_default();
        let inherited = environment.split(|&byte| byte == 0).find_map(|pair| pair.strip_prefix(b"NODE_OPTIONS="));
        let inherited = String::from_utf8_lossy(inherited.unwrap_or_default()).into_owned();
        Self::read(&inherited, arguments)
    }

    fn read(inherited: &str, arguments: &[String]) -> Self {
        let words: Vec<&str> = inherited.split_ascii_whitespace().chain(before_script(arguments)).collect();
        let mut options = Self::default();
        let (mut has_permission, mut allows_inspector) = (false, false);
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            match name.replace('_', "-").as_str() {
                "--inspect-port" | "--debug-port" => options.place(value.or_else(|| words.next())),
                "--inspect" | "--inspect-brk" | "--inspect-wait" | "--inspect-brk-node" => options.place(value),
                "--inspect-publish-uid" => options.is_unlisted = value.is_some_and(|ways| ways.split(',').all(|way| way != "http")),
                "--disable-sigusr1" => options.is_deaf = true,
                "--permission" | "--experimental-permission" => has_permission = true,
                "--allow-inspector" => allows_inspector = true,
                _ => {}
            }
        }
        options.is_forbidden = has_permission && !allows_inspector;
        options
    }

    /// Takes `9230`, `HOST`, `HOST:9230` or `[::1]:9230`.
    fn place(&mut self, text: Option<&str>) {
        let Some(text) = text else { return };
        let (host, port) = match text.parse::<u16>() {
            Ok(port) => (None, Some(port)),
            Err(_) => match text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']')) {
                Some((host, port)) => (Some(host), port.parse().ok()),
                None => (Some(text), None),
            },
        };
        self.port = port.or(self.port);
        let Some(host) = host.map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty()) else { return };
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.exposed = (!is_local).then(|| host.to_owned());
    }
}

/// Options of Node.js whose value is the next word.
const WITH_VALUE: [&str; 13] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--inspect-port",
    "--debug-port",
    "--title",
    "--icu-data-dir",
    "--openssl-config",
    "--env-file",
];

/// Returns the words between the program and its script.
fn before_script(arguments: &[String]) -> impl Iterator<Item = &str> {
    let mut is_value = false;
    arguments.iter().skip(1).map(String::as_str).take_while(move |word| {
        let is_option = word.starts_with('-') && *word != "--" || is_value;
        is_value = !is_value && WITH_VALUE.contains(word);
        is_option
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inherited: &str, line: &str) -> Options {
        Options::read(inherited, &line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn only_options_of_node_count() {
        let plain = Options::default();
        let port = |port| Options { port: Some(port), ..Options::default() };
        let exposed = |host: &str, port| Options { exposed: Some(host.to_owned()), port, ..Options::default() };
        let cases = [
            ("", "node app.js", plain.clone()),
            ("", "node app.js --permission --disable-sigusr1 --inspect=1", plain.clone()),
            ("", "node -r ./hook.js --inspect-port=9230 app.js", port(9230)),
            ("", "node --inspect-port 9230 app.js", port(9230)),
            ("", "node --inspect app.js", plain.clone()),
            ("", "node --inspect=0 app.js", port(0)),
            ("", "node --inspect=127.0.0.1:9231 app.js", port(9231)),
            ("", "node --inspect=[::1]:9231 app.js", port(9231)),
            ("", "node --inspect=localhost app.js", plain.clone()),
            ("", "node --inspect-port=0.0.0.0 app.js", exposed("0.0.0.0", None)),
            ("", "node --inspect-port=10.0.0.1:1 app.js", exposed("10.0.0.1", Some(1))),
            ("--inspect-port=9240 --max-old-space-size=99", "node app.js", port(9240)),
            ("--inspect_port=9240", "node --inspect-port=9241 app.js", port(9241)),
            ("", "node --disable-sigusr1 app.js", Options { is_deaf: true, ..Options::default() }),
            ("", "node --permission app.js", Options { is_forbidden: true, ..Options::default() }),
            ("", "node --permission --allow-inspector app.js", plain.clone()),
            ("", "node --inspect-publish-uid=stderr app.js", Options { is_unlisted: true, ..Options::default() }),
            ("", "node --inspect-publish-uid=stderr,http app.js", plain.clone()),
            ("", "node -- --permission", plain),
        ];
        for (inherited, line, expect) in cases {
            assert_eq!(read(inherited, line), expect, "{inherited} {line}");
        }
    }
}
