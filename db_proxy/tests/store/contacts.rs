use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use db_proxy::logic::contact::{ContactLimits, Contacts};
use db_proxy::store::{
    Contact, ContactChanges, ContactPlace, ContactRefusal, ContactSides, ContactState, ContactStep,
    ContactWish, Inserted, MessagePolicy, NewMessage, ProfileChange, Store, UnixMillis, UserStatus,
};
use futures_util::future::{join, join_all};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, between, id, ids, keyed, new_user, text};
use crate::device::{Device, Manner};

use ContactState::{Asked, AsksMe, Friend, Nothing};

const MOST: usize = 5;

fn ask() -> ContactStep {
    ContactStep::Ask {
        greeting: "it is me 🦀".to_owned(),
    }
}

async fn step_at(
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
    async fn step(
        &self,
        user: UserId,
        other: UserId,
        step: ContactStep,
    ) -> Result<ContactSides, ContactRefusal> {
        step_at(&*self.store, user, other, step).await
    }

    async fn befriend(&self, a: UserId, b: UserId) {
        self.step(a, b, ask()).await.unwrap();
        self.step(b, a, ContactStep::Accept).await.unwrap();
    }

    async fn contacts(&self, user: UserId) -> Vec<Contact> {
        let all = ContactChanges {
            since: UnixMillis(i64::MIN),
            after: None,
            limit: 1_000,
        };
        self.store.changed_contacts(user, &all).await.unwrap()
    }

    /// How one sees the other: state, and whether he blocks him.
    async fn sees(&self, user: UserId, other: UserId) -> (ContactState, bool) {
        let contacts = self.contacts(user).await;
        let found = contacts.iter().find(|contact| contact.other == other);
        found.map_or((Nothing, false), |found| (found.state, found.blocked))
    }

    async fn states(&self, a: UserId, b: UserId) -> [ContactState; 2] {
        [self.sees(a, b).await.0, self.sees(b, a).await.0]
    }

    /// Whether a message of his is taken under a policy.
    async fn may_write(&self, from: UserId, to: UserId, policy: MessagePolicy) -> bool {
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
    assert_eq!(bed.store.friends(a, 9).await.unwrap(), [b]);

    bed.step(a, b, ContactStep::Remove).await.unwrap();
    assert_eq!(bed.states(a, b).await, [Nothing, Nothing]);
    assert!(bed.store.friends(a, 9).await.unwrap().is_empty());
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

pub(crate) async fn a_message_is_let_in_by_what_the_two_are(bed: Bed) {
    use MessagePolicy::{Everyone, Friends, SameDepartmentOrFriends};

    let [a, b, c] = bed.users().await;
    assert!(!bed.may_write(a, b, Friends).await);
    assert!(!bed.may_write(a, b, SameDepartmentOrFriends).await);
    let count = bed.recent(a, 0).await.len();
    assert_eq!(count, 0, "what was refused began nothing");
    bed.befriend(a, b).await;
    assert!(bed.may_write(a, b, Friends).await, "a first message");
    assert!(bed.may_write(b, a, SameDepartmentOrFriends).await);
    bed.step(b, a, ContactStep::Remove).await.unwrap();
    assert!(!bed.may_write(a, b, Friends).await, "and one after others");
    assert!(bed.may_write(a, b, Everyone).await);

    let to = |department| ProfileChange {
        department_id: Some(department),
        ..ProfileChange::default()
    };
    bed.store.change_profile(a, &to(7)).await.unwrap();
    bed.store.change_profile(b, &to(8)).await.unwrap();
    bed.store.change_profile(c, &to(7)).await.unwrap();
    assert!(!bed.may_write(a, b, SameDepartmentOrFriends).await);
    assert!(bed.may_write(a, c, SameDepartmentOrFriends).await);
    assert!(!bed.may_write(a, c, Friends).await);
    bed.step(c, a, ContactStep::Block).await.unwrap();
    assert!(!bed.may_write(a, c, SameDepartmentOrFriends).await);
    assert!(bed.may_write(c, a, SameDepartmentOrFriends).await);
    bed.step(c, a, ContactStep::Unblock).await.unwrap();
    assert!(bed.may_write(a, c, SameDepartmentOrFriends).await);
    assert_eq!(bed.texts(a, c).await.len(), 3);
}

/// What a blocked one writes is his alone, in every list; for the other it is as if it were never written, but for its number.
pub(crate) async fn what_a_blocked_one_writes_is_his_alone(mut bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.say(a, b, &["one", "two"]).await;
    bed.read(b, a, 1).await;
    bed.step(b, a, ContactStep::Block).await.unwrap();
    let mut device = Device::of(b);
    device.sync(&bed, &Manner::usual()).await;
    let before = device.talks[&a.into()].clone();
    let outcomes = bed.append(&[text(a, b, "three"), text(a, b, "four")]).await;
    assert_eq!(ids(&outcomes), [3, 4]);
    assert!(outcomes.iter().all(|outcome| outcome.unwrap().withheld));
    bed.say(a, c, &["hello"]).await;
    bed.reopen().await;

    let seen = async |bed: &Bed, user| -> Vec<u32> {
        let history = bed.store.history(user, between(a, b), None, EVERYTHING);
        history
            .await
            .unwrap()
            .iter()
            .map(|message| message.id.get())
            .collect()
    };
    let latest = async |bed: &Bed, user| {
        let latest = bed.store.latest_id(user, between(a, b)).await;
        latest.unwrap().map_or(0, |id| id.get())
    };
    assert_eq!(seen(&bed, a).await, [4, 3, 2, 1]);
    assert_eq!(seen(&bed, b).await, [2, 1]);
    assert_eq!((latest(&bed, a).await, latest(&bed, b).await), (4, 2));
    let asked = [id(3), id(2)];
    let named = bed.store.messages(b, between(a, b), &asked, EVERYTHING);
    assert_eq!(named.await.unwrap().len(), 1);
    assert_eq!(bed.unread(b).await, [(a, 1)]);
    assert_eq!(bed.unread_list(b).await.conversations[0].latest.id, id(2));
    let recent = bed.store.recent(b, 0, EVERYTHING).await.unwrap();
    assert_eq!(recent[0].latest.id, id(2));
    device.sync(&bed, &Manner::usual()).await;
    assert_eq!(device.talks[&a.into()], before);

    // Read, taken off the list: nothing brings it back but what he sees.
    bed.read(b, a, 2).await;
    assert!(bed.unread(b).await.is_empty());
    assert!(bed.hide(b, a).await);
    bed.say(a, b, &["five"]).await;
    assert!(bed.recent(b, 0).await.is_empty());
    assert!(!bed.hide(b, a).await);
    assert!(bed.unread(b).await.is_empty());

    // The one who blocks may write, and then there is a hole.
    bed.say(b, a, &["six"]).await;
    assert_eq!(seen(&bed, b).await, [6, 2, 1]);
    assert_eq!(latest(&bed, b).await, 6);
    assert_eq!(bed.recent(b, 0).await, [a]);
    assert_eq!(bed.unread(a).await, [(b, 1)]);
    bed.say(a, b, &["seven"]).await;
    bed.step(b, a, ContactStep::Unblock).await.unwrap();
    assert_eq!(latest(&bed, b).await, 6, "unblocking brings nothing back");
    bed.say(a, b, &["eight"]).await;
    assert_eq!(seen(&bed, b).await, [8, 6, 2, 1]);
    assert_eq!(bed.unread(b).await, [(a, 1)]);
    let mut new = Device::of(b);
    for device in [&mut device, &mut new] {
        device.sync(&bed, &Manner::small(2, 60, 1, 9)).await;
        let shown = &device.talks[&a.into()];
        assert!(
            shown.messages.keys().eq(&[1, 2, 6, 8]),
            "{:?}",
            shown.messages
        );
        assert_eq!((shown.latest, shown.unread), (8, 1));
    }
    bed.read(b, a, 8).await;
    assert!(bed.unread(b).await.is_empty());
}

/// A first message, and one that is sent again.
pub(crate) async fn who_is_blocked_begins_nothing_for_the_other(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.step(b, a, ContactStep::Block).await.unwrap();
    let message = keyed(text(a, b, "x"), b"key");
    let first = bed.append(std::slice::from_ref(&message)).await[0].unwrap();
    assert_eq!((first.message_id, first.withheld), (id(1), true));
    assert_eq!(bed.recent(a, 0).await, [b]);
    assert!(bed.recent(b, 0).await.is_empty());
    assert!(bed.store.peers(b, 9).await.unwrap().is_empty());
    bed.step(b, a, ContactStep::Unblock).await.unwrap();
    let again = bed.append(&[message]).await[0].unwrap();
    assert!(again.duplicate && again.withheld);
    bed.say(b, a, &["hello"]).await;
    assert_eq!(bed.recent(b, 0).await, [a]);
    assert_eq!(bed.unread(a).await, [(b, 1)]);
}

/// Two write, block and read in any order: what each sees is what was not withheld from him, in every list.
async fn any_talk_is_seen_as_it_should(bed: &Bed, acts: &[Act]) {
    let new: Vec<_> = (0..2)
        .map(|_| new_user(&fastrand::u64(..).to_string()))
        .collect();
    let inserted = bed.store.insert_users(&new).await.unwrap();
    let users: Vec<UserId> = inserted
        .iter()
        .map(|inserted| match inserted {
            Inserted::Created(id) => *id,
            Inserted::NameTaken => panic!("the name is as good as unique"),
        })
        .collect();
    let talk = between(users[0], users[1]);
    let mut written: Vec<(UserId, bool)> = Vec::new();
    let mut blocks = [false; 2];
    let mut read = [0usize; 2];
    let mut device = Device::of(users[0]);
    for act in acts {
        match act {
            Act::Say(by) => {
                let batch: Vec<_> = by
                    .iter()
                    .map(|by| text(users[*by], users[1 - *by], "x"))
                    .collect();
                let outcomes = bed.append(&batch).await;
                for (by, outcome) in by.iter().zip(outcomes) {
                    assert_eq!(outcome.unwrap().withheld, blocks[1 - *by]);
                    written.push((users[*by], blocks[1 - *by]));
                }
            }
            Act::Block(by, blocked) => {
                let step = if *blocked {
                    ContactStep::Block
                } else {
                    ContactStep::Unblock
                };
                bed.step(users[*by], users[1 - *by], step).await.unwrap();
                blocks[*by] = *blocked;
            }
            Act::Read(by, up_to) => {
                bed.read(users[*by], users[1 - *by], *up_to).await;
                read[*by] = read[*by].max(written.len().min(*up_to as usize));
            }
            Act::Ask => {
                device.sync(bed, &Manner::small(3, 100, 2, 4)).await;
            }
        }
        for (user, read) in users.iter().zip(read) {
            let sees = |(_, (by, withheld)): &(usize, &(UserId, bool))| by == user || !withheld;
            let seen: Vec<u32> = written
                .iter()
                .enumerate()
                .filter(sees)
                .map(|(n, _)| n as u32 + 1)
                .collect();
            let history = bed
                .store
                .history(*user, talk, None, EVERYTHING)
                .await
                .unwrap();
            let history: Vec<u32> = history
                .iter()
                .rev()
                .map(|message| message.id.get())
                .collect();
            assert_eq!(history, seen);
            let latest = bed.store.latest_id(*user, talk).await.unwrap();
            assert_eq!(latest.map(|id| id.get()), seen.last().copied());
            let recent = bed.store.recent(*user, 0, EVERYTHING).await.unwrap();
            let shown: Vec<u32> = recent.iter().map(|entry| entry.latest.id.get()).collect();
            assert_eq!(shown, Vec::from_iter(seen.last().copied()));
            let behind = written.iter().skip(read);
            let unread = behind
                .filter(|(by, withheld)| by != user && !withheld)
                .count();
            assert_eq!(bed.unread_list(*user).await.total, unread as u64);
        }
    }
    device.sync(bed, &Manner::small(3, 100, 2, 4)).await;
    device.sync(bed, &Manner::usual()).await;
    let sees = |(_, (by, withheld)): &(usize, &(UserId, bool))| *by == users[0] || !withheld;
    let seen = written
        .iter()
        .enumerate()
        .filter(sees)
        .map(|(n, _)| n as u32 + 1);
    let shown = device
        .talks
        .get(&users[1].into())
        .cloned()
        .unwrap_or_default();
    assert!(
        shown.messages.keys().copied().eq(seen),
        "{:?}",
        shown.messages
    );
}

#[derive(Clone, Debug)]
enum Act {
    /// In one batch.
    Say(Vec<usize>),
    Block(usize, bool),
    Read(usize, u32),
    /// A device of the first one asks what changed.
    Ask,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => prop::collection::vec(0..2usize, 1..5).prop_map(Act::Say),
        2 => (0..2usize, any::<bool>()).prop_map(|(by, blocked)| Act::Block(by, blocked)),
        3 => (0..2usize, 1..20u32).prop_map(|(by, up_to)| Act::Read(by, up_to)),
        1 => Just(Act::Ask),
    ]
}

/// What was stored while the two were friends is answered with its place; what is new is not stored.
pub(crate) async fn a_resend_is_answered_after_the_friendship(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.befriend(a, b).await;
    let message = |body| NewMessage {
        policy: MessagePolicy::Friends,
        ..keyed(text(a, b, body), body.as_bytes())
    };
    assert_eq!(ids(&bed.append(&[message("x")]).await), [1]);
    bed.step(a, b, ContactStep::Remove).await.unwrap();
    let outcomes = bed.append(&[message("x"), message("y")]).await;
    assert_eq!(outcomes[0].unwrap().message_id.get(), 1);
    assert!(outcomes[1].is_err());
    assert_eq!(bed.texts(a, b).await, ["x"]);
}

/// A conversation that begins while the two become friends knows it.
pub(crate) async fn a_conversation_begins_with_what_the_two_are(bed: Bed) {
    let users: [UserId; 12] = bed.users().await;
    let there = bed.database.open().await;
    let (me, others) = users.split_first().unwrap();
    for other in others {
        bed.step(*me, *other, ask()).await.unwrap();
        let befriend = step_at(&*there, *other, *me, ContactStep::Accept);
        let message = [text(*me, *other, "x")];
        let (friends, stored) = join(befriend, bed.store.append(&message)).await;
        friends.unwrap();
        stored.unwrap()[0].unwrap();
        assert!(bed.may_write(*me, *other, MessagePolicy::Friends).await);
        bed.step(*me, *other, ContactStep::Remove).await.unwrap();
    }
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

#[derive(Clone, Debug)]
struct Move {
    by: usize,
    towards: usize,
    step: ContactStep,
    elsewhere: bool,
}

fn a_move() -> impl Strategy<Value = Move> {
    let step = prop_oneof![
        3 => Just(ask()),
        2 => Just(ContactStep::Accept),
        1 => Just(ContactStep::Refuse),
        1 => Just(ContactStep::Remove),
        1 => Just(ContactStep::Block),
        1 => Just(ContactStep::Unblock),
    ];
    let parts = (0..3usize, 1..3usize, step, any::<bool>());
    parts.prop_map(|(by, further, step, elsewhere)| Move {
        by,
        towards: (by + further) % 3,
        step,
        elsewhere,
    })
}

/// Whatever three users do at two stores, both sides of each two fit together, what was answered is what is stored, and
/// the two's conversation lets in whom it should.
async fn any_moves_leave_both_sides_consistent(bed: &Bed, moves: &[Move]) {
    let new: Vec<_> = (0..3)
        .map(|_| new_user(&fastrand::u64(..).to_string()))
        .collect();
    let inserted = bed.store.insert_users(&new).await.unwrap();
    let users: Vec<UserId> = inserted
        .iter()
        .map(|inserted| match inserted {
            Inserted::Created(id) => *id,
            Inserted::NameTaken => panic!("the name is as good as unique"),
        })
        .collect();
    let there = bed.database.open().await;
    let mut said: BTreeMap<(UserId, UserId), Contact> = BTreeMap::new();
    for one in moves {
        let store = if one.elsewhere { &there } else { &bed.store };
        let (user, other) = (users[one.by], users[one.towards]);
        if let Ok(sides) = step_at(&**store, user, other, one.step.clone()).await {
            said.insert((user, other), sides.own);
            said.insert((other, user), sides.other);
        }
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let (a, b) = (users[a], users[b]);
        let [own, other] = bed.states(a, b).await;
        assert_eq!(own == Friend, other == Friend);
        assert!(own != AsksMe || other == Asked);
        assert!(other != AsksMe || own == Asked);
        for (user, peer) in [(a, b), (b, a)] {
            let stored = bed.contacts(user).await;
            let stored = stored.into_iter().find(|contact| contact.other == peer);
            let told = said.get(&(user, peer)).cloned();
            assert_eq!(stored, told.filter(|told| told.changed_at > UnixMillis(0)));
            let may = bed.may_write(user, peer, MessagePolicy::Friends).await;
            assert_eq!(may, own == Friend);
        }
    }
}

pub(crate) fn check(bed: impl Fn() -> Pin<Box<dyn Future<Output = Option<Bed>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let Some(bed) = runtime.block_on(bed()) else {
        return;
    };
    let mut runner = TestRunner::new(Config {
        cases: 40,
        failure_persistence: None,
        ..Config::default()
    });
    let moves = prop::collection::vec(a_move(), 1..25);
    runner
        .run(&moves, |moves| {
            runtime.block_on(any_moves_leave_both_sides_consistent(&bed, &moves));
            Ok(())
        })
        .unwrap();
    let acts = prop::collection::vec(act(), 1..20);
    runner
        .run(&acts, |acts| {
            runtime.block_on(any_talk_is_seen_as_it_should(&bed, &acts));
            Ok(())
        })
        .unwrap();
}
