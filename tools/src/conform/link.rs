//! A connection on which a case writes every byte itself, and waits for the frames that it expects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proto::decoder::MAX_CLIENT_FRAME;
use proto::im::other::ImHeartBeat;
use proto::{Body, CommandId, Decoder, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::case::Outcome;
use super::expect::{fail, same};
use super::transport::Stream;

/// Commands that were sent since somebody asked.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<BTreeSet<CommandId>>>);

impl Sent {
    fn note(&self, command: CommandId) {
        // A set of numbers is whole whatever a panicking holder did.
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.insert(command);
    }

    /// All of them, and begins anew.
    pub(crate) fn take(&self) -> BTreeSet<CommandId> {
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut sent)
    }
}

/// Frames in, bytes out. What a case does not wait for stays in the inbox.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    decoder: Decoder,
    inbox: VecDeque<Pdu>,
    deadline: Duration,
    sent: Sent,
    fences: u16,
}

impl Link {
    pub(crate) fn new(stream: Box<dyn Stream>, deadline: Duration, sent: Sent) -> Self {
        Self {
            stream,
            decoder: Decoder::new(MAX_CLIENT_FRAME),
            inbox: VecDeque::new(),
            deadline,
            sent,
            fences: 0,
        }
    }

    /// Sends bytes as they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Outcome {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(self.deadline, writing).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => fail("an open connection", error.to_string()),
            Err(_) => fail("a server that reads", "nothing is read any more"),
        }
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, pdu: &Pdu) -> Outcome {
        self.sent.note(pdu.command());
        self.write(&pdu.to_frame()).await
    }

    /// Sends frames one behind the other, cut into pieces of that size.
    pub(crate) async fn send_cut(&mut self, frames: &[Pdu], size: usize) -> Outcome {
        let mut bytes = Vec::new();
        for pdu in frames {
            self.sent.note(pdu.command());
            pdu.write(&mut bytes);
        }
        for piece in bytes.chunks(size) {
            self.write(piece).await?;
        }
        Ok(())
    }

    /// Sends a message with that number.
    pub(crate) async fn tell<M: Body>(&mut self, message: &M, seq_num: u16) -> Outcome {
        self.send(&Pdu::new(message, seq_num)).await
    }

    /// Takes the first frame that `wanted` makes something of, out of what has come or what comes within the
    /// deadline. All others stay for later.
    pub(crate) async fn find<T>(
        &mut self,
        expected: &str,
        wanted: impl FnMut(&Pdu) -> Option<Outcome<T>>,
    ) -> Outcome<T> {
        self.find_within(self.deadline, expected, wanted).await
    }

    /// As [`find`](Self::find), with a deadline of its own.
    pub(crate) async fn find_within<T>(
        &mut self,
        patience: Duration,
        expected: &str,
        mut wanted: impl FnMut(&Pdu) -> Option<Outcome<T>>,
    ) -> Outcome<T> {
        let mut fits = |inbox: &mut VecDeque<Pdu>, at: usize| {
            let found = wanted(inbox.get(at)?)?;
            inbox.remove(at);
            Some(found)
        };
        let end = Instant::now() + patience;
        let mut at = 0;
        loop {
            while at < self.inbox.len() {
                if let Some(found) = fits(&mut self.inbox, at) {
                    return found;
                }
                at += 1;
            }
            match timeout_at(end, self.read()).await {
                Ok(Ok(())) => {}
                Ok(Err(ended)) => return fail(expected, format!("{ended}{}", self.waiting())),
                Err(_) => {
                    let seconds = patience.as_secs_f32();
                    let came = format!("not within {seconds} s{}", self.waiting());
                    return fail(expected, came);
                }
            }
        }
    }

    /// The next message of a type that fits, with its frame.
    pub(crate) async fn frame<M: Body>(
        &mut self,
        expected: &str,
        fits: impl Fn(&M) -> bool,
    ) -> Outcome<(Pdu, M)> {
        self.find(expected, |pdu| {
            let message = read::<M>(pdu)?;
            fits(&message).then(|| Ok((pdu.clone(), message)))
        })
        .await
    }

    /// The next message of a type that fits.
    pub(crate) async fn push<M: Body>(
        &mut self,
        expected: &str,
        fits: impl Fn(&M) -> bool,
    ) -> Outcome<M> {
        Ok(self.frame(expected, fits).await?.1)
    }

    /// Waits until the server has taken up all that was sent on this connection: a heartbeat comes back.
    pub(crate) async fn fence(&mut self) -> Outcome {
        self.fences += 1;
        let beat = Pdu::new(&ImHeartBeat {}, 0xf000 | self.fences);
        self.send(&beat).await?;
        self.find("a heartbeat's echo", |pdu| {
            (pdu.command() == beat.command() && pdu.seq_num() == beat.seq_num())
                .then(|| same("the heartbeat's echo", pdu, &beat))
        })
        .await
    }

    /// Messages of a type that fit and that nobody has waited for, behind a [`fence`](Self::fence).
    pub(crate) async fn left<M: Body>(&mut self, fits: impl Fn(&M) -> bool) -> Outcome<Vec<M>> {
        self.fence().await?;
        let read = self.inbox.iter().filter_map(read::<M>);
        Ok(read.filter(fits).collect())
    }

    /// Fails if such a message has come; `expected` says that none should.
    pub(crate) async fn none<M: Body>(
        &mut self,
        expected: &str,
        fits: impl Fn(&M) -> bool,
    ) -> Outcome {
        match self.left(fits).await?.first() {
            None => Ok(()),
            Some(message) => fail(expected, format!("{message:?}")),
        }
    }

    /// Whatever has come and nobody has waited for.
    pub(crate) fn inbox(&self) -> impl Iterator<Item = &Pdu> {
        self.inbox.iter()
    }

    /// Waits until the server closes.
    pub(crate) async fn closes(&mut self, expected: &str) -> Outcome {
        self.closes_within(self.deadline, expected).await
    }

    /// As [`closes`](Self::closes), for what may take its time.
    pub(crate) async fn closes_within(&mut self, patience: Duration, expected: &str) -> Outcome {
        let end = Instant::now() + patience;
        loop {
            match timeout_at(end, self.read()).await {
                Ok(Ok(())) => {}
                Ok(Err(Ended::Server)) => return Ok(()),
                Ok(Err(ended)) => return fail(expected, ended.to_string()),
                Err(_) => {
                    let seconds = patience.as_secs();
                    let came = format!("still open after {seconds} s{}", self.waiting());
                    return fail(expected, came);
                }
            }
        }
    }

    /// Reads until another frame is in the inbox. Cancel-safe: partial frames stay in the decoder.
    async fn read(&mut self) -> Result<(), Ended> {
        loop {
            match self.decoder.next_pdu() {
                Ok(Some(pdu)) => {
                    self.inbox.push_back(pdu);
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => return Err(Ended::Garbled(error.to_string())),
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer).await {
                // A reset is what a server does that closes with unread bytes.
                Ok(0) | Err(_) => return Err(Ended::Server),
                Ok(length) => self.decoder.extend(&buffer[..length]),
            }
        }
    }

    /// What has come instead, for a report.
    fn waiting(&self) -> String {
        let mut counts: BTreeMap<CommandId, usize> = BTreeMap::new();
        for pdu in &self.inbox {
            *counts.entry(pdu.command()).or_default() += 1;
        }
        if counts.is_empty() {
            return "; nothing else came".into();
        }
        let list: Vec<String> = counts
            .iter()
            .map(|(command, count)| format!("{command} ×{count}"))
            .collect();
        format!("; other frames that came: {}", list.join(", "))
    }
}

/// The message in a frame, if it is of that type.
pub(crate) fn read<M: Body>(pdu: &Pdu) -> Option<M> {
    (pdu.command() == M::ID)
        .then(|| pdu.decode().ok())
        .flatten()
}

/// Why no frame comes any more.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the server closed the connection")]
    Server,
    #[error("what came is no frame: {0}")]
    Garbled(String),
}
