//! Who may write to whom in a conversation of two, and who is to see it.

use std::collections::HashSet;

use proto::ids::UserId;

use super::audience::Ties;
use super::plan::{Head, Heads};
use super::relation::Flags;
use super::{Conversation, MessagePolicy, NewMessage};

/// Those of them in which it matters whether the two are in the same department.
pub(super) fn of_colleagues(batch: &[NewMessage], heads: &Heads) -> Vec<Conversation> {
    let matters = |message: &&NewMessage| {
        message.policy == MessagePolicy::SameDepartmentOrFriends
            && heads
                .get(&message.conversation)
                .is_some_and(|head| !head.flags.are_friends())
    };
    let mut matter: Vec<Conversation> = batch
        .iter()
        .filter(matters)
        .map(|message| message.conversation)
        .filter(|conversation| conversation.founders().is_some())
        .collect();
    matter.sort_unstable();
    matter.dedup();
    matter
}

/// Those that have not begun and may: with the time of the first message that is let in.
pub(super) fn to_begin(batch: &[NewMessage], heads: &Heads) -> Vec<(Conversation, i64, Flags)> {
    let mut begin: Vec<(Conversation, i64, Flags)> = Vec::new();
    let mut met = HashSet::new();
    for message in batch {
        let head = heads.get(&message.conversation);
        if let Some(head) = head.filter(|head| head.row == Head::NOT_BEGUN)
            && may_write(message, head)
            && met.insert(message.conversation)
        {
            begin.push((message.conversation, message.created_at.0, head.flags));
        }
    }
    begin.sort_unstable_by_key(|(conversation, ..)| *conversation);
    begin
}

/// Whether the policy lets the sender write to the other one of a conversation of two.
pub(super) fn may_write(message: &NewMessage, head: &Head) -> bool {
    let Conversation::Single(pair) = message.conversation else {
        return true;
    };
    let ties = Ties {
        friends: head.flags.are_friends(),
        colleagues: head.colleagues,
        blocked: head.flags.blocks(pair.low() == message.sender),
    };
    ties.let_write(message.policy)
}

/// Who is not to see a message: the other one of two, if he blocks its sender.
pub(super) fn withheld_from(message: &NewMessage, head: &Head) -> Option<UserId> {
    let Conversation::Single(pair) = message.conversation else {
        return None;
    };
    let is_blocked = head.flags.blocks(pair.low() == message.sender);
    pair.peer_of(message.sender).filter(|_| is_blocked)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{MessageKind, UnixMillis};
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    /// User 1, the lower of the two, writes.
    fn message(policy: MessagePolicy) -> NewMessage {
        NewMessage {
            conversation: Conversation::between(user(1), user(2)).unwrap(),
            sender: user(1),
            kind: MessageKind(1),
            body: Bytes::from_static(b"x"),
            created_at: UnixMillis(7),
            client_key: None,
            policy,
            references: None,
        }
    }

    #[test]
    fn a_policy_lets_friends_write_and_colleagues_who_are_not_blocked() {
        use MessagePolicy::{Everyone, Friends, SameDepartmentOrFriends};

        let (strangers, blocks, is_blocked, friends) = (0, 1, 2, 4);
        for flags in [strangers, blocks, is_blocked, friends] {
            for colleagues in [false, true] {
                let head = Head {
                    colleagues,
                    ..Head::not_begun(Flags(flags))
                };
                let let_in = |policy| may_write(&message(policy), &head);
                assert!(let_in(Everyone));
                assert_eq!(let_in(Friends), flags == friends);
                let wanted = flags == friends || (colleagues && flags != is_blocked);
                assert_eq!(let_in(SameDepartmentOrFriends), wanted);
                let hidden = withheld_from(&message(Everyone), &head);
                assert_eq!(hidden, (flags == is_blocked).then_some(user(2)));
            }
        }
    }

    #[test]
    fn what_is_refused_begins_nothing() {
        let batch = [
            message(MessagePolicy::Everyone),
            message(MessagePolicy::Friends),
        ];
        let conversation = batch[0].conversation;
        let heads = Heads::from([(conversation, Head::not_begun(Flags(0)))]);
        assert_eq!(to_begin(&batch[1..], &heads), []);
        assert_eq!(to_begin(&batch, &heads), [(conversation, 7, Flags(0))]);
    }
}
