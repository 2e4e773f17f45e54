//! The users who are logged in here, and their sessions.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use im_base::telemetry::metrics::SESSIONS;
use metrics::gauge;
use proto::device::{DeviceSet, DeviceType};
use proto::ids::UserId;
use smallvec::SmallVec;

use crate::session::Session;

/// A user's sessions here; seldom more than one.
pub(crate) type Sessions = SmallVec<[Session; 1]>;

/// Who has to know what comes and goes. Told while the user's place is locked, so that two changes of one user are
/// never told in the wrong order.
pub(crate) trait Watcher {
    /// A session came whose user had none of this type of device here.
    fn came(&self, session: &Session);

    /// A session went, and with it the last of its type of device.
    fn went(&self, session: &Session);

    /// The user has no session here any more.
    fn gone(&self, user: UserId);
}

/// The sessions of each user. A session is in it from its login to its end or displacement.
#[derive(Default)]
pub(crate) struct Users {
    sessions: DashMap<UserId, Sessions, ahash::RandomState>,
    count: AtomicUsize,
}

impl Users {
    /// Adds a session and takes out those it displaces: of the same class of device, logged in before it. One that a
    /// later login has overtaken on its way here is displaced itself and not added. `opened` is called with the user's
    /// place locked, too.
    pub(crate) fn open(
        &self,
        session: &Session,
        watcher: &impl Watcher,
        opened: impl FnOnce(),
    ) -> Sessions {
        let mut sessions = self.sessions.entry(session.user_id()).or_default();
        if latest_login(&sessions, session.device) > Some(session.login_stamp) {
            return Sessions::from_iter([session.clone()]);
        }
        let displaced = take_out(&mut sessions, |other| {
            other.device.same_class(session.device) && other.login_stamp <= session.login_stamp
        });
        sessions.push(session.clone());
        opened();
        watcher.came(session);
        tell_gone(&displaced, &sessions, watcher);
        self.counted(1, displaced.len());
        displaced
    }

    /// Takes out a session that ends; nothing if it was displaced before. Returns whether it was there.
    pub(crate) fn close(&self, session: &Session, watcher: &impl Watcher) -> bool {
        !self
            .remove(session.user_id(), |other| other.id == session.id, watcher)
            .is_empty()
    }

    /// Takes out a user's sessions of a class of device that logged in before `login_stamp`.
    pub(crate) fn displace(
        &self,
        user: UserId,
        device: DeviceType,
        login_stamp: u64,
        watcher: &impl Watcher,
    ) -> Sessions {
        let older =
            |other: &Session| other.device.same_class(device) && other.login_stamp < login_stamp;
        self.remove(user, older, watcher)
    }

    /// The latest login of a user's sessions of a class of device, if it is later than `login_stamp`.
    pub(crate) fn login_after(
        &self,
        user: UserId,
        device: DeviceType,
        login_stamp: u64,
    ) -> Option<u64> {
        let sessions = self.sessions.get(&user)?;
        latest_login(&sessions, device).filter(|stamp| *stamp > login_stamp)
    }

    fn remove(
        &self,
        user: UserId,
        matches: impl Fn(&Session) -> bool,
        watcher: &impl Watcher,
    ) -> Sessions {
        let Entry::Occupied(mut place) = self.sessions.entry(user) else {
            return Sessions::new();
        };
        let removed = take_out(place.get_mut(), matches);
        tell_gone(&removed, place.get(), watcher);
        if place.get().is_empty() {
            watcher.gone(user);
            place.remove();
        }
        self.counted(0, removed.len());
        removed
    }

    fn counted(&self, came: usize, went: usize) {
        self.count.fetch_add(came, Ordering::Relaxed);
        let before = self.count.fetch_sub(went, Ordering::Relaxed);
        gauge!(SESSIONS).set((before - went) as f64);
    }

    /// Number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Queues a frame for each device of the user here, but for one session. Returns the number of devices.
    pub(crate) fn send(&self, user: UserId, frame: &[u8], except: Option<u64>) -> usize {
        let mut devices = 0;
        let is_for = |session: &Session| Some(session.id) != except;
        self.send_to(user, frame, is_for, |_| devices += 1);
        devices
    }

    /// Queues a frame for those devices of the user here, and says of each that it is done.
    pub(crate) fn send_to(
        &self,
        user: UserId,
        frame: &[u8],
        is_for: impl Fn(&Session) -> bool,
        done: impl FnMut(&Session),
    ) {
        let Some(sessions) = self.sessions.get(&user) else {
            return;
        };
        let devices = sessions.iter().filter(|session| is_for(session));
        devices.filter(|session| session.push(frame)).for_each(done);
    }

    /// Queues a frame for every session here that has the extension in use, but for one.
    pub(crate) fn send_to_able(&self, capability: u64, frame: &[u8], except: Option<u64>) {
        self.each_session(|session| {
            if session.can(capability) && Some(session.id) != except {
                session.push(frame);
            }
        });
    }

    /// Number of sessions that have the extension in use.
    pub(crate) fn able(&self, capability: u64) -> usize {
        let mut able = 0;
        self.each_session(|session| able += usize::from(session.can(capability)));
        able
    }

    /// Queues a frame for each phone of the user here.
    pub(crate) fn send_to_phones(&self, user: UserId, frame: &[u8]) {
        if let Some(sessions) = self.sessions.get(&user) {
            for session in sessions.iter().filter(|session| session.device.is_mobile()) {
                session.push(frame);
            }
        }
    }

    /// Visits the user's desktops here.
    pub(crate) fn each_desktop_of(&self, user: UserId, visit: impl FnMut(&Session)) {
        if let Some(sessions) = self.sessions.get(&user) {
            sessions
                .iter()
                .filter(|session| !session.device.is_mobile())
                .for_each(visit);
        }
    }

    /// Visits every desktop here.
    pub(crate) fn each_desktop(&self, mut visit: impl FnMut(&Session)) {
        for sessions in &self.sessions {
            sessions
                .iter()
                .filter(|session| !session.device.is_mobile())
                .for_each(&mut visit);
        }
    }

    /// Queues a frame for every session here.
    pub(crate) fn send_to_all(&self, frame: &[u8]) {
        self.each_session(|session| {
            session.push(frame);
        });
    }

    /// Visits every session here.
    pub(crate) fn each_session(&self, mut visit: impl FnMut(&Session)) {
        for sessions in &self.sessions {
            sessions.iter().for_each(&mut visit);
        }
    }

    /// Visits the user's sessions here.
    pub(crate) fn each_of(&self, user: UserId, visit: impl FnMut(&Session)) {
        if let Some(sessions) = self.sessions.get(&user) {
            sessions.iter().for_each(visit);
        }
    }

    /// Whether a message of the user is on its way from one of his devices here.
    pub(crate) fn is_sending(&self, user: UserId) -> bool {
        let sessions = self.sessions.get(&user);
        sessions.is_some_and(|sessions| sessions.iter().any(|session| session.is_sending()))
    }

    /// Does something while the user's place is locked, if he has a session here.
    pub(crate) fn if_here(&self, user: UserId, act: impl FnOnce()) {
        if let Some(_place) = self.sessions.get(&user) {
            act();
        }
    }

    /// Visits every user with the types of device connected here, each while its place is locked.
    pub(crate) fn each(&self, mut visit: impl FnMut(UserId, DeviceSet)) {
        for sessions in &self.sessions {
            visit(*sessions.key(), devices(&sessions));
        }
    }
}

fn take_out(sessions: &mut Sessions, matches: impl Fn(&Session) -> bool) -> Sessions {
    let mut taken = Sessions::new();
    sessions.retain(|session| {
        let take = matches(session);
        if take {
            taken.push(session.clone());
        }
        !take
    });
    taken
}

/// When the last one of a class of device logged in.
fn latest_login(sessions: &[Session], device: DeviceType) -> Option<u64> {
    let of_class = sessions
        .iter()
        .filter(|session| session.device.same_class(device));
    of_class.map(|session| session.login_stamp).max()
}

fn devices(sessions: &[Session]) -> DeviceSet {
    let mut devices = DeviceSet::default();
    sessions
        .iter()
        .for_each(|session| devices.insert(session.device));
    devices
}

/// Tells of each type of device of which nothing is left.
fn tell_gone(removed: &[Session], left: &[Session], watcher: &impl Watcher) {
    let mut gone = devices(removed);
    devices(left).iter().for_each(|device| gone.remove(device));
    for device in gone.iter() {
        let last = removed.iter().find(|session| session.device == device);
        last.into_iter().for_each(|session| watcher.went(session));
    }
}
