//! What the server says of its own accord.

use std::time::Duration;

use proto::Body;
use proto::capability;
use proto::im::base_define::GroupModifyType;
use proto::im::buddy::ImAvatarChangedNotify;
use proto::im::ext::buddy::ImUserChanged;
use proto::im::ext::login::ImReconnect;
use proto::im::ext::message::ImSyncHint;
use proto::im::group::ImGroupChangeMemberNotify;
use tokio::time::Instant;

use super::super::news::{EndReason, News};
use super::super::store::{Arrival, StoreError};
use super::Engine;
use crate::client::message::{Conversation, Message};
use crate::client::{Event, Revised};

/// How long a message that others overtook may take.
pub(super) const PATIENCE: Duration = Duration::from_millis(600);

impl Engine {
    /// `present`: from the connection that is in use, not from the one that was left.
    pub(super) async fn heard(
        &mut self,
        events: Vec<Event>,
        present: bool,
    ) -> Result<(), EndReason> {
        let mut messages = Vec::new();
        for event in events {
            if let Event::Message(message) = event {
                messages.push(message);
                continue;
            }
            // what was written before something else comes first
            self.arrived(std::mem::take(&mut messages)).await?;
            self.happened(event, present).await?;
        }
        self.arrived(messages).await?;
        Ok(())
    }

    async fn arrived(&mut self, messages: Vec<Message>) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let arrivals = self.store.arrive(&messages, self.can_sync()).await?;
        let soon = Instant::now() + PATIENCE;
        for (message, arrival) in messages.iter().zip(arrivals) {
            self.placed(message.conversation, arrival, soon);
        }
        Ok(())
    }

    pub(super) fn placed(&mut self, conversation: Conversation, arrival: Arrival, soon: Instant) {
        match arrival {
            Arrival::Here { gap } => self.touched(conversation, gap.then_some(soon)),
            Arrival::Unplaced => self.sync_by(Instant::now()),
        }
    }

    async fn happened(&mut self, event: Event, present: bool) -> Result<(), EndReason> {
        match event {
            Event::Closed(reason) if present => self.lost(&reason)?,
            Event::Closed(_) => self.old = None,
            Event::Revised(revised) => self.revised(revised).await?,
            Event::ReadNotify(notice) => {
                let conversation = Conversation::from_wire(notice.session_id, notice.session_type);
                let moved = self
                    .store
                    .read_to(conversation, notice.msg_id, false)
                    .await?;
                if let Some(id) = moved {
                    self.say(News::Read { conversation, id });
                }
            }
            Event::Presence { user_id, online } => self.say(News::Presence { user_id, online }),
            Event::SessionRemoved(notice) => {
                let conversation = Conversation::from_wire(notice.session_id, notice.session_type);
                self.store.hide(conversation).await?;
                self.say(News::Event(Event::SessionRemoved(notice)));
            }
            Event::Signature(notice) => {
                self.to_learn.0.insert(notice.changed_user_id);
            }
            Event::GroupChanged(notice) => self.members_changed(notice).await?,
            Event::ContactChanged(contact) => {
                if self.store.keep_contact(&contact).await? {
                    self.say(News::Contact(contact));
                }
            }
            Event::MoreUsers(page) => {
                self.store.keep_users(&page.user_list).await?;
                self.say(News::Users(page.user_list));
            }
            Event::GroupIs(changed) => {
                self.to_learn.1.insert(changed.group.group_id);
                self.say(News::GroupIs(changed));
            }
            Event::GroupRequest(request) => self.say(News::GroupRequest(request)),
            Event::Lagged { .. } => self.something_missed(Instant::now()),
            Event::Other(pdu) if pdu.command() == ImSyncHint::ID => {
                if let Ok(hint) = pdu.decode::<ImSyncHint>() {
                    let wait = fastrand::u64(0..=hint.within_ms.into());
                    self.something_missed(Instant::now() + Duration::from_millis(wait));
                }
            }
            Event::Other(pdu) if pdu.command() == ImReconnect::ID => {
                if let (true, Ok(order)) = (present, pdu.decode()) {
                    self.move_on(order);
                }
            }
            Event::Other(pdu) if pdu.command() == ImUserChanged::ID => {
                if let Ok(changed) = pdu.decode::<ImUserChanged>() {
                    let users = vec![changed.user];
                    self.store.keep_users(&users).await?;
                    self.say(News::Users(users));
                }
            }
            Event::Other(pdu) if pdu.command() == ImAvatarChangedNotify::ID => {
                if let Ok(changed) = pdu.decode::<ImAvatarChangedNotify>() {
                    self.to_learn.0.insert(changed.changed_user_id);
                }
            }
            // the close behind it has the reason
            Event::Kicked { .. } => {}
            event => self.say(News::Event(event)),
        }
        Ok(())
    }

    /// Whatever it was: asking tells.
    fn something_missed(&mut self, at: Instant) {
        self.sync_by(at);
        if self.granted(capability::GROUPS) {
            self.requests_at.get_or_insert(at);
        }
    }

    async fn revised(&mut self, revised: Revised) -> Result<(), StoreError> {
        let message = revised.message;
        match self.store.revise(&message, self.can_sync()).await? {
            Some((entry, true)) => self.say(News::Revised(entry)),
            Some((_, false)) => {}
            None => {
                let soon = Instant::now() + PATIENCE;
                self.touched(message.conversation, Some(soon));
            }
        }
        Ok(())
    }

    async fn members_changed(
        &mut self,
        notice: ImGroupChangeMemberNotify,
    ) -> Result<(), StoreError> {
        let group = notice.group_id;
        let removed = notice.change_type == GroupModifyType::Del as i32;
        if removed && notice.chg_user_id_list.contains(&self.me) {
            self.store.leave(group).await?;
            self.untold.remove(&Conversation::Group(group));
            self.gaps.remove(&Conversation::Group(group));
            self.say(News::Members(notice));
            self.say(News::Left(group));
            return Ok(());
        }
        let members = &notice.cur_user_id_list;
        match self.store.keep_members(group, members).await? {
            Some(info) => self.say(News::Group(info)),
            None => {
                self.to_learn.1.insert(group);
            }
        }
        self.say(News::Members(notice));
        Ok(())
    }
}
