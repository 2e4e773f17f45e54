//! The order of what one session asks while db_proxies come and go.

use std::sync::Arc;

use im_base::peer::Link;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::handlers::msg::ConversationKey;

/// The requests of one session that keep their order and have no answer yet.
///
/// A conversation has another db_proxy when one rests, dies or comes back. What is asked then waits until what was asked
/// before has gone the same way or has been answered.
#[derive(Default)]
pub(crate) struct Lane {
    /// In the order of their begin; a few at most. Locked for a look or a change.
    open: Mutex<Vec<Place>>,
    changed: Notify,
}

struct Place {
    /// Unlike that of any other that is open.
    number: u64,
    key: ConversationKey,
    /// Which link has the request. `None`: it has to be asked yet, or again.
    link: Option<Arc<Link>>,
}

impl Lane {
    /// A place behind all that are open, until it is dropped.
    pub(super) fn begin(&self, key: ConversationKey) -> Turn<'_> {
        let mut open = self.open.lock();
        let number = open.last().map_or(0, |last| last.number + 1);
        open.push(Place {
            number,
            key,
            link: None,
        });
        Turn { lane: self, number }
    }
}

/// One request's place in its lane.
pub(super) struct Turn<'a> {
    lane: &'a Lane,
    number: u64,
}

impl<'a> Turn<'a> {
    /// Completes when others have gone on since this was called.
    pub(super) fn others(&self) -> Notified<'a> {
        self.lane.changed.notified()
    }

    /// Takes the link, unless something before it with the same key is still to go there.
    pub(super) fn take(&self, link: &Arc<Link>) -> bool {
        let mut open = self.lane.open.lock();
        let Some(at) = open.iter().position(|place| place.number == self.number) else {
            return true;
        };
        let key = open[at].key;
        let is_there = |place: &Place| {
            let taken = place.link.as_ref();
            taken.is_some_and(|taken| Arc::ptr_eq(taken, link))
        };
        let before = open[..at].iter().filter(|place| place.key == key);
        if !before.into_iter().all(is_there) {
            return false;
        }
        open[at].link = Some(link.clone());
        drop(open);
        self.lane.changed.notify_waiters();
        true
    }

    /// The link did not answer.
    pub(super) fn give_up(&self) {
        let mut open = self.lane.open.lock();
        let place = open.iter_mut().find(|place| place.number == self.number);
        place.into_iter().for_each(|place| place.link = None);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut open = self.lane.open.lock();
        open.retain(|place| place.number != self.number);
        drop(open);
        self.lane.changed.notify_waiters();
    }
}
