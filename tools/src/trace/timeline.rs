//! Everything that is known of one message, in the order of time.

use std::fmt::Write;

use im_base::telemetry::trace::Conversation;
use serde_json::{Value, json};

use super::process::{Seen, Step};
use super::stored::Stored;
use crate::terminal::Paint;

/// What became of one message.
pub(super) struct Timeline {
    message: Option<(Conversation, u32)>,
    /// With the process that tells it; oldest first.
    steps: Vec<(String, Step)>,
    /// Processes without an answer, and why.
    silent: Vec<(String, String)>,
    stored: Stored,
}

impl Timeline {
    pub(super) fn new(
        message: Option<(Conversation, u32)>,
        seen: Vec<Seen>,
        stored: Stored,
    ) -> Self {
        let mut timeline = Self {
            message,
            steps: Vec::new(),
            silent: Vec::new(),
            stored,
        };
        for Seen { process, answer } in seen {
            match answer {
                Ok(steps) => {
                    let steps = steps.into_iter().map(|step| (process.clone(), step));
                    timeline.steps.extend(steps);
                }
                Err(why) => timeline.silent.push((process, why)),
            }
        }
        timeline.steps.sort_by_key(|(_, step)| step.at_us);
        timeline
    }

    /// Whether anybody knows anything.
    pub(super) fn is_known(&self) -> bool {
        !self.steps.is_empty() || self.stored.is_found()
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let mut text = String::new();
        let stored = self.stored.text();
        let stored = match self.stored {
            Stored::Found { .. } => paint.good(&stored),
            _ => paint.warn(&stored),
        };
        let name = self.message.map_or_else(
            || "the message with this key".to_owned(),
            |(conversation, id)| format!("{conversation} message {id}"),
        );
        let mut line = |what: std::fmt::Arguments<'_>| {
            writeln!(text, "{what}").expect("a string takes everything");
        };
        line(format_args!("{name}: {stored}"));
        let began = self.steps.first().map_or(0, |(_, step)| step.at_us);
        let width = self.steps.iter().map(|(process, _)| process.len()).max();
        for (process, step) in &self.steps {
            let after = (step.at_us - began) as f64 / 1000.0;
            let width = width.unwrap_or_default();
            line(format_args!(
                "{after:>12.3} ms  {process:<width$}  {}",
                step.text()
            ));
        }
        if self.steps.is_empty() {
            line(format_args!(
                "no process that answered remembers a step of it"
            ));
        }
        for (process, why) in &self.silent {
            let silent = paint.warn(&format!("{process} could not be asked: {why}"));
            line(format_args!("{silent}"));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let step = |(process, step): &(String, Step)| {
            let mut object = step.more.clone();
            object.insert("process".to_owned(), json!(process));
            object.insert("at_us".to_owned(), json!(step.at_us));
            object.insert("step".to_owned(), json!(step.step));
            Value::Object(object)
        };
        let silent = |(process, why): &(String, String)| json!({"process": process, "error": why});
        json!({
            "conversation": self.message.map(|(conversation, _)| conversation.to_string()),
            "id": self.message.map(|(_, id)| id),
            "stored": self.stored.json(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "unreachable": self.silent.iter().map(silent).collect::<Vec<_>>(),
        })
    }
}
