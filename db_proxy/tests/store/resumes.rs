use db_proxy::store::ResumeOutcome::{Kept, NoSuchToken, Unwanted};
use db_proxy::store::{
    MAX_RESUMES, ProfileChange, ResumeHash, ResumeLook, ResumeOutcome, ResumeToken, ResumeWrite,
    ShownToken, Store, UnixMillis, UserStatus,
};
use proto::device::DeviceType;
use proto::ids::UserId;

use crate::bed::Bed;

const NEVER: UnixMillis = UnixMillis(i64::MAX);

fn windows() -> DeviceType {
    DeviceType::parse(1).unwrap()
}

fn phone() -> DeviceType {
    DeviceType::parse(0x12).unwrap()
}

fn hash(number: u8) -> ResumeHash {
    [number; 32]
}

/// Made at that moment, and good for a thousand.
fn token(user: UserId, device_type: DeviceType, number: u8, at: i64) -> ResumeToken {
    ResumeToken {
        hash: hash(number),
        user,
        device_type,
        created_at: UnixMillis(at),
        expires_at: UnixMillis(at + 1_000),
    }
}

fn given(new: ResumeToken) -> ResumeWrite {
    ResumeWrite { new, shown: None }
}

fn exchanged(old: u8, new: &ResumeToken, grace_until: UnixMillis) -> ResumeWrite {
    let hash = hash(old);
    ResumeWrite {
        new: new.clone(),
        shown: Some(ShownToken { hash, grace_until }),
    }
}

async fn write(store: &dyn Store, writes: &[ResumeWrite]) -> Vec<ResumeOutcome> {
    store.write_resumes(writes, &|_| true).await.unwrap()
}

async fn add(bed: &Bed, new: &ResumeToken) {
    let kept = write(&*bed.store, &[given(new.clone())]).await;
    assert_eq!(kept, [Kept]);
}

async fn exchange(bed: &Bed, old: u8, new: &ResumeToken, grace_until: UnixMillis) -> bool {
    let now = new.created_at;
    let look = ResumeLook {
        hash: hash(old),
        user: new.user,
        device_type: new.device_type,
        at: now,
    };
    // one that is of nobody's changes nothing for the others
    let nobodys = ResumeLook {
        hash: hash(255),
        ..look
    };
    let looks = [nobodys, look, nobodys];
    let good = bed.store.good_resumes(&looks).await.unwrap();
    assert_eq!((good[0], good[2], good.len()), (false, false, 3));
    let good = good[1];
    let outcome = write(&*bed.store, &[exchanged(old, new, grace_until)]).await;
    assert_eq!(outcome, [if good { Kept } else { NoSuchToken }]);
    good
}

pub(crate) async fn a_token_leads_to_the_next(bed: Bed) {
    let [a] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    for number in 1..=20 {
        let next = token(a, windows(), number + 1, i64::from(number));
        assert!(exchange(&bed, number, &next, NEVER).await, "{number}");
        // the one before it has done its work once this one was shown
        let stale = token(a, windows(), 200, i64::from(number));
        assert!(!exchange(&bed, number - 1, &stale, NEVER).await, "{number}");
    }
    assert!(!exchange(&bed, 99, &token(a, windows(), 100, 21), NEVER).await);
}

/// The new one got lost on its way: the old one is shown again, for a while.
pub(crate) async fn a_lost_token_is_made_up_for(bed: Bed) {
    let [a] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    let grace = UnixMillis(100);
    assert!(exchange(&bed, 1, &token(a, windows(), 2, 10), grace).await);
    assert!(exchange(&bed, 1, &token(a, windows(), 3, 20), grace).await);
    let late = token(a, windows(), 4, 30);
    assert!(
        !exchange(&bed, 2, &late, grace).await,
        "what got lost is worth nothing"
    );
    assert!(exchange(&bed, 3, &late, UnixMillis(500)).await);
    assert!(!exchange(&bed, 1, &token(a, windows(), 5, 40), grace).await);
    // and not for longer, whatever was promised later
    assert!(exchange(&bed, 4, &token(a, windows(), 6, 50), grace).await);
    assert!(!exchange(&bed, 4, &token(a, windows(), 7, 100), NEVER).await);
    assert!(exchange(&bed, 6, &token(a, windows(), 8, 100), NEVER).await);
}

pub(crate) async fn a_token_is_for_one_user_and_one_kind_of_device(bed: Bed) {
    let [a, b] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    assert!(!exchange(&bed, 1, &token(b, windows(), 2, 1), NEVER).await);
    assert!(!exchange(&bed, 1, &token(a, phone(), 2, 1), NEVER).await);
    assert!(
        !exchange(&bed, 1, &token(a, windows(), 2, 1_000), NEVER).await,
        "expired"
    );
    assert!(
        exchange(&bed, 1, &token(a, windows(), 2, 999), NEVER).await,
        "refusals change nothing"
    );
}

pub(crate) async fn tokens_are_revoked_by_kind_of_device(bed: Bed) {
    let [a, b] = bed.users().await;
    let tokens = [(a, windows()), (a, phone()), (b, windows())];
    for ((user, device_type), number) in tokens.into_iter().zip(1..) {
        let new = token(user, device_type, number, 0);
        add(&bed, &new).await;
    }
    bed.store.revoke_resumes(a, &[]).await.unwrap();
    bed.store.revoke_resumes(a, &[windows()]).await.unwrap();
    assert!(!exchange(&bed, 1, &token(a, windows(), 11, 1), NEVER).await);
    assert!(exchange(&bed, 2, &token(a, phone(), 12, 1), NEVER).await);
    assert!(exchange(&bed, 3, &token(b, windows(), 13, 1), NEVER).await);
}

pub(crate) async fn of_too_many_tokens_the_longest_unused_go(bed: Bed) {
    let [a, b] = bed.users().await;
    add(&bed, &token(b, windows(), 0, 0)).await;
    let last = MAX_RESUMES as u8 + 1;
    for number in 1..=last {
        let new = token(a, windows(), number, 5);
        add(&bed, &new).await;
    }
    let mut left = 0;
    for number in (1..=last).rev() {
        let next = token(a, windows(), 100 + number, 7);
        left += usize::from(exchange(&bed, number, &next, NEVER).await);
        if number == last {
            assert_eq!(left, 1, "the newest stays, also of one moment");
        }
    }
    assert!((1..=MAX_RESUMES).contains(&left), "{left}");
    assert!(exchange(&bed, 0, &token(b, windows(), 50, 7), NEVER).await);
}

pub(crate) async fn one_token_shown_twice_at_once_leaves_one_way_on(bed: Bed) {
    let [a] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    let other = bed.database.open().await;
    let (one, two) = (token(a, windows(), 2, 1), token(a, windows(), 3, 1));
    let shown = [exchanged(1, &one, NEVER), exchanged(1, &two, NEVER)];
    let (first, second) =
        tokio::join!(write(&*bed.store, &shown[..1]), write(&*other, &shown[1..]),);
    assert_eq!([first, second], [[Kept], [Kept]]);
    let next = [token(a, windows(), 4, 2), token(a, windows(), 5, 2)];
    let good = [
        exchange(&bed, 2, &next[0], NEVER).await,
        exchange(&bed, 3, &next[1], NEVER).await,
    ];
    assert_eq!(good.iter().filter(|good| **good).count(), 1);
}

/// As if each were alone, in their order, also those of one user; what nobody waits for is not made.
pub(crate) async fn many_tokens_are_exchanged_in_one_transaction(bed: Bed) {
    let users: [UserId; 40] = bed.users().await;
    let first: Vec<_> = users
        .iter()
        .zip(0..)
        .map(|(user, n)| given(token(*user, windows(), n, 0)))
        .collect();
    assert_eq!(write(&*bed.store, &first).await, vec![Kept; 40]);
    let mut next: Vec<_> = users
        .iter()
        .zip(0..)
        .map(|(user, n)| exchanged(n, &token(*user, windows(), 100 + n, 1), NEVER))
        .collect();
    next.push(exchanged(100, &token(users[0], windows(), 200, 1), NEVER));
    next.push(exchanged(0, &token(users[0], windows(), 201, 1), NEVER));
    next.push(exchanged(99, &token(users[1], windows(), 202, 1), NEVER));
    let unwanted = 5;
    let wanted = |place| place != unwanted;
    let outcomes = bed.store.write_resumes(&next, &wanted);
    let mut expected = vec![Kept; 41];
    expected[unwanted] = Unwanted;
    expected.extend([NoSuchToken, NoSuchToken]);
    assert_eq!(outcomes.await.unwrap(), expected);
    assert!(!exchange(&bed, 105, &token(users[5], windows(), 210, 2), NEVER).await);
    assert!(exchange(&bed, 5, &token(users[5], windows(), 210, 2), NEVER).await);
    assert!(exchange(&bed, 200, &token(users[0], windows(), 211, 2), NEVER).await);
    assert!(exchange(&bed, 139, &token(users[39], windows(), 212, 2), NEVER).await);
}

/// Whoever made an exchange and did not hear of it makes it once more, even if the old one has ended with it.
pub(crate) async fn an_exchange_may_be_made_twice(bed: Bed) {
    let [a] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    let exchange = [exchanged(1, &token(a, windows(), 2, 1), UnixMillis(1))];
    assert_eq!(write(&*bed.store, &exchange).await, [Kept]);
    assert_eq!(write(&*bed.store, &exchange).await, [Kept]);
    let other = [exchanged(1, &token(a, windows(), 3, 1), UnixMillis(1))];
    assert_eq!(write(&*bed.store, &other).await, [NoSuchToken]);
}

pub(crate) async fn who_may_not_log_in_any_more_has_no_tokens(bed: Bed) {
    let [a, b] = bed.users().await;
    add(&bed, &token(a, windows(), 1, 0)).await;
    add(&bed, &token(b, windows(), 2, 0)).await;
    for status in [UserStatus::REGULAR, UserStatus::LEFT, UserStatus::REGULAR] {
        let change = ProfileChange {
            status: Some(status),
            ..ProfileChange::default()
        };
        bed.store.change_profile(a, &change).await.unwrap();
        if status == UserStatus::REGULAR {
            continue;
        }
        let look = ResumeLook {
            hash: hash(1),
            user: a,
            device_type: windows(),
            at: UnixMillis(1),
        };
        let kept = bed.store.good_resumes(&[look]).await.unwrap();
        assert_eq!(kept, [false]);
    }
    assert!(!exchange(&bed, 1, &token(a, windows(), 11, 1), NEVER).await);
    assert!(exchange(&bed, 2, &token(b, windows(), 12, 1), NEVER).await);
}
