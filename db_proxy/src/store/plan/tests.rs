use bytes::Bytes;
use proto::ids::GroupId;

use super::*;
use crate::store::relation::Flags;
use crate::store::{MessageKind, MessagePolicy};

fn user(id: u32) -> UserId {
    UserId::new(id).unwrap()
}

fn message(at: i64, client_key: Option<ClientKey>) -> NewMessage {
    NewMessage {
        conversation: Conversation::between(user(1), user(2)).unwrap(),
        sender: user(1),
        kind: MessageKind(1),
        body: Bytes::from_static(b"x"),
        created_at: UnixMillis(at),
        client_key,
        policy: MessagePolicy::Everyone,
        references: None,
    }
}

fn head(last: u32) -> Head {
    Head {
        row: 5,
        last,
        ..Head::not_begun(Flags(0))
    }
}

fn heads(last: u32) -> Heads {
    Heads::from([(message(0, None).conversation, head(last))])
}

fn ids(plan: &Plan<'_>) -> Vec<u32> {
    plan.outcomes
        .iter()
        .map(|outcome| outcome.unwrap().message_id.get())
        .collect()
}

#[test]
fn a_key_twice_in_one_batch_is_one_message() {
    let key = ClientKey::explicit(b"k");
    let batch = [message(1, key.clone()), message(2, None), message(3, key)];
    let plan = Plan::new(
        &batch,
        &heads(10),
        &Standings::new(),
        &Grounds::default(),
        &[],
    );
    assert_eq!(ids(&plan), [11, 12, 11]);
    assert_eq!(plan.inserts.len(), 2);
    let moved = Moved {
        row: 5,
        last: MessageId::new(12).unwrap(),
        by_low: 2,
        flags: None,
    };
    assert_eq!(plan.heads, [moved]);
}

#[test]
fn an_expired_key_changes_hands_inside_a_batch() {
    let key = Some(ClientKey::local(1, MessageKind(1), b"x"));
    let batch = [message(0, key.clone()), message(3_600_000, key)];
    let plan = Plan::new(
        &batch,
        &heads(0),
        &Standings::new(),
        &Grounds::default(),
        &[],
    );
    assert_eq!(ids(&plan), [1, 2]);
    assert!(plan.inserts[0].key.is_none());
    assert!(plan.inserts[1].key.is_some());
    assert!(plan.expired.is_empty());
}

#[test]
fn ids_end_where_the_wire_does() {
    let batch = [message(1, None), message(2, None)];
    let plan = Plan::new(
        &batch,
        &heads(u32::MAX - 1),
        &Standings::new(),
        &Grounds::default(),
        &[],
    );
    assert_eq!(plan.outcomes[0].unwrap().message_id.get(), u32::MAX);
    assert_eq!(plan.outcomes[1], Err(AppendRefusal::ConversationFull));
    assert_eq!(plan.inserts.len(), 1);
}

#[test]
fn whoever_writes_to_a_group_has_read_up_to_there() {
    let group = GroupId::new(7).unwrap();
    let conversation = Conversation::Group(group);
    let from = |sender| NewMessage {
        conversation,
        sender: user(sender),
        ..message(1, None)
    };
    let batch = [from(1), from(2), from(1), from(2), from(3), from(4)];
    let speaks = Writer {
        is_admin: false,
        group_muted_until: UnixMillis(0),
        muted_until: UnixMillis(0),
    };
    let standing = |member: bool| Standing {
        version: 9,
        member: member.then_some(speaks),
    };
    let standings = Standings::from([
        ((group, user(1)), standing(true)),
        ((group, user(2)), standing(true)),
        ((group, user(3)), standing(false)),
    ]);
    let heads = Heads::from([(conversation, head(10))]);
    let mut plan = Plan::new(&batch, &heads, &standings, &Grounds::default(), &[]);
    plan.read.sort_unstable();
    let id = |id| MessageId::new(id).unwrap();
    assert_eq!(plan.read, [(user(1), 5, id(13)), (user(2), 5, id(14))]);
    assert_eq!(plan.heads[0].by_low, 0);
    assert_eq!(plan.outcomes[3].unwrap().group_version, Some(9));
    assert_eq!(plan.outcomes[4], Err(AppendRefusal::NotAMember));
    assert_eq!(plan.outcomes[5], Err(AppendRefusal::NoSuchGroup));
}
