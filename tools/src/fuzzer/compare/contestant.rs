use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Who is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contestant {
    /// What it is called in reports, if not by what it is.
    name: Option<String>,
    /// What it is.
    pub kind: Kind,
}

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An installation that runs, found by its login_server.
    Login {
        /// The login_server's address.
        url: String,
        /// The folder of its `up`, to watch its processes.
        run: Option<PathBuf>,
    },
    /// msg_servers that run.
    Servers {
        /// `HOST:PORT` of each.
        addresses: Vec<String>,
        /// The folder of their `up`, to watch its processes.
        run: Option<PathBuf>,
    },
    /// A `ferrotalk` program, which is started for each run.
    Build {
        /// The program.
        program: PathBuf,
    },
    /// A bare relay of frames, which is started for each run.
    Relay {
        /// Processes that clients connect to; there are two more.
        edges: u16,
    },
}

/// Text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{what}; write login=URL, msg=HOST:PORT,HOST:PORT (each also with ,run=DIR), build=PATH or relay=EDGES, and name=NAME before any of them if you like"
)]
pub struct NoContestant {
    what: String,
}

const KEYS: [&str; 6] = ["name", "login", "msg", "run", "build", "relay"];

impl FromStr for Contestant {
    type Err = NoContestant;

    fn from_str(text: &str) -> Result<Self, NoContestant> {
        let mut parts: Vec<(&str, String)> = Vec::new();
        for part in text.split(',') {
            let (word, value) = part.split_once('=').unwrap_or((part, ""));
            let key = KEYS.iter().find(|key| **key == word);
            if let Some(key) = key {
                if parts.iter().any(|(other, _)| other == key) {
                    return Err(wrong(format!("{key} is there twice")));
                }
                parts.push((key, value.to_owned()));
            } else if let Some((_, before)) = parts.last_mut() {
                // what begins with no key goes on with the value before: a list, or a comma in a path
                before.push(',');
                before.push_str(part);
            } else {
                return Err(wrong(format!("{part:?} is no kind of target")));
            }
        }
        let mut take = |key: &str| {
            let place = parts.iter().position(|(other, _)| *other == key)?;
            Some(parts.swap_remove(place).1)
        };
        let name = take("name");
        let run = take("run").map(PathBuf::from);
        let kinds = [take("login"), take("msg"), take("build"), take("relay")];
        let watched = run.is_some();
        let kind = match kinds {
            [Some(url), None, None, None] => Kind::Login { url, run },
            [None, Some(list), None, None] => Kind::Servers {
                addresses: list.split(',').map(str::to_owned).collect(),
                run,
            },
            [None, None, Some(program), None] => Kind::Build {
                program: program.into(),
            },
            [None, None, None, Some(edges)] => Kind::Relay {
                edges: self::edges(&edges)?,
            },
            [None, None, None, None] => return Err(wrong(format!("{text:?} names no target"))),
            _ => return Err(wrong(format!("{text:?} names more than one target"))),
        };
        match &kind {
            Kind::Login { url, .. } if url.is_empty() => {
                return Err(wrong("login= has no URL".to_owned()));
            }
            Kind::Servers { addresses, .. } if addresses.iter().any(String::is_empty) => {
                return Err(wrong("msg= has an empty address".to_owned()));
            }
            Kind::Build { program } if program.as_os_str().is_empty() => {
                return Err(wrong("build= has no path".to_owned()));
            }
            Kind::Build { .. } | Kind::Relay { .. } if watched => {
                return Err(wrong(
                    "run= is for login= and msg=; what is started here is watched anyway"
                        .to_owned(),
                ));
            }
            _ => {}
        }
        Ok(Self { name, kind })
    }
}

/// `relay` alone has two, as `up` has msg_servers.
fn edges(text: &str) -> Result<u16, NoContestant> {
    if text.is_empty() {
        return Ok(2);
    }
    let edges = text.parse().ok().filter(|edges| (1..=64).contains(edges));
    edges.ok_or_else(|| wrong(format!("relay={text}: edges are a number from 1 to 64")))
}

fn wrong(what: String) -> NoContestant {
    NoContestant { what }
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            return f.write_str(name);
        }
        match &self.kind {
            Kind::Login { url, .. } => f.write_str(url),
            Kind::Servers { addresses, .. } => f.write_str(&addresses.join(", ")),
            Kind::Build { program } => write!(f, "{}", program.display()),
            Kind::Relay { edges } => write!(f, "relay with {edges} edges"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contestant_is_one_target() {
        let read = |text: &str| text.parse::<Contestant>();
        let login = read("login=http://127.0.0.1:8080,run=/tmp/a").unwrap();
        assert_eq!(
            login.kind,
            Kind::Login {
                url: "http://127.0.0.1:8080".into(),
                run: Some("/tmp/a".into())
            }
        );
        let servers = read("name=old,msg=127.0.0.1:8000,127.0.0.1:8001").unwrap();
        assert_eq!(servers.to_string(), "old");
        let addresses = vec!["127.0.0.1:8000".to_owned(), "127.0.0.1:8001".to_owned()];
        let run = None;
        assert_eq!(servers.kind, Kind::Servers { addresses, run });
        let program = PathBuf::from("/opt/a,b/ferrotalk");
        assert_eq!(
            read("build=/opt/a,b/ferrotalk").unwrap().kind,
            Kind::Build { program }
        );
        assert_eq!(read("relay").unwrap().kind, Kind::Relay { edges: 2 });
        assert_eq!(read("relay=3").unwrap().kind, Kind::Relay { edges: 3 });
        for wrong in [
            "",
            "x",
            "name=x",
            "login=",
            "msg=a,",
            "build=",
            "relay=0",
            "relay=x",
            "login=a,build=b",
            "login=a,login=b",
            "build=a,run=b",
            "run=b",
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("build=PATH"), "{wrong}: {error}");
        }
    }
}
