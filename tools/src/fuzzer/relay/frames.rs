//! As much of a frame as a relay looks at.

use std::ops::Range;

use proto::header::{HEADER_LEN, Header};

/// Who a message is from and to, and its number, without the rest of its body (`IMMsgData`, fields 1 to 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) number: u32,
    /// Where in the body the number is, without its key.
    number_at: Range<usize>,
}

impl Envelope {
    /// Reads numbers until the first field that is none; `None` if one of them is missing.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut seen = 0;
        let mut rest = body;
        while seen != 0b111 {
            let key = varint(&mut rest)?;
            // a field that is no number: those that count are in front of it, as everybody writes them
            if key & 7 != 0 {
                return None;
            }
            let start = body.len() - rest.len();
            let value = varint(&mut rest)? as u32;
            let bit = match key >> 3 {
                1 => {
                    found.from = value;
                    0b001
                }
                2 => {
                    found.to = value;
                    0b010
                }
                3 => {
                    found.number = value;
                    found.number_at = start..body.len() - rest.len();
                    0b100
                }
                _ => 0,
            };
            seen |= bit;
        }
        Some(found)
    }

    /// The frame of this envelope with another number, appended to `out`.
    pub(super) fn renumbered(&self, frame: &[u8], number: u32, out: &mut Vec<u8>) {
        let (header, body) = frame.split_at(HEADER_LEN);
        let length = frame.len() - self.number_at.len() + NUMBER_LEN;
        // no longer than the frame by more than a few bytes, and that has a length
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&header[4..]);
        out.extend_from_slice(&body[..self.number_at.start]);
        for place in 0..NUMBER_LEN {
            let more = if place + 1 < NUMBER_LEN { 0x80 } else { 0 };
            out.push((number >> (7 * place)) as u8 & 0x7f | more);
        }
        out.extend_from_slice(&body[self.number_at.end..]);
    }
}

/// Bytes of every number that is written: those of the largest.
const NUMBER_LEN: usize = 5;

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The first frame of `bytes`, with its header, if all of it is there. An error when its length is none.
pub(super) fn first(bytes: &[u8]) -> Result<Option<(Header, &[u8])>, BadLength> {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let header = Header::parse(header);
    if !(HEADER_LEN as u32..=proto::decoder::MAX_SERVER_FRAME).contains(&header.length) {
        return Err(BadLength);
    }
    Ok(bytes
        .get(..header.length as usize)
        .map(|frame| (header, frame)))
}

/// A frame whose length can't be: there is no telling where the next one begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct BadLength;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::decoder::MAX_SERVER_FRAME;
    use proto::im::message::ImMsgData;
    use proto::{Decoder, Pdu};

    use super::*;

    proptest! {
        #[test]
        fn an_envelope_is_what_the_body_says(from in 1_u32.., to in 1_u32.., number in any::<u32>(), text in any::<Vec<u8>>()) {
            let message = ImMsgData {
                from_user_id: from,
                to_session_id: to,
                msg_id: number,
                msg_type: 1,
                msg_data: text.into(),
                ..ImMsgData::default()
            };
            let bytes = Pdu::new(&message, 7).to_frame();
            let (header, frame) = first(&bytes).unwrap().unwrap();
            prop_assert_eq!(header.seq_num, 7);
            let envelope = Envelope::of(&frame[HEADER_LEN..]).unwrap();
            prop_assert_eq!((envelope.from, envelope.to, envelope.number), (from, to, number));
            prop_assert!(first(&bytes[..bytes.len() - 1]).unwrap().is_none());
        }

        #[test]
        fn a_number_is_replaced_and_nothing_else(from in 1_u32.., old in any::<u32>(), new in any::<u32>(), text in any::<Vec<u8>>()) {
            let message = ImMsgData {
                from_user_id: from,
                to_session_id: 2,
                msg_id: old,
                msg_type: 1,
                msg_data: text.into(),
                ..ImMsgData::default()
            };
            let frame = Pdu::new(&message, 7).to_frame();
            let mut out = Vec::new();
            Envelope::of(&frame[HEADER_LEN..]).unwrap().renumbered(&frame, new, &mut out);
            let mut decoder = Decoder::new(MAX_SERVER_FRAME);
            decoder.extend(&out);
            let pdu = decoder.next_pdu().unwrap().unwrap();
            prop_assert_eq!(pdu.seq_num(), 7);
            prop_assert_eq!(pdu.decode::<ImMsgData>().unwrap(), ImMsgData { msg_id: new, ..message });
            prop_assert_eq!(decoder.buffered(), 0);
        }

        #[test]
        fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
            let _any = Envelope::of(&bytes);
            let _frame = first(&bytes);
        }
    }
}
