//! A process that is asked, and what it says.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use im_base::telemetry::trace::Conversation;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::client::http::{Target, get_up_to};

/// How long a process may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of an answer: every step that a process can remember.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// One whose admin port is known.
#[derive(Clone, Debug)]
pub(super) struct Process {
    name: String,
    admin: String,
}

/// Its answer, or why there is none.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) process: String,
    pub(super) answer: Result<Vec<Step>, String>,
}

/// One step, as a process tells it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Step {
    pub(super) at_us: u64,
    conversation: String,
    id: u32,
    pub(super) step: String,
    /// What belongs to the step.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

/// As much of an entry of `run.json` as is needed here.
#[derive(Deserialize)]
struct RunEntry {
    role: String,
    index: usize,
    ports: BTreeMap<String, u16>,
}

/// The processes that `ferrotalk up` runs in this folder.
pub(super) fn in_folder(dir: &Path) -> anyhow::Result<Vec<Process>> {
    let path = dir.join("run.json");
    let text = std::fs::read(&path).with_context(|| {
        let path = path.display();
        format!("reading {path}; name the folder of `ferrotalk up` with --dir, or admin ports with --admin")
    })?;
    let entries: Vec<RunEntry> =
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))?;
    let processes = entries.iter().filter_map(|entry| {
        Some(Process {
            name: format!("{} {}", entry.role, entry.index),
            admin: format!("127.0.0.1:{}", entry.ports.get("admin")?),
        })
    });
    Ok(processes.collect())
}

impl Process {
    /// One that is known by its admin port only.
    pub(super) fn at(admin: &str) -> Self {
        Self {
            name: admin.to_owned(),
            admin: admin.to_owned(),
        }
    }

    pub(super) async fn ask(&self, query: &str) -> Seen {
        let answer = self.fetch(query).await;
        Seen {
            process: self.name.clone(),
            answer: answer.map_err(|error| format!("{error:#}")),
        }
    }

    async fn fetch(&self, query: &str) -> anyhow::Result<Vec<Step>> {
        let target: Target = self.admin.parse()?;
        let target = target.with_path(&format!("/trace?{query}"));
        let answer = get_up_to(&target, DEADLINE, MAX_ANSWER).await?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body);
            anyhow::bail!("status {}: {}", answer.status, text.trim());
        }
        serde_json::from_slice(&answer.body).context("the answer is not readable")
    }
}

impl Seen {
    /// The steps it knows.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.answer.iter().flatten()
    }
}

impl Step {
    /// Of which message it is, if that has a number by then.
    pub(super) fn message(&self) -> Option<(Conversation, u32)> {
        let conversation = self.conversation.parse().ok()?;
        (self.id != 0).then_some((conversation, self.id))
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        let number = |name: &str| self.more.get(name).and_then(Value::as_u64);
        let value = |name: &str| number(name).unwrap_or_default();
        let device = || match value("device") {
            0x01 => "Windows".to_owned(),
            0x02 => "macOS".to_owned(),
            0x11 => "iOS".to_owned(),
            0x12 => "Android".to_owned(),
            other => format!("device type {other:#04x}"),
        };
        let (user, session, request) = (value("user"), value("session"), value("request"));
        match self.step.as_str() {
            "received" => {
                let seq_num = value("seq_num");
                format!(
                    "sent by user {user} in session {session} as its number {seq_num} (sending {request})"
                )
            }
            "stored" => format!("stored, and the sender is told so (sending {request})"),
            "refused" => {
                let reason = self.more.get("reason").and_then(Value::as_str);
                let reason = reason.unwrap_or("no reason given");
                format!("refused: {reason} (sending {request})")
            }
            "committed" => match self.more.get("duplicate").and_then(Value::as_bool) {
                Some(true) => "found to be stored already, under the same key".to_owned(),
                _ => format!("committed; messages of the transaction: {}", value("batch")),
            },
            "relayed" => match number("link") {
                Some(link) => format!("given to the link to route_server {link}"),
                None => "waits for a link to a route_server".to_owned(),
            },
            "passed_on" => {
                let (from, to) = (value("from"), value("to"));
                format!("passed on, from connection {from} to connection {to}")
            }
            "nobody_else" => format!("from connection {}; nobody else needs it", value("from")),
            "arrived" => format!("came over the link to route_server {}", value("link")),
            "repeated" => "handed out here before, dropped".to_owned(),
            "pushed" => format!("pushed to user {user} in session {session} ({})", device()),
            "handed_out" => format!("handed out; devices here: {}", value("devices")),
            "acknowledged" => {
                format!(
                    "user {user} in session {session} ({}) says that he has it",
                    device()
                )
            }
            other => format!("{other} {}", Value::Object(self.more.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use im_base::telemetry::trace;

    use super::*;

    /// As a process writes it and this program reads it.
    fn read(step: trace::Step) -> Step {
        let record = trace::Record::now(Conversation::Single(1, 2), 5, step);
        serde_json::from_value(serde_json::to_value(record).unwrap()).unwrap()
    }

    #[test]
    fn every_step_is_told_in_words() {
        let device = 0x11;
        let (user, session, request) = (1, 9, 3);
        let steps = [
            trace::Step::Received {
                request,
                user,
                session,
                seq_num: 4,
                key: 0,
            },
            trace::Step::Stored { request },
            trace::Step::Refused {
                request,
                reason: "too_fast",
            },
            trace::Step::Committed {
                batch: 3,
                duplicate: false,
            },
            trace::Step::Committed {
                batch: 1,
                duplicate: true,
            },
            trace::Step::Relayed { link: Some(0) },
            trace::Step::Relayed { link: None },
            trace::Step::PassedOn { from: 1, to: 2 },
            trace::Step::NobodyElse { from: 1 },
            trace::Step::Arrived { link: 0 },
            trace::Step::Repeated,
            trace::Step::Pushed {
                user,
                session,
                device,
            },
            trace::Step::HandedOut { devices: 2 },
            trace::Step::Acknowledged {
                user,
                session,
                device,
            },
        ];
        let texts: Vec<String> = steps.into_iter().map(|step| read(step).text()).collect();
        assert_eq!(
            texts,
            [
                "sent by user 1 in session 9 as its number 4 (sending 3)",
                "stored, and the sender is told so (sending 3)",
                "refused: too_fast (sending 3)",
                "committed; messages of the transaction: 3",
                "found to be stored already, under the same key",
                "given to the link to route_server 0",
                "waits for a link to a route_server",
                "passed on, from connection 1 to connection 2",
                "from connection 1; nobody else needs it",
                "came over the link to route_server 0",
                "handed out here before, dropped",
                "pushed to user 1 in session 9 (iOS)",
                "handed out; devices here: 2",
                "user 1 in session 9 (iOS) says that he has it",
            ]
        );
        assert_eq!(
            read(trace::Step::Repeated).message(),
            Some((Conversation::Single(1, 2), 5))
        );
    }

    #[test]
    fn a_step_that_a_later_release_knows_is_shown_as_it_is() {
        let step: Step = serde_json::from_str(
            r#"{"at_us": 1, "conversation": "group:7", "id": 0, "step": "archived", "shelf": 4}"#,
        )
        .unwrap();
        assert_eq!(step.text(), r#"archived {"shelf":4}"#);
        assert_eq!(step.message(), None);
    }
}
