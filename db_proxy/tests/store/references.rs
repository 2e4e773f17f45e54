//! Messages that mention users and answer others.

use std::time::Duration;

use db_proxy::store::{
    AppendRefusal, ContactStep, ContactWish, Conversation, NewMessage, NewRevision, References,
    Revised, StoredMessage,
};
use proto::ids::{GroupId, MessageId, UserId};

use crate::bed::{Bed, EVERYTHING, between, id, keyed, text};
use crate::circle::to_group;

/// The same message with what it refers to.
fn with(
    message: NewMessage,
    mentioned: &[UserId],
    everybody: bool,
    answers: impl Into<Option<u32>>,
) -> NewMessage {
    let answers = answers.into().and_then(MessageId::new);
    NewMessage {
        references: References::new(mentioned.to_vec(), everybody, answers),
        ..message
    }
}

async fn refused(bed: &Bed, message: NewMessage) -> AppendRefusal {
    bed.append(&[message]).await[0].unwrap_err()
}

async fn recalled(bed: &Bed, conversation: Conversation, by: UserId, of: u32) -> StoredMessage {
    let wanted = NewRevision {
        conversation,
        id: id(of),
        by,
        to: Revised::Recalled,
        within: Duration::from_secs(3600),
    };
    bed.store.revise(&wanted).await.unwrap().unwrap()
}

pub(crate) async fn a_message_comes_back_with_what_it_refers_to(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b, c]).await;
    let of = Conversation::Group(group);
    let plain = to_group(a, group, "1");
    let naming = with(to_group(b, group, "2"), &[c, a, c], false, 1);
    let all = with(to_group(a, group, "3"), &[], true, None);
    // the second answers one of its own batch
    bed.append(&[plain, naming, all]).await[1].unwrap();
    let wanted = [
        References::new(vec![], true, None),
        References::new(vec![a, c], false, MessageId::new(1)),
        None,
    ];
    let history = bed.store.history(c, of, None, EVERYTHING).await.unwrap();
    assert!(history.iter().map(|m| &m.references).eq(wanted.iter()));
    assert!(history[1].references.as_ref().unwrap().mentions(c));
    let named = bed.store.messages(c, of, &[id(2)], EVERYTHING).await;
    assert_eq!(named.unwrap(), history[1..2]);
    let list = bed.unread_list(c).await;
    assert_eq!(list.conversations[0].latest, history[0]);

    // An edit keeps them, a recall does not.
    let edit = NewRevision {
        conversation: of,
        id: id(2),
        by: b,
        to: Revised::Edited("two".into()),
        within: Duration::from_secs(3600),
    };
    let edited = bed.store.revise(&edit).await.unwrap().unwrap();
    assert_eq!(edited.references, wanted[1]);
    assert_eq!(recalled(&bed, of, b, 2).await.references, None);
    let history = bed.store.history(c, of, None, EVERYTHING).await.unwrap();
    assert_eq!(history[1].references, None);
    assert_eq!(history[0].references, wanted[0]);
}

pub(crate) async fn who_and_what_is_not_there_is_not_referred_to(bed: Bed) {
    let [a, b, c, stranger] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    bed.say_to(group, a, &["1", "2"]).await;
    bed.join(group, &[c]).await;
    let from = |sender: UserId| to_group(sender, group, "x");
    let mention = with(from(b), &[a, stranger], false, None);
    assert_eq!(
        refused(&bed, mention).await,
        AppendRefusal::MentionsNoMember
    );
    let everybody = |sender| with(from(sender), &[], true, None);
    assert_eq!(
        refused(&bed, everybody(b)).await,
        AppendRefusal::NotPermitted
    );
    bed.database
        .execute("UPDATE group_members SET role = 1 WHERE user_id = 2")
        .await;
    bed.append(&[everybody(b)]).await[0].unwrap();
    // who left is no member, though he made the group
    bed.leave(group, &[a]).await;
    assert_eq!(refused(&bed, everybody(a)).await, AppendRefusal::NotAMember);
    let mention = with(from(b), &[a], false, None);
    assert_eq!(
        refused(&bed, mention).await,
        AppendRefusal::MentionsNoMember
    );
    let answer = |sender, id| with(from(sender), &[], false, id);
    for (sender, id) in [(b, 4), (c, 2), (c, 5)] {
        let refusal = refused(&bed, answer(sender, id)).await;
        assert_eq!(refusal, AppendRefusal::NoSuchMessage, "{id}");
    }
    // what was written before somebody came he does not see
    bed.append(&[answer(c, 3), answer(b, 1), answer(b, 4)])
        .await
        .into_iter()
        .for_each(|outcome| assert!(outcome.is_ok()));

    let two = |id| with(text(b, c, "x"), &[], false, id);
    assert_eq!(refused(&bed, two(1)).await, AppendRefusal::NoSuchMessage);
    bed.say(b, c, &["1"]).await;
    bed.append(&[two(1)]).await[0].unwrap();
    for mention in [
        with(text(b, c, "x"), &[c], false, None),
        with(text(b, c, "x"), &[], true, 1),
    ] {
        let refusal = refused(&bed, mention).await;
        assert_eq!(refusal, AppendRefusal::MentionsInNoGroup);
    }
}

/// What is withheld from somebody he cannot answer; the one who wrote it can.
pub(crate) async fn what_is_withheld_is_answered_by_its_author_alone(bed: Bed) {
    let [a, b] = bed.users().await;
    bed.say(a, b, &["1"]).await;
    let block = ContactWish {
        user: b,
        other: a,
        step: ContactStep::Block,
        most: 10,
    };
    bed.store.take_step(&block).await.unwrap().unwrap();
    let answer = |sender, to, id| with(text(sender, to, "x"), &[], false, id);
    let batch = [
        text(a, b, "2"),
        answer(a, b, 2),
        answer(b, a, 2),
        answer(b, a, 1),
    ];
    let outcomes = bed.append(&batch).await;
    assert_eq!(outcomes[2], Err(AppendRefusal::NoSuchMessage));
    assert!(outcomes[1].unwrap().withheld && outcomes[3].is_ok());
    let refusal = refused(&bed, answer(b, a, 3)).await;
    assert_eq!(refusal, AppendRefusal::NoSuchMessage);
    bed.append(&[answer(a, b, 3)]).await[0].unwrap();
    let seen = bed.history(b, a).await;
    let answered: Vec<_> = seen.iter().map(|m| m.references.as_ref()).collect();
    assert_eq!(answered.iter().flatten().count(), 1);
}

pub(crate) async fn a_resend_refers_to_what_the_first_did(bed: Bed) {
    let [a, b] = bed.users().await;
    let group = bed.group(&[a, b]).await;
    let message = |mentioned: &[UserId]| {
        with(
            keyed(to_group(a, group, "x"), b"key"),
            mentioned,
            false,
            None,
        )
    };
    let first = bed.append(&[message(&[b])]).await[0].unwrap();
    bed.leave(group, &[b]).await;
    let again = bed.append(&[message(&[b])]).await[0].unwrap();
    assert!(again.duplicate && !again.altered);
    assert_eq!(again.message_id, first.message_id);
    for other in [message(&[]), message(&[a])] {
        let altered = bed.append(&[other]).await[0].unwrap();
        assert!(altered.duplicate && altered.altered);
    }
    let of = Conversation::Group(group);
    let stored = bed.store.history(a, of, None, EVERYTHING).await.unwrap();
    assert_eq!(stored.len(), 1);
    assert!(stored[0].references.as_ref().unwrap().mentions(b));
}

pub(crate) async fn many_messages_that_refer_in_one_batch(bed: Bed) {
    let [a, b] = bed.users().await;
    let batch: Vec<NewMessage> = (1..=600)
        .map(|n| with(text(a, b, "x"), &[], false, n - 1))
        .collect();
    assert!(bed.append(&batch).await.iter().all(Result::is_ok));
    let answered = |message: &StoredMessage| {
        let references = message.references.as_ref();
        references
            .and_then(|of| of.answers)
            .map_or(0, MessageId::get)
    };
    let history = bed.store.history(b, between(a, b), None, EVERYTHING).await;
    let answers: Vec<u32> = history.unwrap().iter().map(answered).collect();
    assert!(answers.iter().copied().eq((0..600).rev()));
}

/// The newest one that somebody has not read, whoever else is mentioned.
pub(crate) async fn an_unread_mention_is_found(bed: Bed) {
    let [a, b, c] = bed.users().await;
    let group = bed.group(&[a, b, c]).await;
    let quiet = bed.group(&[a, c]).await;
    let newest = async |user: UserId, after: u32| {
        let wanted = [(group, after), (quiet, 0)];
        let found = bed.store.newest_mentions(user, &wanted).await.unwrap();
        found.into_iter().collect::<Vec<(GroupId, MessageId)>>()
    };
    bed.say_to(quiet, a, &["1"]).await;
    assert_eq!(newest(c, 0).await, []);
    let batch = [
        with(to_group(a, group, "1"), &[], true, None),
        with(to_group(a, group, "2"), &[c], false, None),
        with(to_group(a, group, "3"), &[b], false, 1),
        with(to_group(a, group, "4"), &[], false, 2),
    ];
    bed.append(&batch).await[3].unwrap();
    assert_eq!(newest(c, 0).await, [(group, id(2))]);
    assert_eq!(newest(c, 1).await, [(group, id(2))]);
    assert_eq!(newest(c, 2).await, []);
    assert_eq!(newest(b, 0).await, [(group, id(3))]);
    assert_eq!(newest(a, 0).await, [(group, id(1))]);
    recalled(&bed, Conversation::Group(group), a, 2).await;
    assert_eq!(newest(c, 0).await, [(group, id(1))]);
}
