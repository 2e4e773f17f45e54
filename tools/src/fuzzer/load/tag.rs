//! What a message's body says about itself: of which run it is, which message, and since when it is due.

/// Bytes of a tag, which is the beginning of a body.
pub(super) const LEN: usize = 24;

/// The digits: those of base64, so that a body looks like the encrypted text of stock clients.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What fills a body up.
const FILLER: u8 = b'A';

/// The numbers of one run, by which its messages are known: each of its workers has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Run {
    first: u32,
    workers: u32,
    worker: u32,
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// This worker.
    This,
    /// Another worker of this run.
    Other,
    /// Somebody else, or another run.
    Nobody,
}

impl Run {
    /// The first of so many workers.
    pub(super) fn new(workers: u32) -> Self {
        Self {
            first: fastrand::u32(..),
            workers,
            worker: 0,
        }
    }

    /// The same for another worker.
    pub(super) fn of_worker(self, worker: u32) -> Self {
        Self { worker, ..self }
    }

    /// What this worker's messages carry.
    pub(super) fn number(self) -> u32 {
        self.first.wrapping_add(self.worker)
    }

    /// Who wrote what carries that number.
    pub(super) fn writer(self, number: u32) -> Writer {
        match number.wrapping_sub(self.first) {
            worker if worker == self.worker => Writer::This,
            worker if worker < self.workers => Writer::Other,
            _ => Writer::Nobody,
        }
    }
}

/// One message's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// [`Run::number`] of whoever wrote it.
    pub(super) run: u32,
    /// The worker's own number of the conversation, 24 bits.
    pub(super) conversation: u32,
    /// From 0 within the conversation, all senders together.
    pub(super) number: u32,
    /// When its turn came, in microseconds of the worker's clock, 48 bits.
    pub(super) due: u64,
}

/// Tag, number of digits: of `run`, `conversation`, `number`, `due`.
const WIDTHS: [usize; 4] = [6, 4, 6, 8];

impl Tag {
    /// Writes it over the first [`LEN`] bytes.
    pub(super) fn write(self, out: &mut [u8]) {
        let values = [
            u64::from(self.run),
            u64::from(self.conversation),
            u64::from(self.number),
            self.due,
        ];
        let mut out = out.iter_mut();
        for (value, width) in values.into_iter().zip(WIDTHS) {
            for place in (0..width).rev() {
                if let Some(byte) = out.next() {
                    *byte = DIGITS[(value >> (6 * place)) as usize & 63];
                }
            }
        }
    }

    /// Reads the beginning of a body; `None` if that is no tag.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut body = body.get(..LEN)?;
        let mut next = |width: usize| {
            let (digits, rest) = body.split_at(width);
            body = rest;
            let push = |value: u64, digit: &u8| Some(value << 6 | u64::from(value_of(*digit)?));
            digits.iter().try_fold(0, push)
        };
        Some(Self {
            run: u32::try_from(next(WIDTHS[0])?).ok()?,
            conversation: u32::try_from(next(WIDTHS[1])?).ok()?,
            number: u32::try_from(next(WIDTHS[2])?).ok()?,
            due: next(WIDTHS[3])?,
        })
    }
}

/// A body of that many bytes, at least [`LEN`], with room for a tag.
pub(super) fn body(len: usize) -> Vec<u8> {
    vec![FILLER; len.max(LEN)]
}

fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_tag_is_read_as_it_was_written(
            run: u32, conversation in 0u32..1 << 24, number: u32, due in 0u64..1 << 48, len in 0usize..100
        ) {
            let tag = Tag { run, conversation, number, due };
            let mut text = body(len);
            tag.write(&mut text);
            prop_assert_eq!(Tag::read(&text), Some(tag));
            prop_assert_eq!(text.len(), len.max(LEN));
        }

        #[test]
        fn every_worker_knows_whose_a_message_is(
            first: u32, workers in 1u32..64, this in 0u32..64, other in 0u32..64, strange: u32
        ) {
            let run = |worker| Run { first, workers, worker: worker % workers };
            let (this, other) = (run(this), run(other));
            let whose = if this == other { Writer::This } else { Writer::Other };
            prop_assert_eq!(this.writer(other.number()), whose);
            if (0..workers).all(|worker| run(worker).number() != strange) {
                prop_assert_eq!(this.writer(strange), Writer::Nobody);
            }
        }

        #[test]
        fn anything_can_be_read(bytes: Vec<u8>) {
            let _anything = Tag::read(&bytes);
        }
    }
}
