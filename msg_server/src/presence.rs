//! Telling desktops who comes and goes: to whom, and not one by one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use im_base::shutdown::Shutdown;
use parking_lot::Mutex;
use proto::Pdu;
use proto::ids::UserId;
use proto::im::base_define::{UserStat, UserStatType};
use proto::im::buddy::ImUserStatNotify;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::session::Session;
use crate::users::Users;

/// What comes within this time after a change was told is told together.
const WINDOW: Duration = Duration::from_millis(100);

/// Most users in the circle of a session; those who come to know each other later than its login are added up to this number.
const MAX_CIRCLE: usize = 2_000;

/// Users up to which fellow members of groups are added.
const MAX_FELLOWS: usize = 1_500;

/// Whom a user sees, and who sees him (PROTOCOL.md, "Presence").
pub(crate) struct Circle {
    /// In ascending order; `None`: everybody sees everybody.
    known: Option<Mutex<Vec<UserId>>>,
}

impl Circle {
    /// In a small directory.
    pub(crate) const EVERYBODY: Self = Self { known: None };

    /// In a large one: those who have something to do with each other.
    pub(crate) fn only(mut users: Vec<UserId>) -> Self {
        users.sort_unstable();
        users.dedup();
        users.truncate(MAX_CIRCLE);
        Self {
            known: Some(Mutex::new(users)),
        }
    }

    /// The user and another one have got to do with each other.
    pub(crate) fn add(&self, user: UserId) {
        self.add_up_to(MAX_CIRCLE, [user]);
    }

    /// The user and others are in a group. They leave room for those who write to him.
    pub(crate) fn add_fellows(&self, users: impl IntoIterator<Item = UserId>) {
        self.add_up_to(MAX_FELLOWS, users);
    }

    fn add_up_to(&self, most: usize, users: impl IntoIterator<Item = UserId>) {
        let Some(known) = &self.known else {
            return;
        };
        let mut known = known.lock();
        for user in users {
            if known.len() >= most {
                return;
            }
            if let Err(at) = known.binary_search(&user) {
                known.insert(at, user);
            }
        }
    }

    /// Those who are to hear of the user: `None` for everybody.
    pub(crate) fn audience(&self) -> Option<Vec<UserId>> {
        self.known.as_ref().map(|known| known.lock().clone())
    }
}

/// Changes of presence on their way to the desktops here. A change that comes alone is told at once; in a burst each
/// desktop is written to once for all that gathered, and of several changes of one user it gets the last.
#[derive(Default)]
pub(crate) struct Presence {
    gathering: Mutex<Vec<Change>>,
    came: Notify,
}

struct Change {
    user: UserId,
    is_online: bool,
    audience: Option<Vec<UserId>>,
}

impl Presence {
    /// Starts telling; ends in the stop stage.
    pub(crate) fn start(users: &Arc<Users>, shutdown: &Shutdown) -> Arc<Self> {
        let presence = Arc::new(Self::default());
        let (telling, users, ending) = (presence.clone(), users.clone(), shutdown.clone());
        let task = async move {
            loop {
                telling.came.notified().await;
                telling.tell(&users);
                sleep(WINDOW).await;
            }
        };
        shutdown.background().spawn("presence", async move {
            tokio::select! {
                () = task => {}
                () = ending.stopping() => {}
            }
        });
        presence
    }

    /// A user came online or went offline. `audience` is who is to hear of it; `None`: whoever sees the user by his own
    /// circle.
    pub(crate) fn changed(&self, user: UserId, is_online: bool, audience: Option<Vec<UserId>>) {
        self.gathering.lock().push(Change {
            user,
            is_online,
            audience,
        });
        self.came.notify_one();
    }

    fn tell(&self, users: &Users) {
        let mut changes = std::mem::take(&mut *self.gathering.lock());
        let mut seen = HashSet::with_hasher(ahash::RandomState::new());
        changes.reverse();
        changes.retain(|change| seen.insert(change.user));
        let mut to_all = Frames::default();
        let mut everything = Vec::new();
        let mut by_receiver: HashMap<UserId, Told, ahash::RandomState> = HashMap::default();
        for change in changes.into_iter().rev() {
            let user = change.user;
            let frame = frame(user, change.is_online);
            let Some(audience) = change.audience else {
                everything.extend(&frame);
                to_all.insert(user, frame);
                continue;
            };
            for receiver in audience.into_iter().chain([user]) {
                let told = by_receiver.entry(receiver).or_default();
                told.frames.extend(&frame);
                told.come.extend(change.is_online.then_some(user));
            }
        }
        for (receiver, told) in by_receiver {
            users.each_desktop_of(receiver, |session| {
                session.push(&told.frames);
                // Who was told that somebody came has to hear of it when he goes, whoever tells that.
                told.come.iter().for_each(|user| session.circle.add(*user));
            });
        }
        if !to_all.is_empty() {
            users.each_desktop(|session| tell_one(session, &to_all, &everything));
        }
    }
}

/// What one user is told.
#[derive(Default)]
struct Told {
    frames: Vec<u8>,
    come: Vec<UserId>,
}

/// Encoded notices by user.
type Frames = HashMap<UserId, Vec<u8>, ahash::RandomState>;

/// Tells one desktop of those changes that it is to see.
fn tell_one(session: &Session, changes: &Frames, everything: &[u8]) {
    let Some(circle) = session.circle.audience() else {
        session.push(everything);
        return;
    };
    let seen = circle.into_iter().chain([session.user_id()]);
    let frames: Vec<u8> = seen
        .filter_map(|user| changes.get(&user))
        .flatten()
        .copied()
        .collect();
    if !frames.is_empty() {
        session.push(&frames);
    }
}

fn frame(user: UserId, is_online: bool) -> Vec<u8> {
    let notice = ImUserStatNotify {
        user_stat: UserStat {
            user_id: user.get(),
            status: user_stat(is_online),
        },
        ..Default::default()
    };
    Pdu::new(&notice, 0).to_frame().into()
}

/// The number of a status that presence knows.
pub(crate) fn user_stat(is_online: bool) -> i32 {
    if is_online {
        UserStatType::UserStatusOnline as i32
    } else {
        UserStatType::UserStatusOffline as i32
    }
}
