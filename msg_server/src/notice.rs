//! Notices of extensions: to those devices that have the extension in use, here and on other msg_servers.
//!
//! A notice says how something is, not how it differs: it may come twice, when a link was lost.

use proto::ids::{GroupId, UserId};
use proto::im::ext::buddy::{ContactState, ImContactChanged};
use proto::im::ext::group::ImGroupChanged;
use proto::im::ext::other::ImNotice;
use proto::{Body, CommandId, Pdu, Role, commands};

use crate::handlers::msg::ConversationKey;
use crate::server::MsgServer;

/// Whom a notice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Users(Vec<UserId>),
    /// The two of a conversation: behind its messages.
    Pair(UserId, UserId),
    /// The members of a group.
    Members(GroupId),
    Everybody,
}

impl Told {
    /// As another server says; `None` if that makes no sense.
    fn of(notice: &ImNotice) -> Option<Self> {
        match notice.group_id {
            Some(group) => GroupId::new(group).map(Self::Members),
            None if notice.user_id.is_empty() => Some(Self::Everybody),
            None => {
                let users = notice.user_id.iter().copied();
                Some(Self::Users(users.filter_map(UserId::new).collect()))
            }
        }
    }
}

impl MsgServer {
    /// Hands a notice to those devices that have the extension in use: here, but for one session, and on other
    /// msg_servers. Notices for the same first user, or the same conversation, keep their order.
    pub(crate) fn tell<M: Body>(
        &self,
        told: &Told,
        capability: u64,
        notice: &M,
        except: Option<u64>,
    ) {
        let pdu = Pdu::new(notice, 0);
        self.tell_here(told, capability, &pdu.to_frame(), except);
        let mut relayed = ImNotice {
            capability,
            command: M::ID.0.into(),
            body: pdu.body,
            ..Default::default()
        };
        match told {
            Told::Users(users) if users.is_empty() => {}
            Told::Users(users) => {
                relayed.user_id = users.iter().map(|user| user.get()).collect();
                self.routes.relay_message(users[0], &relayed);
            }
            Told::Pair(one, other) => {
                relayed.user_id = vec![one.get(), other.get()];
                let key = ConversationKey::between(*one, *other);
                self.routes.relay_message(key, &relayed);
            }
            Told::Members(group) => {
                relayed.group_id = Some(group.get());
                let key = ConversationKey::group(*group);
                self.routes.relay_message(key, &relayed);
            }
            Told::Everybody => self.routes.relay_message((), &relayed),
        }
    }

    /// A notice from another msg_server. Returns false for one that is for nobody, or that no client may get.
    pub(crate) fn told_elsewhere(&self, notice: ImNotice) -> bool {
        let command = u16::try_from(notice.command).ok().map(CommandId);
        let is_for_clients = |command: &CommandId| {
            let row = commands::find(*command);
            row.is_some_and(|row| row.allows(Role::MsgServer, Role::Client))
        };
        let (Some(told), Some(command)) = (Told::of(&notice), command.filter(is_for_clients))
        else {
            return false;
        };
        let pdu = Pdu::from_body(command, 0, notice.body);
        if command == ImContactChanged::ID
            && let (Told::Users(users), Ok(changed)) = (&told, pdu.decode())
        {
            self.acquaint_friend(users, &changed);
        }
        if command == ImGroupChanged::ID
            && let Ok(changed) = pdu.decode()
        {
            self.group_noted(&changed);
        }
        self.tell_here(&told, notice.capability, &pdu.to_frame(), None);
        true
    }

    /// In a large directory those who have become friends see each other come and go from then on.
    pub(crate) fn acquaint_friend(&self, users: &[UserId], changed: &ImContactChanged) {
        let contact = &changed.contact;
        let is_friend = contact.state == ContactState::ContactFriend as i32;
        if let (true, Some(friend)) = (is_friend, UserId::new(contact.user_id)) {
            users.iter().for_each(|user| self.acquaint(*user, friend));
        }
    }

    fn tell_here(&self, told: &Told, capability: u64, frame: &[u8], except: Option<u64>) {
        let users = &self.users;
        let tell = |user| users.send_to_able_of(user, capability, frame, except);
        match told {
            Told::Users(told) => told.iter().copied().for_each(tell),
            Told::Pair(one, other) => [*one, *other].into_iter().for_each(tell),
            Told::Members(group) => {
                let members = self.groups.members.local(*group);
                members.iter().map(|member| member.user).for_each(tell);
            }
            Told::Everybody => users.send_to_able(capability, frame, except),
        }
    }
}
