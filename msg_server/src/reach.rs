//! Whom what a user does without writing reaches: typing, signals. db_proxy knows, and is asked once in a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use im_base::dispatch::HandlerError;
use im_base::peer::CallError;
use parking_lot::Mutex;
use proto::error::read_enum;
use proto::ids::{GroupId, UserId};
use proto::im::base_define::SessionType;
use proto::im::ext::message::{ImReachReq, ImReachRsp};
use tokio::time::Instant;

use crate::server::MsgServer;
use crate::session::Session;

/// How long an answer of db_proxy's holds: somebody who is blocked reaches the other one for that long.
const ANSWER_HOLDS: Duration = Duration::from_secs(5);

/// A session says that its user types once in that time, in one conversation.
const TYPING_APART: Duration = Duration::from_secs(2);

/// Most entries of a memory. When it is full and half of that is still of use, all of it is forgotten.
const REMEMBERED: usize = 65_536;

/// A conversation as one of those who take part names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    With(UserId),
    In(GroupId),
}

impl Place {
    /// `None` where there is nobody; refuses a type that is none.
    pub(crate) fn read(session_type: i32, session_id: u32) -> Result<Option<Self>, HandlerError> {
        Ok(match read_enum(session_type, "session_type")? {
            SessionType::Single => UserId::new(session_id).map(Self::With),
            SessionType::Group => GroupId::new(session_id).map(Self::In),
        })
    }

    /// Type and id on the wire.
    pub(crate) fn on_the_wire(self) -> (i32, u32) {
        match self {
            Self::With(user) => (SessionType::Single as i32, user.get()),
            Self::In(group) => (SessionType::Group as i32, group.get()),
        }
    }
}

/// What was found out a short while ago. Both are bounded and may be emptied at any moment.
#[derive(Default)]
pub(crate) struct Reach {
    verdicts: Lately<(UserId, Place), Verdict>,
    /// What sessions said of their users' typing.
    typing: Lately<(u64, Place), bool>,
}

#[derive(Clone, Copy)]
enum Verdict {
    Others,
    Nobody,
    Refused(&'static str),
}

impl Reach {
    /// Whether what a session says of its user's typing is to be passed on: not the same twice within two seconds.
    pub(crate) fn is_news(&self, session: u64, place: Place, typing: bool) -> bool {
        let (key, now) = ((session, place), Instant::now());
        let before = self.typing.get(&key, now);
        // an end is told once, of what began
        let is_news = before.is_none_or(|before| before && !typing);
        match before {
            // what began so short a while ago may not begin again before its time
            Some(_) if is_news => self.typing.change(&key, false, now),
            Some(_) => {}
            None => self.typing.put(key, typing, now, TYPING_APART),
        }
        is_news
    }
}

impl MsgServer {
    /// Whether what a session's user does reaches the others of a conversation. `false`: it does not, and he is not to
    /// notice. An error if he may not.
    pub(crate) async fn reaches(
        &self,
        session: &Session,
        place: Place,
    ) -> Result<bool, HandlerError> {
        let key = (session.user_id(), place);
        let known = self.reach.verdicts.get(&key, Instant::now());
        let verdict = match known {
            Some(verdict) => verdict,
            None => {
                let (session_type, session_id) = place.on_the_wire();
                let request = ImReachReq {
                    user_id: session.user_id().get(),
                    session_type,
                    session_id,
                    attach_data: None,
                };
                let answer = self.db.call::<_, ImReachRsp>(session.user_id(), &request);
                let verdict = match answer.await {
                    Ok(answer) if answer.result_code != 0 => Verdict::Refused("not_permitted"),
                    Ok(answer) if answer.withheld() => Verdict::Nobody,
                    Ok(_) => Verdict::Others,
                    Err(CallError::Refused(reason)) => Verdict::Refused(reason),
                    Err(error) => return Err(error.into()),
                };
                let now = Instant::now();
                self.reach.verdicts.put(key, verdict, now, ANSWER_HOLDS);
                verdict
            }
        };
        match verdict {
            Verdict::Others => Ok(true),
            Verdict::Nobody => Ok(false),
            Verdict::Refused(reason) => Err(HandlerError::Refused(reason)),
        }
    }
}

/// A bounded memory of what holds for a while. Locked for a look or a change.
struct Lately<K, V>(Mutex<HashMap<K, (V, Instant), ahash::RandomState>>);

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Copy> Lately<K, V> {
    fn get(&self, key: &K, now: Instant) -> Option<V> {
        let entries = self.0.lock();
        let found = entries.get(key).filter(|(_, until)| now < *until);
        found.map(|(value, _)| *value)
    }

    fn put(&self, key: K, value: V, now: Instant, holds: Duration) {
        let mut entries = self.0.lock();
        if entries.len() >= REMEMBERED {
            entries.retain(|_, (_, until)| now < *until);
            // looked through again after as many new ones, not with each
            if entries.len() > REMEMBERED / 2 {
                entries.clear();
            }
        }
        entries.insert(key, (value, now + holds));
    }

    /// Another value until the same moment, if there still is one.
    fn change(&self, key: &K, value: V, now: Instant) {
        let mut entries = self.0.lock();
        if let Some(entry) = entries.get_mut(key).filter(|(_, until)| now < *until) {
            entry.0 = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn typing_is_told_once_in_two_seconds_and_its_end_once() {
        let reach = Reach::default();
        let place = Place::With(UserId::new(2).unwrap());
        let says = |typing| reach.is_news(1, place, typing);
        assert!(says(true));
        assert!(!says(true));
        assert!(says(false));
        assert!(!says(false));
        assert!(!says(true), "not again so soon");
        assert!(reach.is_news(2, place, true), "another session");
        let group = Place::In(GroupId::new(2).unwrap());
        assert!(reach.is_news(1, group, true), "another conversation");
        advance(TYPING_APART).await;
        assert!(says(true));
        advance(TYPING_APART).await;
        assert!(says(false), "an end however late");
        assert!(!says(false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_memory_is_bounded_and_forgets() {
        let memory: Lately<usize, usize> = Lately::default();
        let now = Instant::now();
        let holds = Duration::from_secs(5);
        for n in 0..3 * REMEMBERED {
            memory.put(n, n, now, holds);
            assert_eq!(memory.get(&n, now), Some(n));
        }
        assert!(memory.0.lock().len() <= REMEMBERED);
        let last = 3 * REMEMBERED - 1;
        assert_eq!(memory.get(&last, now + holds), None);
    }

    /// With all sessions waiting for it, one that is nearly full is not to be gone through for each new entry.
    #[tokio::test(start_paused = true)]
    async fn a_memory_that_stays_nearly_full_is_emptied() {
        let memory: Lately<usize, usize> = Lately::default();
        let now = Instant::now();
        let holds = Duration::from_secs(5);
        for n in 0..REMEMBERED {
            let holds = if n % 4 == 0 { Duration::ZERO } else { holds };
            memory.put(n, n, now, holds);
        }
        memory.put(REMEMBERED, 0, now, holds);
        assert_eq!(memory.0.lock().len(), 1);
        for n in 0..REMEMBERED {
            let holds = if n % 4 == 0 { holds } else { Duration::ZERO };
            memory.put(n, n, now, holds);
        }
        assert_eq!(
            memory.get(&0, now),
            Some(0),
            "what is worth keeping is kept"
        );
    }
}
