//! Whom one may write to, and who sees what somebody writes who is blocked.

use db_proxy::store::{ContactStep, MessagePolicy, NewMessage, ProfileChange};
use futures_util::future::join;
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, between, id, ids, keyed, text};
use crate::contacts::{ask, step_at};
use crate::device::{Device, Manner};

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
    assert!(bed.store.peers(&[b], 9).await.unwrap()[0].is_empty());
    bed.step(b, a, ContactStep::Unblock).await.unwrap();
    let again = bed.append(&[message]).await[0].unwrap();
    assert!(again.duplicate && again.withheld);
    bed.say(b, a, &["hello"]).await;
    assert_eq!(bed.recent(b, 0).await, [a]);
    assert_eq!(bed.unread(a).await, [(b, 1)]);
}
