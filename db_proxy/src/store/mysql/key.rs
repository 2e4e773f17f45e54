//! The ids of conversations, made of who takes part.

use crate::store::Conversation;

/// Unsigned on paper; the column is signed, so that half of all pairs have a negative one.
pub(super) fn key(conversation: Conversation) -> i64 {
    conversation.number().cast_signed()
}

/// The inverse of `key`; `None` for what no release has written.
pub(super) fn conversation(key: i64) -> Option<Conversation> {
    Conversation::from_number(key.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::ids::{GroupId, UserId};

    use super::*;

    proptest! {
        #[test]
        fn a_key_names_one_conversation(a in 1u32.., b in 1u32..) {
            let group = Conversation::Group(GroupId::new(a).unwrap());
            prop_assert_eq!(conversation(key(group)), Some(group));
            let pair = Conversation::between(UserId::new(a).unwrap(), UserId::new(b).unwrap());
            prop_assert_eq!(pair.and_then(|pair| conversation(key(pair))), pair);
        }
    }

    #[test]
    fn what_is_no_key_names_nothing() {
        for nothing in [0, 1 << 32, 7 << 32 | 7, 8 << 32 | 7] {
            assert_eq!(conversation(nothing), None, "{nothing:x}");
        }
    }
}
