//! As much of a frame as a relay looks at.

use proto::header::{HEADER_LEN, Header};

/// Who a message is from and to, and its number, without the rest of its body (`IMMsgData`, fields 1 to 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) number: u32,
}

impl Envelope {
    /// Reads numbers until the first field that is none; `None` if one of them is missing.
    pub(super) fn of(mut body: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut seen = 0;
        while seen != 0b111 {
            let key = varint(&mut body)?;
            // a field that is no number: those that count are in front of it, as everybody writes them
            if key & 7 != 0 {
                return None;
            }
            let value = varint(&mut body)? as u32;
            let (place, bit) = match key >> 3 {
                1 => (&mut found.from, 0b001),
                2 => (&mut found.to, 0b010),
                3 => (&mut found.number, 0b100),
                _ => continue,
            };
            *place = value;
            seen |= bit;
        }
        Some(found)
    }
}

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
    use proto::Pdu;
    use proto::im::message::ImMsgData;

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
            prop_assert_eq!(Envelope::of(&frame[HEADER_LEN..]), Some(Envelope { from, to, number }));
            prop_assert!(first(&bytes[..bytes.len() - 1]).unwrap().is_none());
        }

        #[test]
        fn any_bytes_are_survived(bytes in any::<Vec<u8>>()) {
            let _any = Envelope::of(&bytes);
            let _frame = first(&bytes);
        }
    }
}
