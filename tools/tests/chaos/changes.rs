//! Changes of a history. Each says whether it found its place.

use tools::chaos::history::{Record, Seen, Standing, Talk, What};

type Random = fastrand::Rng;

/// A place of a record of that kind.
pub(super) fn place(
    records: &[Record],
    random: &mut Random,
    wanted: impl Fn(&What) -> bool,
) -> Option<usize> {
    let places: Vec<usize> = (0..records.len())
        .filter(|at| wanted(&records[*at].what))
        .collect();
    random.choice(places)
}

/// Changes one record, from a random one on; `change` says whether it did.
pub(super) fn one(
    records: &mut [Record],
    random: &mut Random,
    mut change: impl FnMut(&mut What) -> bool,
) -> bool {
    let from = random.usize(0..records.len());
    let (before, after) = records.split_at_mut(from);
    after
        .iter_mut()
        .chain(before)
        .any(|record| change(&mut record.what))
}

pub(super) fn drop_one(records: &mut Vec<Record>, wanted: fn(&What) -> bool) -> bool {
    let at = records.iter().rposition(|record| wanted(&record.what));
    at.map(|at| records.remove(at)).is_some()
}

/// Changes what is stored, at a random message.
pub(super) fn with_stored(
    records: &mut [Record],
    random: &mut Random,
    change: impl FnOnce(&mut Vec<Seen>, usize),
) -> bool {
    let stored = |what: &What| matches!(what, What::Stored { seen, .. } if !seen.is_empty());
    let Some(at) = place(records, random, stored) else {
        return false;
    };
    let What::Stored { seen, .. } = &mut records[at].what else {
        return false;
    };
    let message = random.usize(0..seen.len());
    change(seen, message);
    true
}

pub(super) fn with_pushed(
    records: &mut [Record],
    random: &mut Random,
    change: impl FnOnce(&mut Talk, &mut Seen),
) -> bool {
    let Some(at) = place(records, random, |what| matches!(what, What::Pushed { .. })) else {
        return false;
    };
    let What::Pushed { talk, seen, .. } = &mut records[at].what else {
        return false;
    };
    change(talk, seen);
    true
}

pub(super) fn with_last_word(
    records: &mut [Record],
    random: &mut Random,
    change: impl FnOnce(&mut Vec<Standing>, usize),
) -> bool {
    let last = |what: &What| matches!(what, What::Unread { last: true, standings, .. } if !standings.is_empty());
    let Some(at) = place(records, random, last) else {
        return false;
    };
    let What::Unread { standings, .. } = &mut records[at].what else {
        return false;
    };
    let standing = random.usize(0..standings.len());
    change(standings, standing);
    true
}

/// Changes a conversation in an answer of what changed.
pub(super) fn with_standing(
    records: &mut [Record],
    random: &mut Random,
    mut change: impl FnMut(&mut Standing),
) -> bool {
    one(records, random, |what| match what {
        What::Unread {
            last: false,
            standings,
            ..
        } => {
            let with_position = standings.iter_mut().find(|s| s.read.is_some());
            with_position.map(&mut change).is_some()
        }
        _ => false,
    })
}

/// Takes a message away from a device that got it in no other way than by being told, or gives it in the very end.
pub(super) fn lose_delivery(records: &mut Vec<Record>, random: &mut Random, late: bool) -> bool {
    let Some(at) = place(records, random, |what| matches!(what, What::Pushed { .. })) else {
        return false;
    };
    let What::Pushed {
        device, talk, seen, ..
    } = records[at].what
    else {
        return false;
    };
    let mut lost = records[at].clone();
    for record in records.iter_mut() {
        match &mut record.what {
            What::Fetched {
                device: of,
                talk: within,
                seen: page,
                ..
            } if *of == device && *within == talk => page.retain(|other| other.id != seen.id),
            _ => {}
        }
    }
    records.retain(|record| {
        !matches!(&record.what, What::Pushed { device: of, talk: within, seen: other, .. }
            if *of == device && *within == talk && other.id == seen.id)
    });
    if late {
        lost.at = records.last().unwrap().at;
        records.push(lost);
    }
    true
}

/// Exchanges the numbers of two messages of which one was acknowledged before the other one was sent, wherever they are named.
pub(super) fn swap_everywhere(records: &mut [Record], random: &mut Random) -> bool {
    let Some(acked) = place(records, random, |what| matches!(what, What::Acked { .. })) else {
        return false;
    };
    let What::Acked {
        key: first,
        id: low,
        ..
    } = records[acked].what
    else {
        return false;
    };
    let talk = records.iter().find_map(|record| match record.what {
        What::Sent { key, talk, .. } if key == first => Some(talk),
        _ => None,
    });
    let later = records[acked..]
        .iter()
        .find_map(|record| match record.what {
            What::Sent {
                key, talk: within, ..
            } if Some(within) == talk && key != first => Some(key),
            _ => None,
        });
    let Some((second, high)) = later.and_then(|later| {
        let mut acks = records.iter().filter_map(|record| match record.what {
            What::Acked { key, id, .. } if key == later => Some((key, id)),
            _ => None,
        });
        acks.next_back()
    }) else {
        return false;
    };
    if high < low || records[acked].at == records[acked + 1].at {
        return false;
    }
    let of_key = |key: u64, id: &mut u32| {
        if key == first {
            *id = high;
        } else if key == second {
            *id = low;
        }
    };
    for record in records {
        match &mut record.what {
            What::Acked { key, id, .. } => of_key(*key, id),
            What::Pushed { seen, .. } => of_key(seen.key.unwrap(), &mut seen.id),
            What::Fetched { seen, .. } | What::Stored { seen, .. } => {
                for seen in seen {
                    of_key(seen.key.unwrap(), &mut seen.id);
                }
            }
            _ => {}
        }
    }
    true
}

/// A position goes back behind a mark that others were told of.
pub(super) fn lose_mark(records: &mut [Record], random: &mut Random) -> bool {
    let told: Vec<(u64, u32, Talk, u32)> = records
        .iter()
        .filter_map(|record| match record.what {
            What::MarkTold { device, talk, id } => Some((record.at, device.div_ceil(2), talk, id)),
            _ => None,
        })
        .collect();
    let bases: Vec<(Talk, u32)> = records
        .iter()
        .filter_map(|record| match record.what {
            What::Talk { talk, base, .. } => Some((talk, base)),
            _ => None,
        })
        .collect();
    one(records, random, |what| match what {
        What::Unread {
            user,
            asked,
            standings,
            ..
        } => standings.iter_mut().any(|standing| {
            let Some(read) = standing.read else {
                return false;
            };
            let mut proof = told.iter();
            let proven = proof.any(|(at, of, talk, id)| {
                at < asked && of == user && *talk == standing.talk && *id == read
            });
            let above = bases.contains(&(standing.talk, read));
            if proven && !above {
                standing.read = Some(read - 1);
            }
            proven && !above
        }),
        _ => false,
    })
}
