//! What changed for a user since a device of his was last here.

use db_proxy::logic::sync::SyncLimits;
use proto::ids::UserId;

use crate::bed::{Bed, new_user, text};
use crate::device::{Device, Manner};

/// The ids that a page has of the only conversation it tells of.
async fn told(device: &Device, bed: &Bed, manner: &Manner) -> (Vec<u32>, Option<u32>) {
    let page = device.page(bed, manner).await;
    assert_eq!(page.conversations.len(), 1);
    let talk = &page.conversations[0];
    let ids = talk.messages.iter().map(|message| message.id.get());
    (ids.collect(), talk.missing_from)
}

pub(crate) async fn a_new_device_gets_everything_in_pages(bed: Bed) {
    let users: [UserId; 30] = bed.users().await;
    for peer in &users[1..] {
        let batch = vec![text(*peer, users[0], "hello"); 60];
        bed.append(&batch).await;
    }
    let mut device = Device::of(users[0]);
    // 29 times 60 messages, 500 at once
    assert_eq!(device.sync(&bed, &Manner::usual()).await, 4);
    assert_eq!(device.talks.len(), 29);
    for shown in device.talks.values() {
        assert_eq!((shown.messages.len(), shown.unread), (60, 60));
    }
    assert_eq!(device.users.len(), 30);
    let page = device.page(&bed, &Manner::usual()).await;
    assert!(!page.more && !page.reset);
    assert!(page.users.is_empty() && page.groups.is_empty());
}

pub(crate) async fn a_hole_is_told_of_to_the_message(bed: Bed) {
    let [a, b] = bed.users().await;
    let mut device = Device::of(a);
    bed.append(&vec![text(b, a, "hello"); 150]).await;
    let usual = Manner::usual();
    let (ids, missing) = told(&device, &bed, &usual).await;
    assert_eq!((ids, missing), ((51..=150).collect(), Some(1)));
    device.sync(&bed, &usual).await;
    assert_eq!(device.talks[&b.into()].messages.len(), 150, "with history");

    bed.all_is_old().await;
    device.sync(&bed, &usual).await;
    bed.append(&vec![text(b, a, "and more"); 450]).await;
    let (ids, missing) = told(&device, &bed, &usual).await;
    assert_eq!((ids, missing), ((501..=600).collect(), Some(151)));
    let few = Manner {
        messages: 3,
        ..usual
    };
    let (ids, missing) = told(&device, &bed, &few).await;
    assert_eq!((ids, missing), ((598..=600).collect(), Some(151)));
    let all = Manner {
        messages: u32::MAX,
        ..usual
    };
    let (ids, missing) = told(&device, &bed, &all).await;
    assert_eq!((ids, missing), ((151..=600).collect(), None));
}

pub(crate) async fn what_one_knows_does_not_come_again(bed: Bed) {
    let [a, b] = bed.users().await;
    let mut device = Device::of(a);
    device.sync(&bed, &Manner::usual()).await;
    bed.append(&vec![text(b, a, "hello"); 5]).await;
    let tells = Manner {
        tells: true,
        ..Manner::usual()
    };
    let (ids, _) = told(&device, &bed, &tells).await;
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    device.hears(b.into(), 1, &"hello".into());
    device.hears(b.into(), 2, &"hello".into());
    // the third one got lost
    device.hears(b.into(), 4, &"hello".into());
    let (ids, missing) = told(&device, &bed, &tells).await;
    assert_eq!((&ids[..], missing), (&[3, 4, 5][..], None));
    let (ids, _) = told(&device, &bed, &Manner::usual()).await;
    assert_eq!(ids, [1, 2, 3, 4, 5], "who does not say gets some again");
}

pub(crate) async fn a_restored_store_begins_anew(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(b, a, &["one", "two"]).await;
    let mut device = Device::of(a);
    device.sync(&bed, &Manner::usual()).await;
    // as after a restore: other ids may mean other things
    bed.database
        .execute("UPDATE meta SET value = '4711' WHERE name = 'store_epoch'")
        .await;
    device.hears(b.into(), 3, &"never restored".into());
    let tells = Manner {
        tells: true,
        ..Manner::usual()
    };
    device.sync(&bed, &tells).await;
    assert_eq!(device.resets, 1);
    let shown = &device.talks[&b.into()];
    assert_eq!(shown.messages.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(device.users.len(), 2);
    device.sync(&bed, &tells).await;
    assert_eq!(device.resets, 1, "and then goes on");
    for nonsense in [&b"nonsense"[..], &[0; 40], &[1; 33]] {
        device.cursor = Some(nonsense.to_vec());
        device.sync(&bed, &tells).await;
    }
    assert_eq!(device.resets, 4);
}

/// A conversation in which somebody writes all the time, and a device that gets one message with each page.
pub(crate) async fn one_page_at_a_time_under_fire(bed: Bed) {
    let [a, b, c] = bed.users().await;
    bed.append(&vec![text(b, a, "hello"); 40]).await;
    bed.append(&vec![text(c, a, "hello"); 3]).await;
    let mut device = Device::of(a);
    let slow = Manner::small(2, 4_000, 3, 500);
    for written in 1.. {
        if !device.step(&bed, &slow).await {
            break;
        }
        assert!(written < 100, "it never gets to the end");
        bed.append(&[text(b, a, "and more")]).await;
    }
    device.sync(&bed, &slow).await;
    let history = bed.history(a, b).await;
    assert_eq!(device.talks[&b.into()].messages.len(), history.len());
    assert_eq!(device.talks[&c.into()].messages.len(), 3);
}

pub(crate) async fn who_left_and_came_back_is_a_newcomer(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    bed.say_to(group, b, &["one", "two"]).await;
    let mut device = Device::of(a);
    device.sync(&bed, &Manner::usual()).await;
    assert_eq!(device.talks[&group.into()].unread, 2);
    bed.leave(group, &[a]).await;
    let left = device.page(&bed, &Manner::usual()).await.left;
    assert_eq!(left, [group]);
    bed.say_to(group, b, &["three"]).await;
    bed.join(group, &[a, c]).await;
    let page = device.page(&bed, &Manner::usual()).await;
    assert!(page.left.is_empty(), "she is in it");
    device.sync(&bed, &Manner::usual()).await;
    let shown = &device.talks[&group.into()];
    assert_eq!((shown.latest, shown.unread, shown.hidden), (0, 0, true));
    assert!(shown.messages.is_empty());
    assert_eq!(device.groups[&group].1, [a, b, c]);
    bed.say_to(group, b, &["four"]).await;
    device.sync(&bed, &Manner::usual()).await;
    let shown = &device.talks[&group.into()];
    assert_eq!((shown.latest, shown.unread, shown.hidden), (4, 1, false));
    assert_eq!(shown.messages.len(), 1);
}

pub(crate) async fn a_large_book_comes_behind_the_conversations(bed: Bed) {
    let [a, b] = bed.users().await;
    let others: Vec<_> = (0..2_500).map(|n| new_user(&format!("other{n}"))).collect();
    bed.store.insert_users(&others).await.unwrap();
    bed.say(b, a, &["hello"]).await;
    let mut device = Device::of(a);
    assert!(device.step(&bed, &Manner::usual()).await);
    assert_eq!(device.talks.len(), 1);
    assert_eq!(device.users.len(), 500);
    assert_eq!(device.sync(&bed, &Manner::usual()).await, 5);
    assert_eq!(device.users.len(), 2_502);
    let page = device.page(&bed, &Manner::usual()).await;
    assert!(page.users.is_empty() && !page.more);
}

/// A message that had its stamp before the device asked, and was committed behind that.
pub(crate) async fn what_was_committed_late_is_not_missed(bed: Bed) {
    let [a, b] = bed.users().await;
    let mut device = Device::of(a);
    let as_set_up = Manner {
        limits: SyncLimits::default(),
        ..Manner::usual()
    };
    device.sync(&bed, &as_set_up).await;
    bed.say(b, a, &["late"]).await;
    for sql in [
        "UPDATE conversations SET last_message_at_ms = last_message_at_ms - 8000",
        "UPDATE messages SET stored_at_ms = stored_at_ms - 8000",
        "UPDATE participants SET updated_at_ms = 0",
    ] {
        bed.database.execute(sql).await;
    }
    device.sync(&bed, &as_set_up).await;
    assert_eq!(device.talks[&b.into()].messages.len(), 1);
    assert_eq!(bed.missed(&[a]).await.len(), 1);
}
