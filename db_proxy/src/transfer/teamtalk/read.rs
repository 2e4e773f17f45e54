//! The steps: departments, users, groups, then one conversation after the other.

use async_trait::async_trait;

use super::messages::{Feed, Order};
use super::step::Building;
use super::survey::Part;
use super::talk::{RawMessage, Talk};
use super::window::{Window, talk_at};
use super::{TeamTalk, TeamTalkError};
use crate::store::{Table, UnixMillis};
use crate::transfer::{Account, Origin, Position, Reason, Report, Source, SourceError, Step};

/// Where all users are written, also those who are none any more.
pub(super) const BEHIND_USERS: i64 = i64::MAX;

/// Where the reader is.
#[derive(Default)]
pub(super) struct At {
    pub(super) stage: Stage,
    /// Messages of the first conversation that are written already.
    skip: u32,
    window: Window,
    current: Option<Current>,
}

#[derive(Clone, Copy, Default)]
pub(super) enum Stage {
    #[default]
    Departments,
    Users(i64),
    /// Those who are no users any more.
    Gone,
    Groups(i64),
    /// The place of a conversation's first part.
    Talks(usize),
}

/// A conversation that is being read.
struct Current {
    talk: Talk,
    feed: Feed,
    /// Messages that were counted and not yet read; below 0, more were.
    unread: i64,
    /// The target has heard of it.
    begun: bool,
}

#[async_trait]
impl Source for TeamTalk {
    fn identity(&self) -> String {
        format!(
            "TeamTalk database {:?} ({} users, {} messages, state {:016x})",
            self.schema.database,
            self.survey.rows(Origin::Users),
            self.survey.rows(Origin::Messages) + self.survey.rows(Origin::GroupMessages),
            self.survey.state
        )
    }

    fn rows(&self) -> u64 {
        Origin::ALL
            .iter()
            .filter(|origin| **origin != Origin::Sessions)
            .map(|origin| self.survey.rows(*origin))
            .sum()
    }

    fn epoch(&self) -> Option<u64> {
        None
    }

    fn last_ids(&self) -> Vec<(Table, i64)> {
        self.survey.last_ids.clone()
    }

    async fn seek(&mut self, position: &Position, sounds: Option<u64>) -> Result<(), SourceError> {
        self.sounds = sounds.is_some();
        self.missed = (sounds == Some(0)).then_some(0);
        self.at = At::default();
        self.at.stage = match position {
            Position::Start | Position::Stored { .. } => Stage::Departments,
            Position::Judged {
                table: Table::Departments,
                ..
            } => Stage::Users(-1),
            Position::Judged {
                table: Table::Users,
                after: BEHIND_USERS,
            } => Stage::Groups(i64::MIN),
            Position::Judged {
                table: Table::Users,
                after,
            } => Stage::Users(*after),
            Position::Judged { after, .. } => Stage::Groups(*after),
            Position::Talk { low, high, written } => {
                let talk = (*low, *high);
                self.at.skip = written.unwrap_or(0);
                let parts = &self.survey.parts;
                Stage::Talks(match written {
                    None => parts.partition_point(|part| (part.low, part.high) <= talk),
                    Some(_) => parts.partition_point(|part| (part.low, part.high) < talk),
                })
            }
        };
        Ok(())
    }

    async fn step(&mut self) -> Result<Option<Step>, SourceError> {
        loop {
            let step = match self.at.stage {
                Stage::Departments => Some(self.departments().await?),
                Stage::Users(after) => self.users(after).await?,
                Stage::Gone => Some(self.gone()),
                Stage::Groups(after) => self.groups(after).await?,
                Stage::Talks(_) => return Ok(self.talks().await?),
            };
            if step.is_some() {
                return Ok(step);
            }
        }
    }

    fn rest(&self, steps: &Report) -> Report {
        self.survey.rest(steps)
    }

    fn as_of(&self) -> UnixMillis {
        self.survey.known.now
    }

    fn accounts(&self, report: &Report) -> Vec<Account> {
        self.survey.accounts(report)
    }
}

impl TeamTalk {
    async fn talks(&mut self) -> Result<Option<Step>, TeamTalkError> {
        let mut building = Building::default();
        while building.has_room() {
            let mut current = match self.at.current.take() {
                Some(current) => current,
                None => match self.begin(&mut building.report).await? {
                    Some(current) => current,
                    None => break,
                },
            };
            let next = current
                .feed
                .next(&mut self.connection, &self.schema)
                .await?;
            match next {
                Some(raw) => {
                    current.unread -= 1;
                    self.message(&raw, &mut current.talk, &mut building).await?;
                    self.at.current = Some(current);
                }
                None => {
                    self.end(current, &mut building);
                }
            }
        }
        if let Some(current) = &mut self.at.current {
            building.cut(&current.talk, &mut current.begun);
        }
        Ok(building.finish())
    }

    /// The next conversation; `None` behind the last.
    async fn begin(&mut self, report: &mut Report) -> Result<Option<Current>, TeamTalkError> {
        let Stage::Talks(start) = self.at.stage else {
            return Ok(None);
        };
        let known = &self.survey.known;
        if start >= self.at.window.end && start < self.survey.parts.len() {
            self.at.window = Window::load(
                &mut self.connection,
                &self.schema,
                known,
                &self.survey.parts,
                start,
            )
            .await?;
        }
        let parts = talk_at(&self.survey.parts, start).to_vec();
        let Some(Part { low, high, .. }) = parts.first().copied() else {
            return Ok(None);
        };
        self.at.stage = Stage::Talks(start + parts.len());
        let talk = if low == 0 {
            let members = self.at.window.members.remove(&high).unwrap_or_default();
            // what was found of members was reported when the conversation was begun
            let mut again = Report::default();
            let report = if self.at.skip > 0 { &mut again } else { report };
            let members = known.members(high, &members, report);
            let created = known.groups.get(&high).copied().unwrap_or_default();
            Talk::in_group(high, members, created)
        } else {
            Talk::between(low, high)
        };
        let loaded = self.at.window.messages.remove(&(low, high));
        let feed = Feed::new(
            &mut self.connection,
            &self.schema,
            &parts,
            loaded,
            known.now,
        )
        .await?;
        Ok(Some(Current {
            talk,
            feed,
            unread: parts.iter().map(|part| i64::from(part.rows)).sum(),
            begun: self.at.skip > 0,
        }))
    }

    async fn message(
        &mut self,
        raw: &RawMessage,
        talk: &mut Talk,
        building: &mut Building,
    ) -> Result<(), TeamTalkError> {
        let written_before = talk.written() < self.at.skip;
        let place = talk.place(raw, &self.survey.known);
        if written_before {
            return Ok(());
        }
        let group = talk.is_group();
        let example = || {
            let (low, high) = (talk.low, talk.high);
            match low {
                0 => format!("group {high}: row {}", raw.row),
                _ => format!("users {low} and {high}: row {}", raw.row),
            }
        };
        let placed = match place {
            Ok(placed) => placed,
            Err(reason) => {
                building.report.find(reason, example);
                return Ok(());
            }
        };
        let either = |single, in_group| if group { in_group } else { single };
        let origin = if group {
            Origin::GroupMessages
        } else {
            Origin::Messages
        };
        building.report.carry(origin, 1);
        if placed.late {
            let reason = either(Reason::MessageTime, Reason::GroupMessageTime);
            building.report.find(reason, example);
        }
        let body = match self.body(raw, &placed).await? {
            (body, None) => body,
            (body, Some(why)) => {
                let reason = either(Reason::MessageSound, Reason::GroupMessageSound);
                building
                    .report
                    .find(reason, || format!("{}: {why}", example()));
                body
            }
        };
        building.bytes += body.len();
        building.messages.push(placed.row(talk, body));
        Ok(())
    }

    fn end(&mut self, current: Current, building: &mut Building) {
        let Current {
            talk, feed, unread, ..
        } = current;
        self.at.skip = 0;
        let (low, high, group) = (talk.low, talk.high, talk.is_group());
        if unread != 0 {
            let reason = if group {
                Reason::GroupRows
            } else {
                Reason::RelationRows
            };
            building.report.find(reason, || match low {
                0 => format!("group {high}: {unread}"),
                _ => format!("users {low} and {high}: {unread}"),
            });
        }
        if talk.is_renumbered() {
            let reason = match (group, feed.order()) {
                (false, Order::Ids) => Some(Reason::RelationGaps),
                (true, Order::Ids) => Some(Reason::GroupGaps),
                (false, Order::TimeOfMuddled) => Some(Reason::RelationIds),
                (true, Order::TimeOfMuddled) => Some(Reason::GroupIds),
                (false, Order::TimeOfRestarted) => Some(Reason::RelationRestart),
                (true, Order::TimeOfRestarted) => Some(Reason::GroupRestart),
                // said before
                (_, Order::TimeOfParts) => None,
            };
            if let Some(reason) = reason {
                building.report.find(reason, || match low {
                    0 => format!("group {high}"),
                    _ => format!("users {low} and {high}"),
                });
            }
        }
        // all that was written in it was left
        if talk.written() == 0 && !group {
            building.talk_ended(low, high);
            return;
        }
        let window = &self.at.window;
        let report = &mut building.report;
        let ended = talk.end(|user| {
            let peer = if user == low { high } else { low };
            let peer = if group { high } else { peer };
            let found = window.session(user, peer, group)?;
            report.carry(Origin::Sessions, 1);
            report.find_many(Reason::SessionDouble, found.entries - 1, || {
                format!("user {user} with {peer}")
            });
            Some(found.session)
        });
        building.conversations.push(ended.conversation);
        building.members.extend(ended.members);
        building.participants.extend(ended.participants);
        building.talk_ended(low, high);
    }
}
