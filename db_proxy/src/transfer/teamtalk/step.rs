//! What a step is made of.

use super::talk::Talk;
use crate::store::{Row, Table};
use crate::transfer::{Position, Report, Step};

/// Where a step of conversations ends.
const STEP_ROWS: usize = 2_000;
const STEP_BYTES: usize = 4 * 1024 * 1024;

/// A step that is being put together.
#[derive(Default)]
pub(super) struct Building {
    pub(super) begun: Vec<Row>,
    pub(super) conversations: Vec<Row>,
    pub(super) members: Vec<Row>,
    pub(super) participants: Vec<Row>,
    pub(super) messages: Vec<Row>,
    pub(super) bytes: usize,
    pub(super) report: Report,
    pub(super) next: Option<Position>,
}

impl Building {
    pub(super) fn has_room(&self) -> bool {
        let rows = self.conversations.len() + self.participants.len() + self.messages.len();
        rows < STEP_ROWS && self.bytes < STEP_BYTES
    }

    pub(super) fn talk_ended(&mut self, low: u32, high: u32) {
        self.next = Some(Position::Talk {
            low,
            high,
            written: None,
        });
    }

    /// Ends the step inside a conversation.
    pub(super) fn cut(&mut self, talk: &Talk, begun: &mut bool) {
        if talk.written() == 0 {
            return;
        }
        if !*begun {
            *begun = true;
            self.begun.push(talk.begun());
        }
        self.next = Some(Position::Talk {
            low: talk.low,
            high: talk.high,
            written: Some(talk.written()),
        });
    }

    pub(super) fn finish(self) -> Option<Step> {
        Some(Step {
            begun: vec![(Table::Conversations, self.begun)],
            rows: vec![
                (Table::Members, self.members),
                (Table::Conversations, self.conversations),
                (Table::Participants, self.participants),
                (Table::Messages, self.messages),
            ],
            next: self.next?,
            report: self.report,
        })
    }
}

/// A step of users, departments or groups, up to an id.
pub(super) fn judged(table: Table, rows: Vec<Row>, after: i64, report: Report) -> Step {
    Step {
        begun: Vec::new(),
        rows: vec![(table, rows)],
        next: Position::Judged { table, after },
        report,
    }
}
