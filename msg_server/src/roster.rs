//! Who is online, as the route_servers tell it, told on to clients only when it changes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use proto::ids::UserId;
use tokio::time::Instant;

/// A link that came back is believed about who is *not* online only after this long: by then every msg_server has
/// announced its users to a restarted route_server.
const SETTLING: Duration = Duration::from_secs(10);

type UserSet = HashSet<UserId, ahash::RandomState>;

/// The online users as each route_server tells them. A user is online while any of them says so; with several of
/// them nothing is told twice, and the loss of one, or its restart, makes nobody flicker.
#[derive(Default)]
pub(crate) struct Roster {
    /// By the place of the link to it.
    views: HashMap<usize, View>,
}

/// What one route_server told.
#[derive(Default)]
struct View {
    online: UserSet,
    /// What it had told before its link was lost, until the new one has settled.
    stale: UserSet,
    up_since: Option<Instant>,
}

impl View {
    fn is_online(&self, user: &UserId) -> bool {
        self.online.contains(user) || self.stale.contains(user)
    }

    fn is_settled(&self, now: Instant) -> bool {
        self.up_since.is_some_and(|since| now >= since + SETTLING)
    }
}

impl Roster {
    /// Whether the user is online.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.views.values().any(|view| view.is_online(&user))
    }

    /// A route_server tells a user's state. True if that is news.
    pub(crate) fn heard(&mut self, link: usize, user: UserId, is_online: bool) -> bool {
        let before = self.is_online(user);
        let view = self.view(link);
        view.stale.remove(&user);
        if is_online {
            view.online.insert(user);
        } else {
            view.online.remove(&user);
        }
        self.is_online(user) != before
    }

    /// A link is up; its route_server will tell everybody who is online.
    pub(crate) fn link_up(&mut self, link: usize, now: Instant) {
        self.view(link).up_since = Some(now);
    }

    /// A link is lost. If others are there to tell, what only this one told is forgotten; otherwise it is kept for
    /// the time being.
    pub(crate) fn link_down(&mut self, link: usize, now: Instant) -> Vec<UserId> {
        let view = self.view(link);
        view.up_since = None;
        let known = std::mem::take(&mut view.online);
        view.stale.extend(known);
        if self.views.values().any(|view| view.is_settled(now)) {
            self.forget_stale(|_| true)
        } else {
            Vec::new()
        }
    }

    /// To be called now and then: forgets what settled links did not confirm. Returns who is offline by that.
    pub(crate) fn settle(&mut self, now: Instant) -> Vec<UserId> {
        if !self.views.values().any(|view| view.is_settled(now)) {
            return Vec::new();
        }
        self.forget_stale(|view| view.up_since.is_none() || view.is_settled(now))
    }

    fn forget_stale(&mut self, matches: impl Fn(&View) -> bool) -> Vec<UserId> {
        let forgotten: Vec<UserId> = self
            .views
            .values_mut()
            .filter(|view| matches(view))
            .flat_map(|view| std::mem::take(&mut view.stale))
            .collect();
        forgotten
            .into_iter()
            .filter(|user| !self.is_online(*user))
            .collect()
    }

    fn view(&mut self, link: usize) -> &mut View {
        self.views.entry(link).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    #[test]
    fn two_route_servers_tell_one_piece_of_news() {
        let mut roster = Roster::default();
        let start = Instant::now();
        roster.link_up(0, start);
        roster.link_up(1, start);
        assert!(roster.heard(0, user(1), true));
        assert!(!roster.heard(1, user(1), true));
        assert!(!roster.heard(0, user(1), false));
        assert!(roster.is_online(user(1)));
        assert!(roster.heard(1, user(1), false));
    }

    #[test]
    fn losing_one_of_two_is_not_noticed() {
        let mut roster = Roster::default();
        let start = Instant::now();
        roster.link_up(0, start);
        roster.link_up(1, start);
        roster.heard(0, user(1), true);
        roster.heard(1, user(1), true);
        let later = start + SETTLING;
        assert_eq!(roster.link_down(0, later), []);
        assert!(roster.is_online(user(1)));
        assert!(
            roster.heard(1, user(1), false),
            "what the lost one told is not believed for ever"
        );
    }

    #[test]
    fn a_restarted_route_server_makes_nobody_flicker_and_ghosts_go_when_it_has_settled() {
        let mut roster = Roster::default();
        let start = Instant::now();
        roster.link_up(0, start);
        roster.heard(0, user(1), true);
        roster.heard(0, user(2), true);
        let lost = start + SETTLING;
        assert_eq!(roster.link_down(0, lost), []);
        assert!(roster.is_online(user(1)));
        roster.link_up(0, lost);
        assert!(!roster.heard(0, user(1), true), "no news");
        assert_eq!(roster.settle(lost), []);
        assert_eq!(roster.settle(lost + SETTLING), [user(2)]);
        assert!(roster.is_online(user(1)));
        assert_eq!(roster.settle(lost + SETTLING), []);
    }
}
