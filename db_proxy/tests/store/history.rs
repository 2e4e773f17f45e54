use db_proxy::store::{PageLimit, StoredMessage};

use crate::bed::{Bed, EVERYTHING, between, id};

fn numbers(page: &[StoredMessage]) -> Vec<u32> {
    page.iter().map(|message| message.id.get()).collect()
}

fn rows(rows: usize) -> PageLimit {
    PageLimit { rows, ..EVERYTHING }
}

pub(crate) async fn pages_go_back_from_where_asked(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1", "2", "3", "4", "5"]).await;
    let page = async |begin: Option<u32>, count| {
        let page = bed
            .store
            .history(a, between(a, b), begin.map(id), rows(count));
        numbers(&page.await.unwrap())
    };
    assert_eq!(page(None, 2).await, [5, 4]);
    assert_eq!(page(Some(4), 2).await, [4, 3]);
    assert_eq!(page(Some(2), 9).await, [2, 1]);
    assert_eq!(page(Some(1), 9).await, [1]);
    assert_eq!(page(Some(u32::MAX), 1).await, [5]);
    assert!(page(None, 0).await.is_empty());
}

pub(crate) async fn a_page_ends_at_its_limits(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["four", "four", "four"]).await;
    let page = async |rows, bytes| {
        let page = bed
            .store
            .history(a, between(a, b), None, PageLimit { rows, bytes });
        numbers(&page.await.unwrap())
    };
    assert_eq!(page(9, 12).await, [3, 2, 1]);
    assert_eq!(page(9, 11).await, [3, 2]);
    assert_eq!(page(9, 0).await, [3], "the first always fits");
    assert_eq!(page(1, 12).await, [3]);
}

pub(crate) async fn messages_by_id_come_newest_first(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1", "2", "3", "4"]).await;
    let pick = async |ids: &[u32], limit| {
        let ids: Vec<_> = ids.iter().copied().map(id).collect();
        numbers(
            &bed.store
                .messages(b, between(b, a), &ids, limit)
                .await
                .unwrap(),
        )
    };
    assert_eq!(
        pick(&[2, 4, 2, 99, u32::MAX, 1], EVERYTHING).await,
        [4, 2, 1]
    );
    assert_eq!(pick(&[1, 2, 3], rows(2)).await, [3, 2]);
    assert!(pick(&[], EVERYTHING).await.is_empty());
    let far: Vec<u32> = (3..1000).rev().chain([3, 4]).collect();
    assert_eq!(pick(&far, EVERYTHING).await, [4, 3]);
}

pub(crate) async fn nothing_was_ever_said(bed: Bed) {
    let [a, b] = bed.users().await;
    assert!(bed.history(a, b).await.is_empty());
    let latest = bed.store.latest_id(a, between(a, b)).await.unwrap();
    assert_eq!(latest, None);
    let picked = bed
        .store
        .messages(a, between(a, b), &[id(1)], EVERYTHING)
        .await;
    assert!(picked.unwrap().is_empty());
    assert!(bed.recent(a, 0).await.is_empty());
    assert!(bed.unread(a).await.is_empty());
    assert!(!bed.hide(a, b).await);
    bed.read(a, b, 1).await;
    bed.say(b, a, &["1"]).await;
    assert_eq!(bed.unread(a).await, [(b, 1)]);
}
