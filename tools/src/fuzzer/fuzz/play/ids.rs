//! Ids that the target told, to be asked about.

use std::cell::RefCell;
use std::collections::VecDeque;

use proto::schema::{self, Kind};

use crate::fuzzer::fuzz::body::{is_id, padded_varint};
use crate::fuzzer::fuzz::script::IdPlace;

/// The last so many different ones are kept.
const MOST: usize = 256;

/// Frames above this are not looked through for ids, in bytes.
const LONGEST: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Ids(RefCell<VecDeque<u32>>);

impl Ids {
    /// Takes the ids of a body of that message.
    pub(super) fn learn(&self, message: &str, body: &[u8]) {
        if body.len() <= LONGEST {
            self.walk(message, body, 0);
        }
    }

    fn walk(&self, message: &str, mut body: &[u8], depth: usize) {
        let Some(message) = schema::message(message) else {
            return;
        };
        while let Some(key) = varint(&mut body) {
            let field = message.field((key >> 3) as u32);
            match key & 7 {
                0 => {
                    let Some(value) = varint(&mut body) else {
                        return;
                    };
                    if let (Ok(value @ 1..), Some(field)) = (u32::try_from(value), field)
                        && is_id(field.name)
                    {
                        self.note(value);
                    }
                }
                2 => {
                    let Some(length) = varint(&mut body) else {
                        return;
                    };
                    let Some((inner, rest)) = body.split_at_checked(length as usize) else {
                        return;
                    };
                    body = rest;
                    if let Some(Kind::Message(name)) = field.map(|field| field.kind)
                        && depth < 8
                    {
                        self.walk(name, inner, depth + 1);
                    }
                }
                _ => return,
            }
        }
    }

    fn note(&self, id: u32) {
        let mut ids = self.0.borrow_mut();
        if !ids.contains(&id) {
            ids.push_back(id);
            if ids.len() > MOST {
                ids.pop_front();
            }
        }
    }

    /// Writes one of them into its place, if there is any.
    pub(super) fn put(&self, part: &mut [u8], place: IdPlace) {
        let ids = self.0.borrow();
        if ids.is_empty() {
            return;
        }
        let id = ids[place.pick as usize % ids.len()];
        let end = place.at.saturating_add(5);
        if let Some(bytes) = part.get_mut(place.at..end) {
            bytes.copy_from_slice(&padded_varint(id));
        }
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use proto::im::base_define::UserInfo;
    use proto::im::login::ImLoginRes;

    #[test]
    fn ids_in_messages_are_learnt_and_put_where_a_script_says() {
        let answer = ImLoginRes {
            user_info: Some(UserInfo {
                user_id: 4_711,
                ..Default::default()
            }),
            ..Default::default()
        };
        let ids = Ids::default();
        ids.learn("IM.Login.IMLoginRes", &answer.encode_to_vec());
        let mut part = [9; 7];
        ids.put(&mut part, IdPlace { at: 1, pick: 12 });
        assert_eq!(part[1..6], padded_varint(4_711));
        ids.put(&mut part, IdPlace { at: 3, pick: 0 });
        ids.put(
            &mut part,
            IdPlace {
                at: usize::MAX,
                pick: 0,
            },
        );
        assert_eq!((part[0], part[6]), (9, 9));
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let ids = Ids::default();
        (1..2_000).for_each(|id| ids.note(id));
        assert_eq!(ids.0.borrow().len(), MOST);
    }
}
