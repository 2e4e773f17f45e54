//! What a device sends: messages, again until they are acknowledged, and read marks.

use std::time::Duration;

use tokio::time::Instant;

use super::{ANSWER, Life, Sent, TO_GROUPS};
use crate::chaos::history::{Talk, What};
use crate::client::{RequestError, SendError};

impl Life {
    /// Somebody types.
    pub(super) fn write(&mut self) {
        let random = &mut self.device.random;
        let to_group = random.u32(0..100) < TO_GROUPS;
        let groups = |talk: &&Talk| matches!(talk, Talk::Group(_)) == to_group;
        let talks: Vec<&Talk> = self.device.talks.iter().filter(groups).collect();
        let talk = match random.choice(&talks) {
            Some(talk) => **talk,
            None => self.device.talks[0],
        };
        self.messages += 1;
        let key = u64::from(self.device.number) << 32 | u64::from(self.messages);
        self.outbox.write(key, talk);
    }

    /// Sends what is due.
    pub(super) async fn send(&mut self) {
        let Some(line) = &self.line else { return };
        while let Some((key, talk)) = self.outbox.next() {
            let number = line.number;
            self.device.history.note(What::Sent {
                device: self.device.number,
                connection: number,
                key,
                talk,
            });
            let to = talk.seen_by(self.device.user);
            // There is room for many more requests than are on their way, so this does not wait.
            let message = self.device.run.message(key, to);
            let started = line.session.start_send(&message).await;
            self.sending.push(Box::pin(async move {
                let stored = match started {
                    Ok(sending) => sending.stored().await,
                    Err(error) => Err(error),
                };
                (number, key, stored.map(proto::ids::MessageId::get))
            }));
        }
    }

    pub(super) fn sent(&mut self, (connection, key, result): Sent) {
        let device = self.device.number;
        if let Some(old) = self.old.as_mut().filter(|old| old.number == connection) {
            old.on_the_way = old.on_the_way.saturating_sub(1);
            if old.on_the_way == 0 {
                old.session = None;
            }
        }
        match result {
            Ok(id) => {
                self.device.history.note(What::Acked {
                    device,
                    connection,
                    key,
                    id,
                });
                if let Some(talk) = self.outbox.acked(key) {
                    self.knowledge.memory.put(talk, id);
                }
                self.heard(connection);
            }
            Err(error) => {
                let (reason, again) = self.failure(&error);
                self.device.history.note(What::Failed {
                    device,
                    connection,
                    key,
                    reason,
                });
                self.outbox.failed(key, again);
            }
        }
    }

    /// Why it failed, in few words, and when it is tried again.
    pub(super) fn failure(&mut self, error: &SendError) -> (String, Duration) {
        let a_while = Duration::from_millis(self.device.random.u64(200..600));
        match error {
            SendError::Refused => ("refused".into(), a_while),
            SendError::Request(RequestError::Nak {
                reason,
                retry_after,
                ..
            }) => {
                let again = retry_after.unwrap_or(Duration::from_secs(1));
                (format!("refused: {reason}"), again + a_while)
            }
            SendError::Request(RequestError::Closed(_)) => {
                ("the connection was lost".into(), Duration::ZERO)
            }
            SendError::Request(RequestError::Deadline { .. }) => {
                (format!("no answer within {} s", ANSWER.as_secs()), a_while)
            }
            SendError::Request(other) => (other.to_string(), a_while),
        }
    }

    pub(super) fn heard(&mut self, connection: u32) {
        if let Some(line) = self.line.as_mut().filter(|line| line.number == connection) {
            line.heard = Instant::now();
        }
    }

    /// Marks a conversation as read.
    pub(super) async fn mark(&mut self, talk: Talk) {
        let id = self.knowledge.memory.newest(talk);
        let Some(line) = self.line.as_ref().filter(|_| id > 0) else {
            return;
        };
        self.device.history.note(What::Marked {
            device: self.device.number,
            talk,
            id,
        });
        let conversation = talk.seen_by(self.device.user);
        // Nothing confirms it, and a connection that is lost shows otherwise.
        drop(line.session.mark_read(conversation, id).await);
    }
}
