//! Whom it reaches what users do without writing, and how far others see that they have read.

use std::time::Duration;

use db_proxy::store::{
    Audience, ContactStep, ContactWish, Conversation, Counterpart, MessagePolicy, ReadMark,
    ShownRead, UnixMillis,
};
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, between, id, mark, new_user};
use crate::group_steps::mute;

use MessagePolicy::{Everyone, Friends, SameDepartmentOrFriends};

impl Bed {
    async fn audience(
        &self,
        user: UserId,
        with: impl Into<Counterpart>,
        policy: MessagePolicy,
    ) -> Audience {
        let audience = self.store.audience(user, with.into(), policy, 3);
        audience.await.unwrap()
    }

    async fn steps(&self, user: UserId, other: UserId, step: ContactStep) {
        let wish = ContactWish {
            user,
            other,
            step,
            most: 10,
        };
        self.store.take_step(&wish).await.unwrap().unwrap();
    }

    /// Marks as read what others are to see; how far they see it now, if that is news.
    async fn shows(&self, user: UserId, conversation: Conversation, up_to: u32) -> Option<u32> {
        let mark = ReadMark {
            user,
            conversation,
            up_to: id(up_to),
            shown: true,
        };
        let moved = self.store.mark_read(&[mark]).await.unwrap();
        assert!(moved.len() <= 1);
        moved.first().map(|shown| {
            let ShownRead { up_to, .. } = *shown;
            assert_eq!((shown.user, shown.conversation), (user, conversation));
            up_to.get()
        })
    }

    async fn readers(&self, user: UserId, conversation: Conversation) -> Vec<(UserId, u32)> {
        let readers = self.store.readers(user, conversation).await.unwrap();
        readers
            .into_iter()
            .map(|(user, id)| (user, id.get()))
            .collect()
    }
}

pub(crate) async fn who_is_heard_is_who_may_write(bed: Bed) {
    let [a, b, stranger] = bed.users().await;
    let nobody = UserId::new(99).unwrap();
    for policy in [Everyone, Friends, SameDepartmentOrFriends] {
        assert_eq!(bed.audience(a, nobody, policy).await, Audience::NoSuchUser);
    }
    assert_eq!(bed.audience(a, b, Everyone).await, Audience::Others);
    assert_eq!(bed.audience(a, b, Friends).await, Audience::NotFriends);
    let colleagues = SameDepartmentOrFriends;
    assert_eq!(bed.audience(a, b, colleagues).await, Audience::NotFriends);
    bed.database
        .execute("UPDATE users SET department_id = 7 WHERE id <= 2")
        .await;
    assert_eq!(bed.audience(a, b, colleagues).await, Audience::Others);
    assert_eq!(
        bed.audience(a, stranger, colleagues).await,
        Audience::NotFriends
    );

    bed.steps(b, a, ContactStep::Block).await;
    assert_eq!(bed.audience(a, b, Everyone).await, Audience::Nobody);
    assert_eq!(bed.audience(b, a, Everyone).await, Audience::Others);
    assert_eq!(bed.audience(a, b, colleagues).await, Audience::NotFriends);
    bed.steps(b, a, ContactStep::Unblock).await;
    let greeting = String::new();
    bed.steps(a, b, ContactStep::Ask { greeting }).await;
    bed.steps(b, a, ContactStep::Accept).await;
    assert_eq!(bed.audience(a, b, Friends).await, Audience::Others);
}

pub(crate) async fn in_a_group_members_are_heard_while_it_is_small(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    assert_eq!(bed.audience(a, group, Friends).await, Audience::Others);
    assert_eq!(bed.audience(c, group, Everyone).await, Audience::NotAMember);
    let nowhere = GroupId::new(99).unwrap();
    assert_eq!(
        bed.audience(a, nowhere, Everyone).await,
        Audience::NoSuchGroup
    );
    bed.join(group, &[c]).await;
    assert_eq!(bed.audience(c, group, Everyone).await, Audience::Others);
    bed.done(a, group, mute(b, Duration::from_secs(60))).await;
    let muted = bed.audience(b, group, Everyone).await;
    assert!(matches!(muted, Audience::Muted { until } if until > UnixMillis::now()));
    assert_eq!(bed.audience(c, group, Everyone).await, Audience::Others);
    bed.done(a, group, mute(b, Duration::ZERO)).await;
    assert_eq!(bed.audience(b, group, Everyone).await, Audience::Others);
    bed.join(group, &[d]).await;
    assert_eq!(bed.audience(c, group, Everyone).await, Audience::TooMany);
}

pub(crate) async fn others_see_what_is_shown_and_no_more(bed: Bed) {
    let [a, b] = bed.users().await;
    let of = between(a, b);
    assert_eq!(bed.shows(b, of, 1).await, None, "there is nothing");
    bed.say(a, b, &["1", "2", "3"]).await;
    bed.read(b, a, 2).await;
    assert_eq!(bed.readers(a, of).await, []);
    assert_eq!(
        bed.shows(b, of, 1).await,
        Some(1),
        "though it was read before"
    );
    assert_eq!(bed.shows(b, of, 1).await, None, "it is no news");
    assert_eq!(bed.shows(b, of, 9).await, Some(3), "not beyond the end");
    assert_eq!(bed.readers(a, of).await, [(b, 3)]);
    assert_eq!(bed.readers(b, of).await, [], "nobody else has read");
    assert_eq!(bed.unread(b).await, []);

    // Several at once, shown and not.
    bed.say(a, b, &["4", "5"]).await;
    bed.say(b, a, &["6"]).await;
    let marks = [
        ReadMark {
            shown: true,
            ..mark(b, a, 4)
        },
        ReadMark {
            shown: true,
            ..mark(a, b, 6)
        },
        mark(b, a, 6),
    ];
    let moved = bed.store.mark_read(&marks).await.unwrap();
    assert_eq!(moved.len(), 2);
    assert_eq!(bed.readers(a, of).await, [(b, 4)]);
    assert_eq!(bed.readers(b, of).await, [(a, 6)]);
}

/// Whoever is blocked learns nothing new, and sees what was shown before.
pub(crate) async fn who_is_blocked_sees_nothing_new(bed: Bed) {
    let [a, b] = bed.users().await;
    let of = between(a, b);
    bed.say(a, b, &["1", "2"]).await;
    assert_eq!(bed.shows(b, of, 1).await, Some(1));
    bed.steps(b, a, ContactStep::Block).await;
    bed.say(a, b, &["withheld"]).await;
    bed.say(b, a, &["4"]).await;
    assert_eq!(bed.shows(b, of, 4).await, None);
    assert_eq!(bed.readers(a, of).await, [(b, 1)]);
    assert_eq!(
        bed.shows(a, of, 4).await,
        Some(4),
        "the other way it goes on"
    );
    assert_eq!(bed.readers(b, of).await, [(a, 4)]);
    bed.steps(b, a, ContactStep::Unblock).await;
    assert_eq!(bed.readers(a, of).await, [(b, 1)]);
    assert_eq!(bed.shows(b, of, 4).await, Some(4));
}

pub(crate) async fn of_a_group_members_are_seen_reading(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b, c]).await;
    let of = Conversation::Group(group);
    bed.say_to(group, a, &["1", "2"]).await;
    assert_eq!(bed.shows(c, of, 2).await, Some(2));
    assert_eq!(bed.shows(b, of, 1).await, Some(1));
    assert_eq!(bed.readers(a, of).await, [(b, 1), (c, 2)]);
    assert_eq!(bed.readers(c, of).await, [(b, 1)]);
    bed.leave(group, &[b]).await;
    bed.join(group, &[b]).await;
    assert_eq!(bed.readers(a, of).await, [(c, 2)]);
    let stranger = bed.store.insert_users(&[new_user("other")]).await;
    assert!(stranger.is_ok());
    assert_eq!(bed.shows(UserId::new(4).unwrap(), of, 2).await, None);
}
