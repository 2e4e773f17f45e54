use db_proxy::store::{MAX_RESUMES, ResumeHash, ResumeToken, UnixMillis};
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

async fn exchange(bed: &Bed, old: u8, new: &ResumeToken, grace_until: UnixMillis) -> bool {
    let old = hash(old);
    let exchanged = bed.store.exchange_resume(&old, new, grace_until);
    exchanged.await.unwrap()
}

pub(crate) async fn a_token_leads_to_the_next(bed: Bed) {
    let [a] = bed.users().await;
    bed.store
        .add_resume(&token(a, windows(), 1, 0))
        .await
        .unwrap();
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
    bed.store
        .add_resume(&token(a, windows(), 1, 0))
        .await
        .unwrap();
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
    bed.store
        .add_resume(&token(a, windows(), 1, 0))
        .await
        .unwrap();
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
        bed.store.add_resume(&new).await.unwrap();
    }
    bed.store.revoke_resumes(a, &[]).await.unwrap();
    bed.store.revoke_resumes(a, &[windows()]).await.unwrap();
    assert!(!exchange(&bed, 1, &token(a, windows(), 11, 1), NEVER).await);
    assert!(exchange(&bed, 2, &token(a, phone(), 12, 1), NEVER).await);
    assert!(exchange(&bed, 3, &token(b, windows(), 13, 1), NEVER).await);
}

pub(crate) async fn of_too_many_tokens_the_longest_unused_go(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.store
        .add_resume(&token(b, windows(), 0, 0))
        .await
        .unwrap();
    let last = MAX_RESUMES as u8 + 1;
    for number in 1..=last {
        let new = token(a, windows(), number, 5);
        bed.store.add_resume(&new).await.unwrap();
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
    bed.store
        .add_resume(&token(a, windows(), 1, 0))
        .await
        .unwrap();
    let other = bed.database.open().await;
    let (one, two) = (token(a, windows(), 2, 1), token(a, windows(), 3, 1));
    let shown = hash(1);
    let (first, second) = tokio::join!(
        bed.store.exchange_resume(&shown, &one, NEVER),
        other.exchange_resume(&shown, &two, NEVER),
    );
    assert!(first.unwrap() && second.unwrap());
    let next = [token(a, windows(), 4, 2), token(a, windows(), 5, 2)];
    let good = [
        exchange(&bed, 2, &next[0], NEVER).await,
        exchange(&bed, 3, &next[1], NEVER).await,
    ];
    assert_eq!(good.iter().filter(|good| **good).count(), 1);
}
