use db_proxy::store::{AppendRefusal, Conversation, MessageKind, NewMessage};
use futures_util::future::join_all;
use proto::ids::{GroupId, UserId};

use crate::bed::{Bed, EVERYTHING, id, ids, keyed, text};
use crate::circle::to_group;

pub(crate) async fn members_write_and_others_do_not(bed: Bed) {
    let [a, b, stranger] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let nowhere = GroupId::new(99).unwrap();
    let outcomes = bed
        .append(&[
            to_group(a, group, "1"),
            to_group(stranger, group, "x"),
            text(a, b, "beside"),
            to_group(a, nowhere, "x"),
            to_group(b, group, "2"),
        ])
        .await;
    assert_eq!(outcomes[1], Err(AppendRefusal::NotAMember));
    assert_eq!(outcomes[3], Err(AppendRefusal::NoSuchGroup));
    assert_eq!(ids(&[outcomes[0], outcomes[2], outcomes[4]]), [1, 1, 2]);
    assert_eq!(bed.seen(a, group).await, ["1", "2"]);
    assert_eq!(bed.texts(a, b).await, ["beside"]);
    let versions: Vec<_> = [0, 2, 4].map(|n| outcomes[n].unwrap().group_version).into();
    assert_eq!(versions, [Some(1), None, Some(1)]);

    bed.leave(group, &[b]).await;
    let outcomes = bed
        .append(&[to_group(b, group, "x"), to_group(a, group, "3")])
        .await;
    assert_eq!(outcomes[0], Err(AppendRefusal::NotAMember));
    assert_eq!(outcomes[1].unwrap().group_version, Some(2));
    bed.database
        .execute("UPDATE chat_groups SET status = 1")
        .await;
    let outcomes = bed.append(&[to_group(a, group, "x")]).await;
    assert_eq!(outcomes, [Err(AppendRefusal::NoSuchGroup)]);
}

/// D-5, D-76: unread is what others wrote after what one has read; writing is having read.
pub(crate) async fn unread_follows_positions(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b, c]).await;
    bed.say_to(group, a, &["1", "2"]).await;
    bed.say_to(group, b, &["3"]).await;
    let unread = async || {
        let mut counts = Vec::new();
        for user in [a, b, c] {
            counts.push(bed.group_unread(user, group).await);
        }
        counts
    };
    assert_eq!(unread().await, [1, 0, 3]);
    bed.read_group(c, group, 2).await;
    bed.say_to(group, a, &["4"]).await;
    assert_eq!(unread().await, [0, 1, 2], "a mark counts up to its message");
    bed.read_group(c, group, u32::MAX).await;
    bed.read_group(b, group, 1).await;
    assert_eq!(unread().await, [0, 1, 0], "and never back");
    let batch = [
        to_group(b, group, "5"),
        to_group(a, group, "6"),
        to_group(b, group, "7"),
        to_group(c, group, "8"),
    ];
    bed.append(&batch).await;
    assert_eq!(unread().await, [2, 1, 0], "read up to one's own newest");
    let list = bed.unread_list(a).await;
    assert_eq!(list.total, 2);
    let latest = &list.conversations[0].latest;
    assert_eq!((latest.id.get(), latest.sender), (8, c));
}

/// Somebody who joins sees what is written from then on, and somebody who left sees nothing.
pub(crate) async fn newcomers_start_at_the_end(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a]).await;
    bed.say_to(group, a, &["1", "2"]).await;
    bed.join(group, &[b]).await;
    assert!(bed.seen(b, group).await.is_empty());
    assert_eq!(bed.group_unread(b, group).await, 0);
    assert!(!bed.lists(b, group).await);
    assert!(!bed.hide_group(b, group).await);
    bed.read_group(b, group, u32::MAX).await;

    bed.say_to(group, a, &["3"]).await;
    assert_eq!(bed.seen(b, group).await, ["3"]);
    let conversation = Conversation::Group(group);
    let old = bed.store.history(b, conversation, Some(id(2)), EVERYTHING);
    assert!(old.await.unwrap().is_empty());
    let all = [id(1), id(2), id(3)];
    let picked = bed.store.messages(b, conversation, &all, EVERYTHING).await;
    assert_eq!(picked.unwrap().len(), 1);
    assert_eq!(bed.group_unread(b, group).await, 1);
    assert!(bed.lists(b, group).await);

    bed.leave(group, &[b]).await;
    assert!(bed.seen(b, group).await.is_empty());
    assert_eq!(bed.unread_list(b).await.total, 0);
    assert!(!bed.lists(b, group).await);
    bed.say_to(group, a, &["4"]).await;
    assert_eq!(bed.unread_list(b).await.total, 0);

    bed.join(group, &[b]).await;
    bed.say_to(group, a, &["5"]).await;
    assert_eq!(bed.seen(b, group).await, ["5"], "not what was missed");
    assert_eq!(bed.group_unread(b, group).await, 1);
    assert_eq!(bed.seen(a, group).await, ["1", "2", "3", "4", "5"]);
}

/// D-46: history, messages by id and the newest id are for those who take part.
pub(crate) async fn strangers_learn_nothing(bed: Bed) {
    let [a, b, stranger] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    bed.say_to(group, a, &["secret"]).await;
    bed.say(a, b, &["secret"]).await;
    assert!(bed.seen(stranger, group).await.is_empty());
    let conversation = Conversation::Group(group);
    let picked = bed
        .store
        .messages(stranger, conversation, &[id(1)], EVERYTHING)
        .await;
    assert!(picked.unwrap().is_empty());
    let between = crate::bed::between(a, b);
    let history = bed.store.history(stranger, between, None, EVERYTHING).await;
    assert!(history.unwrap().is_empty());
    let latest = bed.store.latest_id(stranger, between).await.unwrap();
    assert_eq!(latest, None);
    bed.read_group(stranger, group, 1).await;
    assert!(!bed.hide_group(stranger, group).await);
    assert!(!bed.lists(stranger, group).await);
}

/// D-15: a group that was taken off the list comes back with its next message.
pub(crate) async fn a_hidden_group_comes_back(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    assert!(!bed.lists(a, group).await, "nothing was said");
    bed.say_to(group, a, &["1"]).await;
    assert!(bed.lists(a, group).await && bed.lists(b, group).await);
    assert!(bed.hide_group(b, group).await);
    assert!(!bed.lists(b, group).await && bed.lists(a, group).await);
    assert_eq!(bed.group_unread(b, group).await, 0);
    assert_eq!(bed.seen(b, group).await, ["1"]);
    bed.say_to(group, a, &["2"]).await;
    assert!(bed.lists(b, group).await);
    assert_eq!(bed.group_unread(b, group).await, 1);
}

pub(crate) async fn a_resend_to_a_group_is_stored_once(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let message = keyed(to_group(a, group, "x"), b"key");
    bed.append(&[message.clone(), message.clone()]).await;
    bed.say_to(group, b, &["y"]).await;
    bed.leave(group, &[b]).await;
    let again = bed.append(&[message]).await[0].unwrap();
    assert!(again.duplicate);
    assert_eq!((again.message_id, again.group_version), (id(1), Some(2)));
    assert_eq!(bed.seen(a, group).await, ["x", "y"]);
    assert_eq!(bed.group_unread(a, group).await, 1, "no mark of reading");
}

/// Whoever left the group is told none the less that his message is stored; anything else under its key is refused.
pub(crate) async fn a_resend_after_leaving_is_answered(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let message = keyed(to_group(b, group, "x"), b"key");
    let first = bed.append(std::slice::from_ref(&message)).await[0].unwrap();
    bed.leave(group, &[b]).await;
    let altered = [
        keyed(to_group(b, group, "y"), b"key"),
        keyed(to_group(b, group, "x"), b"another"),
        NewMessage {
            kind: MessageKind(0x12),
            ..message.clone()
        },
    ];
    for refused in bed.append(&altered).await {
        assert_eq!(refused, Err(AppendRefusal::NotAMember));
    }
    let again = bed.append(std::slice::from_ref(&message)).await[0].unwrap();
    assert_eq!(again.message_id, first.message_id);
    assert_eq!((again.duplicate, again.altered), (true, false));
    assert_eq!(again.group_version, Some(2));
    assert_eq!(bed.seen(a, group).await, ["x"]);
    assert!(bed.seen(b, group).await.is_empty());

    bed.join(group, &[b]).await;
    let outcomes = bed.append(&altered[..1]).await;
    assert!(outcomes[0].unwrap().altered, "not what is stored");
}

/// D-3, D-96: ids of a group have neither gap nor double, whoever writes where.
pub(crate) async fn two_stores_write_to_one_group_without_a_gap(bed: Bed) {
    let users: [UserId; 8] = bed.users().await;
    let group = bed.group(&users).await;
    let other = bed.database.open().await;
    let writers = users.iter().enumerate().map(|(n, user)| {
        let store = if n % 2 == 0 { &bed.store } else { &other };
        async move {
            let mut mine = Vec::new();
            for text in ["1", "2", "3", "4", "5"] {
                let batch = [to_group(*user, group, text), to_group(*user, group, text)];
                mine.extend(ids(&store.append(&batch).await.unwrap()));
            }
            assert!(mine.is_sorted());
            mine
        }
    });
    let mut given: Vec<u32> = join_all(writers).await.into_iter().flatten().collect();
    given.sort_unstable();
    assert_eq!(given, (1..=80).collect::<Vec<_>>());
    assert_eq!(bed.seen(users[0], group).await.len(), 80);
    let mut unread = Vec::new();
    for user in users {
        unread.push(bed.group_unread(user, group).await);
    }
    assert_eq!(unread.iter().min(), Some(&0), "whoever wrote last");
}

/// Whoever is sent away while others write sees all of it or nothing, and writes before or not at all.
pub(crate) async fn leaving_while_writing_is_before_or_after(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let other = bed.database.open().await;
    let write = async {
        let mut stored = 0;
        for _ in 0..30 {
            let outcome = bed.append(&[to_group(b, group, "x")]).await[0];
            match outcome {
                Ok(appended) => {
                    stored += 1;
                    assert!(appended.group_version.unwrap() % 2 == 1, "b is a member");
                }
                Err(refusal) => assert_eq!(refusal, AppendRefusal::NotAMember),
            }
        }
        stored
    };
    let change = async {
        use db_proxy::store::Direction::{Join, Leave};
        for direction in [Leave, Join, Leave, Join, Leave] {
            let change = crate::circle::change(group, None, direction, &[b]);
            other.change_members(&change).await.unwrap().unwrap();
        }
    };
    let (stored, ()) = futures_util::future::join(write, change).await;
    assert_eq!(bed.seen(a, group).await.len(), stored);
    assert!(bed.seen(b, group).await.is_empty());
}
