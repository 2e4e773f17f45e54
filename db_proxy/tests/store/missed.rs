//! What was stored a short while ago, as a msg_server asks that may have missed it.

use std::time::Duration;

use db_proxy::logic::missed::{Missed, MissedPage, MissedPlace};
use db_proxy::store::{Counterpart, PageLimit};
use proto::ids::UserId;

use crate::bed::{Bed, EVERYTHING, text_of};
use crate::circle::to_group;

const MINUTE: Duration = Duration::from_secs(60);

/// To whom, its id, what it says.
type Told = (Counterpart, u32, String);

fn told(page: &MissedPage) -> Vec<Told> {
    let message = |missed: &db_proxy::logic::missed::MissedMessage| {
        (missed.to, missed.message.id.get(), text_of(&missed.message))
    };
    page.messages.iter().map(message).collect()
}

impl Bed {
    pub(crate) async fn missed(&self, users: &[UserId]) -> Vec<Told> {
        let missed = Missed::new(self.store.clone(), EVERYTHING);
        let page = missed.page(users, MINUTE, None).await.unwrap();
        assert_eq!(page.next, None);
        told(&page)
    }

    /// As if everything had been stored that long ago.
    pub(crate) async fn all_is_old(&self) {
        self.long_ago().await;
        self.database
            .execute("UPDATE messages SET stored_at_ms = 1000")
            .await;
    }
}

pub(crate) async fn what_is_new_comes_once_and_what_is_old_does_not(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    bed.say(a, b, &["old", "older"]).await;
    bed.say(c, d, &["old"]).await;
    bed.all_is_old().await;
    assert_eq!(bed.missed(&[a, b, c, d]).await, []);

    bed.say(a, b, &["one"]).await;
    bed.say(b, a, &["two"]).await;
    let new = [(b.into(), 3, "one".into()), (a.into(), 4, "two".into())];
    for users in [vec![a], vec![b], vec![a, b, b, c]] {
        assert_eq!(bed.missed(&users).await, new);
    }
    assert_eq!(bed.missed(&[c, d]).await, []);
    assert_eq!(bed.missed(&[]).await, []);

    // by the store's clock, whatever the senders' servers said
    let missed = Missed::new(bed.store.clone(), EVERYTHING);
    let page = missed.page(&[a], Duration::ZERO, None).await.unwrap();
    assert_eq!(
        told(&page),
        new,
        "what may not have been seen yet comes too"
    );
}

pub(crate) async fn of_a_group_comes_what_one_of_the_members_sees(bed: Bed) {
    let [a, b, c, d] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    bed.say_to(group, a, &["one", "two"]).await;
    bed.join(group, &[c]).await;
    assert_eq!(bed.missed(&[c]).await, [], "she was not there");
    bed.say_to(group, c, &["three"]).await;
    let all: Vec<Told> = ["one", "two", "three"]
        .into_iter()
        .zip(1..)
        .map(|(text, id)| (group.into(), id, text.to_owned()))
        .collect();
    assert_eq!(bed.missed(&[c]).await, all[2..]);
    assert_eq!(bed.missed(&[a, b, c, d]).await, all);
    assert_eq!(bed.missed(&[d]).await, []);
    let missed = Missed::new(bed.store.clone(), EVERYTHING);
    let page = missed.page(&[a], MINUTE, None).await.unwrap();
    assert!(page.messages.iter().all(|m| m.group_version == Some(2)));
    bed.leave(group, &[c]).await;
    assert_eq!(bed.missed(&[c]).await, []);
}

pub(crate) async fn pages_of_what_was_missed_make_up_the_whole(bed: Bed) {
    let users: [UserId; 150] = bed.users().await;
    let group = bed.group(&users).await;
    for (place, user) in users.iter().enumerate().skip(1) {
        let text = format!("{:>1$}", place, place % 40 + 1);
        bed.say(users[0], *user, &[&text, &text]).await;
    }
    let batch: Vec<_> = (0..70)
        .map(|n| to_group(users[n], group, &n.to_string()))
        .collect();
    bed.append(&batch).await;
    let all = bed.missed(&users).await;
    assert_eq!(all.len(), 149 * 2 + 70);
    for (rows, bytes) in [(1, 1), (7, 100), (64, 100_000), (100, 2_000), (500, 300)] {
        let missed = Missed::new(bed.store.clone(), PageLimit { rows, bytes });
        let (mut paged, mut place) = (Vec::new(), None);
        loop {
            let page = missed.page(&users, MINUTE, place).await.unwrap();
            assert!((1..=rows).contains(&page.messages.len()));
            paged.extend(told(&page));
            let Some(next) = page.next else { break };
            place = MissedPlace::from_bytes(&next.to_bytes());
        }
        assert_eq!(paged, all, "{rows} messages or {bytes} bytes each");
    }
}
