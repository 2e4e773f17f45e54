//! What a server may do wrong, one thing at a time, put into a history in which everything was right.

#[path = "changes.rs"]
mod changes;

use tools::chaos::check::Rule;
use tools::chaos::history::{Record, Seen, Talk, What};

use changes::{
    drop_one, lose_delivery, lose_mark, one, place, swap_everywhere, with_last_word, with_pushed,
    with_standing, with_stored,
};

/// Something that goes wrong, and the promise that it breaks.
pub(crate) struct Corruption {
    pub(crate) what: &'static str,
    pub(crate) rule: Rule,
    /// False when the history has no place for it.
    pub(crate) make: fn(&mut Vec<Record>, &mut fastrand::Rng) -> bool,
}

pub(crate) const CORRUPTIONS: &[Corruption] = &[
    Corruption {
        what: "the history has no end",
        rule: Rule::Whole,
        make: |records, _| drop_one(records, |what| matches!(what, What::Rest)),
    },
    Corruption {
        what: "a conversation is not read in the end",
        rule: Rule::Whole,
        make: |records, _| drop_one(records, |what| matches!(what, What::Stored { .. })),
    },
    Corruption {
        what: "what is unread is not asked in the end",
        rule: Rule::Whole,
        make: |records, _| {
            drop_one(records, |what| {
                matches!(what, What::Unread { last: true, .. })
            })
        },
    },
    Corruption {
        what: "a stored message is lost",
        rule: Rule::AckedIsStored,
        make: |records, random| {
            with_stored(records, random, |seen, at| {
                seen.remove(at);
            })
        },
    },
    Corruption {
        what: "a message in the middle is lost",
        rule: Rule::Contiguous,
        make: |records, random| {
            let mut gap = false;
            with_stored(records, random, |seen, at| {
                gap = at + 1 < seen.len();
                seen.remove(at);
            }) && gap
        },
    },
    Corruption {
        what: "a number is there twice",
        rule: Rule::Contiguous,
        make: |records, random| with_stored(records, random, |seen, at| seen.insert(at, seen[at])),
    },
    Corruption {
        what: "a message is stored twice",
        rule: Rule::Once,
        make: |records, random| {
            with_stored(records, random, |seen, at| {
                let id = seen.last().unwrap().id + 1;
                seen.push(Seen { id, ..seen[at] });
            })
        },
    },
    Corruption {
        what: "two stored messages change places",
        rule: Rule::AckedId,
        make: |records, random| {
            let mut two = false;
            with_stored(records, random, |seen, at| {
                two = at > 0;
                let other = at.saturating_sub(1);
                (seen[at].key, seen[other].key) = (seen[other].key, seen[at].key);
            }) && two
        },
    },
    Corruption {
        what: "an acknowledgement has another number",
        rule: Rule::AckedId,
        make: |records, random| {
            let more = random.u32(1..5);
            one(records, random, |what| match what {
                What::Acked { id, .. } => {
                    *id += more;
                    true
                }
                _ => false,
            })
        },
    },
    Corruption {
        what: "the content of a stored message is another one's",
        rule: Rule::Sent,
        make: |records, random| with_stored(records, random, |seen, at| seen[at].key = None),
    },
    Corruption {
        what: "a stored message is from somebody else",
        rule: Rule::Sent,
        make: |records, random| {
            with_stored(records, random, |seen, at| {
                seen[at].from = seen[at].from % 4 + 1
            })
        },
    },
    Corruption {
        what: "two messages are in the wrong order everywhere",
        rule: Rule::Order,
        make: |records, random| swap_everywhere(records, random),
    },
    Corruption {
        what: "a pushed message is another one",
        rule: Rule::SameForAll,
        make: |records, random| {
            with_pushed(records, random, |_, seen| {
                seen.key = seen.key.map(|key| key + 1000);
            })
        },
    },
    Corruption {
        what: "a message is pushed that is not stored",
        rule: Rule::SameForAll,
        make: |records, random| with_pushed(records, random, |_, seen| seen.id += 1000),
    },
    Corruption {
        what: "a message is pushed to somebody who is not in the conversation",
        rule: Rule::SameForAll,
        make: |records, random| {
            with_pushed(records, random, |talk, _| {
                *talk = match *talk {
                    Talk::Pair(1, 2) => Talk::Pair(3, 4),
                    Talk::Pair(..) => Talk::Pair(1, 2),
                    group => group,
                };
            }) && records.iter().any(|record| {
                matches!(record.what, What::Pushed { device, talk: Talk::Pair(low, _), .. }
                    if (device > 4) != (low == 3))
            })
        },
    },
    Corruption {
        what: "a fetched message is another one",
        rule: Rule::SameForAll,
        make: |records, random| {
            one(records, random, |what| match what {
                What::Fetched { seen, .. } => {
                    seen[0].from += 1;
                    true
                }
                _ => false,
            })
        },
    },
    Corruption {
        what: "a message is pushed twice",
        rule: Rule::PushedOnce,
        make: |records, random| {
            let Some(at) = place(records, random, |what| matches!(what, What::Pushed { .. }))
            else {
                return false;
            };
            let again = random.usize(at..records.len());
            let mut record = records[at].clone();
            record.at = records[again].at;
            records.insert(again + 1, record);
            true
        },
    },
    Corruption {
        what: "a device never gets a message",
        rule: Rule::Delivered,
        make: |records, random| lose_delivery(records, random, false),
    },
    Corruption {
        what: "a device gets a message too late",
        rule: Rule::Delivered,
        make: |records, random| lose_delivery(records, random, true),
    },
    Corruption {
        what: "a device is not there in the end",
        rule: Rule::Online,
        make: |records, random| {
            let device = random.u32(1..=8);
            let newest = records.iter().filter_map(|record| match record.what {
                What::Connected {
                    device: of,
                    connection,
                    ..
                } if of == device => Some(connection),
                _ => None,
            });
            let connection = newest.max().unwrap();
            let at = records.last().unwrap().at;
            let reason = "the server closed the connection".into();
            records.push(Record {
                at,
                what: What::Disconnected {
                    device,
                    connection,
                    reason,
                },
            });
            true
        },
    },
    Corruption {
        what: "a message is never acknowledged",
        rule: Rule::Answered,
        make: |records, _| drop_one(records, |what| matches!(what, What::Acked { .. })),
    },
    Corruption {
        what: "a message is acknowledged too late",
        rule: Rule::Answered,
        make: |records, random| {
            let Some(at) = place(records, random, |what| matches!(what, What::Acked { .. })) else {
                return false;
            };
            let mut record = records.remove(at);
            record.at = records.last().unwrap().at;
            records.push(record);
            true
        },
    },
    Corruption {
        what: "one too many is unread in the end",
        rule: Rule::Unread,
        make: |records, random| {
            with_last_word(records, random, |standings, at| standings[at].unread += 1)
        },
    },
    Corruption {
        what: "one too few is unread in the end",
        rule: Rule::Unread,
        make: |records, random| {
            with_last_word(records, random, |standings, at| standings[at].unread -= 1)
        },
    },
    Corruption {
        what: "a conversation is missing where something is unread",
        rule: Rule::Unread,
        make: |records, random| {
            with_last_word(records, random, |standings, at| {
                standings.remove(at);
            })
        },
    },
    Corruption {
        what: "more is unread than there is, in the midst of it",
        rule: Rule::Unread,
        make: |records, random| with_standing(records, random, |standing| standing.unread += 1000),
    },
    Corruption {
        what: "something counts as read that nobody has read",
        rule: Rule::ReadPosition,
        make: |records, random| {
            with_standing(records, random, |standing| {
                standing.read = Some(standing.latest + 1);
            })
        },
    },
    Corruption {
        what: "a read mark that counted is lost",
        rule: Rule::ReadPosition,
        make: |records, random| lose_mark(records, random),
    },
    Corruption {
        what: "a client that moves loses a message on its way",
        rule: Rule::Rolling,
        make: |records, random| {
            let moving: Vec<(u32, u32)> = records
                .iter()
                .filter_map(|record| match record.what {
                    What::Connected {
                        device,
                        connection,
                        moves: true,
                        ..
                    } => Some((device, connection)),
                    _ => None,
                })
                .collect();
            let of_moving = |what: &What| match what {
                What::Acked {
                    device, connection, ..
                } => moving.contains(&(*device, *connection)),
                _ => false,
            };
            let Some(at) = place(records, random, of_moving) else {
                return false;
            };
            let What::Acked {
                device,
                connection,
                key,
                ..
            } = records[at].what
            else {
                return false;
            };
            let failed = What::Failed {
                device,
                connection,
                key,
                reason: "the connection was lost".into(),
            };
            let what = std::mem::replace(&mut records[at].what, failed);
            let at_time = records[at].at;
            records.insert(at + 1, Record { at: at_time, what });
            true
        },
    },
];
