//! Notices of extensions: to those devices that have the extension in use, here and on other msg_servers.
//!
//! A notice says how something is, not how it differs: it may come twice, when a link was lost.

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use proto::ids::{GroupId, UserId};
use proto::im::ext::buddy::{ContactState, ImContactChanged};
use proto::im::ext::group::ImGroupChanged;
use proto::im::ext::other::ImNotice;
use proto::{Body, CommandId, Pdu, Role, commands};

use crate::handlers::msg::ConversationKey;
use crate::server::MsgServer;
use crate::session::Session;

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

/// Which devices of theirs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Devices {
    /// Only those that have all these extensions in use,
    pub(crate) with: u64,
    /// and none of these.
    pub(crate) without: u64,
    /// None of this user.
    pub(crate) but: Option<UserId>,
    /// Not this session.
    pub(crate) except: Option<u64>,
}

impl Devices {
    fn has(&self, session: &Session) -> bool {
        session.capabilities & self.with == self.with
            && !session.can(self.without)
            && Some(session.id) != self.except
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
        let devices = Devices {
            with: capability,
            except,
            ..Default::default()
        };
        self.tell_devices(told, &devices, notice);
    }

    /// As [`tell`](Self::tell), to some of the devices.
    pub(crate) fn tell_devices<M: Body>(&self, told: &Told, devices: &Devices, notice: &M) {
        let pdu = Pdu::new(notice, 0);
        let frame = pdu.to_frame();
        let relayed = relayed(told, devices, pdu);
        self.tell_in_turn(told, devices, frame, |server| {
            if let Some((key, relayed)) = relayed {
                server.routes.relay_message(key, &relayed);
            }
        });
    }

    /// As [`tell_devices`](Self::tell_devices), of what is worth nothing a moment later: now or never.
    pub(crate) fn tell_now<M: Body>(&self, told: &Told, devices: &Devices, notice: &M) {
        let pdu = Pdu::new(notice, 0);
        self.tell_here(told, devices, &pdu.to_frame());
        if let Some((key, relayed)) = relayed(told, devices, pdu) {
            let relayed = ImNotice {
                fleeting: Some(true),
                ..relayed
            };
            let frame = Pdu::new(&relayed, 0).to_frame();
            self.routes.relay_once(key, &frame);
        }
    }

    /// Tells those who are here, and does what follows. To a group behind its messages: one of them may be what it is about.
    fn tell_in_turn(
        &self,
        told: &Told,
        devices: &Devices,
        frame: Bytes,
        then: impl FnOnce(&Self) + Send + 'static,
    ) {
        let Told::Members(group) = *told else {
            self.tell_here(told, devices, &frame);
            return then(self);
        };
        let devices = *devices;
        self.behind_messages(group, move |server| {
            server.tell_here(&Told::Members(group), &devices, &frame);
            then(server);
        });
    }

    /// A notice from another msg_server. Returns false for one that is for nobody, or that no client may get.
    pub(crate) fn told_elsewhere(&self, mut notice: ImNotice) -> bool {
        let command = u16::try_from(notice.command).ok().map(CommandId);
        let is_for_clients = |command: &CommandId| {
            let row = commands::find(*command);
            row.is_some_and(|row| row.allows(Role::MsgServer, Role::Client))
        };
        let (Some(told), Some(command)) = (Told::of(&notice), command.filter(is_for_clients))
        else {
            return false;
        };
        let pdu = Pdu::from_body(command, 0, std::mem::take(&mut notice.body));
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
        let devices = Devices {
            with: notice.capability,
            without: notice.without_capability(),
            but: notice.but_user_id.and_then(UserId::new),
            except: None,
        };
        match notice.fleeting() {
            true => self.tell_here(&told, &devices, &pdu.to_frame()),
            false => self.tell_in_turn(&told, &devices, pdu.to_frame(), |_| {}),
        }
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

    fn tell_here(&self, told: &Told, devices: &Devices, frame: &[u8]) {
        let users = &self.users;
        let tell = |user: UserId| {
            if Some(user) != devices.but {
                users.send_to(user, frame, |session| devices.has(session), |_| {});
            }
        };
        match told {
            Told::Users(told) => told.iter().copied().for_each(tell),
            Told::Pair(one, other) => [*one, *other].into_iter().for_each(tell),
            Told::Members(group) => {
                let members = self.groups.members.local(*group);
                members.iter().map(|member| member.user).for_each(tell);
            }
            Told::Everybody => users.each_session(|session| {
                if devices.has(session) && Some(session.user_id()) != devices.but {
                    session.push(frame);
                }
            }),
        }
    }
}

/// What is for the other msg_servers, if it is for anybody.
fn relayed(told: &Told, devices: &Devices, notice: Pdu) -> Option<(RelayKey, ImNotice)> {
    let mut relayed = ImNotice {
        capability: devices.with,
        without_capability: (devices.without != 0).then_some(devices.without),
        but_user_id: devices.but.map(UserId::get),
        command: notice.command().0.into(),
        body: notice.body,
        ..Default::default()
    };
    let key = match told {
        Told::Users(users) => {
            relayed.user_id = users.iter().map(|user| user.get()).collect();
            RelayKey::User(*users.first()?)
        }
        Told::Pair(one, other) => {
            relayed.user_id = vec![one.get(), other.get()];
            RelayKey::Conversation(ConversationKey::between(*one, *other))
        }
        Told::Members(group) => {
            relayed.group_id = Some(group.get());
            RelayKey::Conversation(ConversationKey::group(*group))
        }
        Told::Everybody => RelayKey::Any,
    };
    Some((key, relayed))
}

/// What chooses the route_server of a notice: the same as of a message to the same, so that it stays behind that.
enum RelayKey {
    User(UserId),
    Conversation(ConversationKey),
    Any,
}

impl Hash for RelayKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::User(user) => user.hash(state),
            Self::Conversation(conversation) => conversation.hash(state),
            Self::Any => {}
        }
    }
}
