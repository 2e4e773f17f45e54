//! The steps of friendship and blocking, and the lists of them.

use std::collections::BTreeMap;

use db_proxy::logic::contact::{ContactLimits, Contacts};
use db_proxy::store::{
    Contact, ContactChanges, ContactPlace, ContactRefusal, ContactSides, ContactState, ContactStep,
    ContactWish, MessagePolicy, NewMessage, ProfileChange, Store, UnixMillis, UserStatus,
};
use futures_util::future::{join, join_all};
use proto::ids::UserId;

use crate::bed::{Bed, text};
use crate::device::{Device, Manner};

use ContactState::{Asked, AsksMe, Friend, Nothing};

pub(crate) const MOST: usize = 5;

pub(crate) fn ask() -> ContactStep {
    ContactStep::Ask {
        greeting: "it is me 🦀".to_owned(),
    }
}

pub(crate) async fn step_at(
    store: &dyn Store,
    user: UserId,
    other: UserId,
    step: ContactStep,
) -> Result<ContactSides, ContactRefusal> {
    let wish = ContactWish {
        user,
        other,
        step,
        most: MOST,
    };
    store.take_step(&wish).await.unwrap()
}

impl Bed {
    pub(crate) async fn step(
        &self,
        user: UserId,
        other: UserId,
        step: ContactStep,
    ) -> Result<ContactSides, ContactRefusal> {
        step_at(&*self.store, user, other, step).await
    }

    pub(crate) async fn befriend(&self, a: UserId, b: UserId) {
        self.step(a, b, ask()).await.unwrap();
        self.step(b, a, ContactStep::Accept).await.unwrap();
    }

    pub(crate) async fn contacts(&self, user: UserId) -> Vec<Contact> {
        let all = ContactChanges {
            since: UnixMillis(i64::MIN),
            after: None,
            limit: 1_000,
        };
        self.store.changed_contacts(user, &all).await.unwrap()
    }

    /// How one sees the other: state, and whether he blocks him.
    pub(crate) async fn sees(&self, user: UserId, other: UserId) -> (ContactState, bool) {
        let contacts = self.contacts(user).await;
        let found = contacts.iter().find(|contact| contact.other == other);
        found.map_or((Nothing, false), |found| (found.state, found.blocked))
    }

    pub(crate) async fn states(&self, a: UserId, b: UserId) -> [ContactState; 2] {
        [self.sees(a, b).await.0, self.sees(b, a).await.0]
    }

    /// Whether a message of his is taken under a policy.
    pub(crate) async fn may_write(&self, from: UserId, to: UserId, policy: MessagePolicy) -> bool {
        let message = NewMessage {
            policy,
            ..text(from, to, "x")
        };
        self.append(&[message]).await[0].is_ok()
    }
}

pub(crate) async fn who_asks_and_is_granted_is_a_friend_on_both_sides(mut bed: Bed) {
    let [a, b] = bed.users().await;
    let asked = bed.step(a, b, ask()).await.unwrap();
    assert_eq!((asked.own.other, asked.own.state), (b, Asked));
    assert_eq!((asked.other.other, asked.other.state), (a, AsksMe));
    assert!(asked.own_is_news && asked.other_is_news);
    bed.reopen().await;
    assert_eq!(bed.contacts(a).await, std::slice::from_ref(&asked.own));
    assert_eq!(bed.contacts(b).await, [asked.other]);
    assert_eq!(asked.own.greeting, "it is me 🦀");
    let again = bed.step(a, b, ask()).await.unwrap();
    assert_eq!(again.own, asked.own, "asked twice is asked once");

    let friends = bed.step(b, a, ContactStep::Accept).await.unwrap();
    assert_eq!((friends.own.state, friends.other.state), (Friend, Friend));
    assert!(friends.own.greeting.is_empty() && friends.other.greeting.is_empty());
    assert!(friends.other.changed_at > asked.own.changed_at);
    let again = bed.step(b, a, ContactStep::Accept).await.unwrap();
    assert_eq!(again.own, friends.own);
    assert_eq!(bed.store.friends(&[a, a], 9).await.unwrap(), [[b], [b]]);

    bed.step(a, b, ContactStep::Remove).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Nothing, Nothing]);
    assert!(bed.store.friends(&[a], 9).await.unwrap()[0].is_empty());
}

pub(crate) async fn a_request_is_refused_or_taken_back(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.step(a, b, ask()).await.unwrap();
    bed.step(b, a, ContactStep::Refuse).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Nothing, Nothing]);
    bed.step(b, a, ContactStep::Refuse).await.unwrap();
    bed.step(a, b, ask()).await.unwrap();
    bed.step(b, a, ContactStep::Remove).await.unwrap();
    assert_eq!(
        bed.states(a, b).await,
        [Asked, AsksMe],
        "not his to take back"
    );
    bed.step(a, b, ContactStep::Remove).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Nothing, Nothing]);
    let refused = bed.step(b, a, ContactStep::Accept).await;
    assert_eq!(refused, Err(ContactRefusal::NoSuchRequest));
}

pub(crate) async fn strangers_to_the_store_are_nobodys_contacts(bed: Bed) {
    let [a, b] = bed.users().await;
    let nobody = UserId::new(99).unwrap();
    for step in [
        ask(),
        ContactStep::Accept,
        ContactStep::Block,
        ContactStep::Unblock,
    ] {
        let refused = bed.step(a, nobody, step).await;
        assert_eq!(refused, Err(ContactRefusal::NoSuchUser));
    }
    bed.befriend(a, b).await;
    let leaves = ProfileChange {
        status: Some(UserStatus::LEFT),
        ..ProfileChange::default()
    };
    bed.store.change_profile(b, &leaves).await.unwrap();
    assert_eq!(bed.step(a, b, ask()).await, Err(ContactRefusal::NoSuchUser));
    bed.step(a, b, ContactStep::Remove).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Nothing, Nothing]);
    assert!(bed.contacts(nobody).await.is_empty());
}

pub(crate) async fn who_is_blocked_is_heard_of_no_more(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.befriend(a, b).await;
    let blocked = bed.step(b, a, ContactStep::Block).await.unwrap();
    assert_eq!((blocked.own.state, blocked.own.blocked), (Nothing, true));
    assert_eq!(
        (blocked.other.state, blocked.other.blocked),
        (Nothing, false)
    );
    assert_eq!(bed.step(b, a, ask()).await, Err(ContactRefusal::Blocks));
    let asked = bed.step(a, b, ask()).await.unwrap();
    assert_eq!((asked.own.state, asked.other_is_news), (Asked, false));
    assert_eq!(bed.sees(b, a).await, (Nothing, true));
    bed.step(b, a, ContactStep::Block).await.unwrap();
    assert_eq!(bed.sees(a, b).await, (Asked, false), "kept");
    bed.step(b, a, ContactStep::Unblock).await.unwrap();
    assert_eq!(bed.sees(b, a).await, (Nothing, false), "nothing comes back");
    let refused = bed.step(b, a, ContactStep::Accept).await;
    assert_eq!(refused, Err(ContactRefusal::NoSuchRequest));
    bed.step(b, a, ask()).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Friend, Friend]);
}

pub(crate) async fn lists_of_contacts_are_full_at_their_limits(bed: Bed) {
    let users: [UserId; 9] = bed.users().await;
    let (me, others) = users.split_first().unwrap();
    for other in &others[..MOST - 1] {
        bed.step(*me, *other, ask()).await.unwrap();
    }
    bed.step(*me, others[MOST - 1], ContactStep::Block)
        .await
        .unwrap();
    let full = Err(ContactRefusal::TooMany);
    assert_eq!(bed.step(*me, others[6], ask()).await, full);
    assert_eq!(bed.step(*me, others[6], ContactStep::Block).await, full);
    assert!(
        bed.step(*me, others[0], ask()).await.is_ok(),
        "already in it"
    );
    bed.step(others[6], *me, ask()).await.unwrap();
    assert_eq!(bed.step(*me, others[6], ContactStep::Accept).await, full);
    assert_eq!(bed.states(*me, others[6]).await, [AsksMe, Asked]);
    bed.step(*me, others[MOST - 1], ContactStep::Unblock)
        .await
        .unwrap();
    bed.step(*me, others[6], ContactStep::Accept).await.unwrap();
}

pub(crate) async fn no_more_ask_than_one_can_answer(bed: Bed) {
    let users: [UserId; MOST + 3] = bed.users().await;
    let (me, others) = users.split_first().unwrap();
    bed.step(*me, others[MOST + 1], ContactStep::Block)
        .await
        .unwrap();
    for other in &others[..MOST] {
        bed.step(*other, *me, ask()).await.unwrap();
    }
    let full = Err(ContactRefusal::OtherTooMany);
    assert_eq!(bed.step(others[MOST], *me, ask()).await, full);
    let blocked = bed.step(others[MOST + 1], *me, ask()).await;
    assert_eq!(blocked, full, "who is blocked hears the same");
    assert_eq!(bed.states(*me, others[MOST]).await, [Nothing, Nothing]);
}

pub(crate) async fn two_who_ask_at_once_at_two_stores_are_friends(bed: Bed) {
    let users: [UserId; 8] = bed.users().await;
    let there = bed.database.open().await;
    for pair in users.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let one = step_at(&*bed.store, a, b, ask());
        let other = step_at(&*there, b, a, ask());
        let (one, other) = join(one, other).await;
        let states = [one.unwrap().own.state, other.unwrap().own.state];
        assert!(
            states == [Asked, Friend] || states == [Friend, Asked],
            "{states:?}"
        );
        assert_eq!(bed.states(a, b).await, [Friend, Friend]);
    }
}

/// Nobody gets over a limit by asking in several places, nor loses a step.
pub(crate) async fn many_steps_at_two_stores_keep_the_limits(bed: Bed) {
    let users: [UserId; 2 * MOST] = bed.users().await;
    let there = bed.database.open().await;
    let (me, others) = users.split_first().unwrap();
    let asks = others.iter().enumerate().map(|(n, other)| {
        let store = if n % 2 == 0 { &bed.store } else { &there };
        step_at(&**store, *me, *other, ask())
    });
    let outcomes = join_all(asks).await;
    let asked = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(asked, MOST);
    let contacts = bed.contacts(*me).await;
    assert_eq!(contacts.len(), MOST, "what was refused left nothing");
}

pub(crate) async fn changes_of_contacts_page_exactly(bed: Bed) {
    let users: [UserId; 6] = bed.users().await;
    let (me, others) = users.split_first().unwrap();
    for other in others {
        bed.step(*other, *me, ask()).await.unwrap();
    }
    let all = bed.contacts(*me).await;
    assert_eq!(
        all.iter().map(|contact| contact.other).collect::<Vec<_>>(),
        others
    );
    let page = async |since, after, limit| {
        let wanted = ContactChanges {
            since,
            after,
            limit,
        };
        bed.store.changed_contacts(*me, &wanted).await.unwrap()
    };
    let beginning = UnixMillis(i64::MIN);
    assert_eq!(page(beginning, None, 2).await, all[..2]);
    assert_eq!(page(beginning, Some(all[1].place()), 9).await, all[2..]);
    assert_eq!(page(all[3].changed_at, None, 9).await, all[3..]);
    let before = ContactPlace {
        at: beginning,
        other: others[0],
    };
    assert_eq!(page(all[4].changed_at, Some(before), 9).await, all[4..]);
    bed.step(*me, others[0], ContactStep::Refuse).await.unwrap();
    let changed = page(all[4].changed_at, Some(all[4].place()), 9).await;
    assert_eq!((changed[0].other, changed[0].state), (others[0], Nothing));
}

/// What has been nothing for three months is forgotten; what is something is not.
pub(crate) async fn nothing_is_forgotten_in_the_end(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    bed.befriend(a, b).await;
    bed.step(a, c, ask()).await.unwrap();
    bed.step(a, c, ContactStep::Remove).await.unwrap();
    bed.database
        .execute("UPDATE contacts SET changed_at_ms = 1000")
        .await;
    bed.step(a, d, ask()).await.unwrap();
    let left = bed.contacts(a).await;
    assert_eq!(
        left.iter().map(|contact| contact.other).collect::<Vec<_>>(),
        [b, d]
    );
}

/// A cursor from a time when a client did not understand contacts: it gets all of them, and from then on what changes.
pub(crate) async fn a_device_that_learns_of_contacts_gets_all_of_them(bed: Bed) {
    let users: [UserId; 7] = bed.users().await;
    let (me, others) = users.split_first().unwrap();
    for other in &others[..MOST] {
        bed.step(*other, *me, ask()).await.unwrap();
    }
    bed.step(*me, others[0], ContactStep::Refuse).await.unwrap();
    let manner = Manner::small(9, 70, 9, 9);
    let without = Manner {
        contacts: false,
        ..manner
    };
    let mut device = Device::of(*me);
    device.sync(&bed, &without).await;
    assert!(device.contacts.is_empty());
    let pages = device.sync(&bed, &manner).await;
    assert!(pages > 2, "they come in pages");
    assert!(device.contacts.keys().eq(&others[1..MOST]));
    bed.step(others[1], *me, ContactStep::Remove).await.unwrap();
    device.sync(&bed, &without).await;
    assert!(device.contacts.contains_key(&others[1]), "not asked for");
    device.sync(&bed, &manner).await;
    assert!(device.contacts.keys().eq(&others[2..MOST]));
    assert_eq!(device.resets, 0);
}

/// The list by itself, in pages, as with everything else that changed.
pub(crate) async fn a_list_of_contacts_comes_in_pages_and_goes_on(bed: Bed) {
    let users: [UserId; 6] = bed.users().await;
    let (me, others) = users.split_first().unwrap();
    for other in others {
        bed.step(*other, *me, ask()).await.unwrap();
    }
    let limits = ContactLimits {
        page: 2,
        ..ContactLimits::default()
    };
    let contacts = Contacts::new(bed.store.clone(), limits);
    let mut cursor: Option<Vec<u8>> = None;
    let mut seen = Vec::new();
    loop {
        let page = contacts.page(*me, cursor.as_deref()).await.unwrap();
        assert!(!page.reset && page.contacts.len() <= 2);
        seen.extend(page.contacts.iter().map(|contact| contact.other));
        cursor = Some(page.cursor);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, others);
    bed.step(*me, others[3], ContactStep::Accept).await.unwrap();
    let mut states = BTreeMap::new();
    let mut more = true;
    while more {
        let page = contacts.page(*me, cursor.as_deref()).await.unwrap();
        states.extend(
            page.contacts
                .iter()
                .map(|contact| (contact.other, contact.state)),
        );
        (cursor, more) = (Some(page.cursor), page.more);
    }
    assert_eq!(states[&others[3]], Friend);
    for nonsense in [&b"nonsense"[..], &[1; 17]] {
        let page = contacts.page(*me, Some(nonsense)).await.unwrap();
        assert!(page.reset);
        assert_eq!(page.contacts.len(), 2);
    }
}
