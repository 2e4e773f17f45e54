//! What was sent a short while ago, in case it has to be sent again.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// Frames of the last [`KEPT_FOR`](Self::KEPT_FOR), each with what its owner wants to remember about it. What a peer
/// had taken into its socket when it died is lost there; sent again from here, the receivers drop what they have
/// seen.
///
/// Bounded in number and bytes as well as in age; the oldest goes first.
#[derive(Debug)]
pub struct Recent<T> {
    entries: VecDeque<Entry<T>>,
    bytes: usize,
    is_due: fn(&T) -> bool,
    forgotten_early: Option<Instant>,
}

/// A frame that was sent.
#[derive(Debug)]
pub struct Entry<T> {
    /// When it was kept.
    pub at: Instant,
    /// The whole frame.
    pub frame: Bytes,
    /// What its owner remembers about it.
    pub note: T,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self::holding(|_| false)
    }
}

impl<T> Recent<T> {
    /// A memory in which frames that are still due to be sent, by their notes, do not age. Room is limited for them
    /// as for the others.
    pub fn holding(is_due: fn(&T) -> bool) -> Self {
        Self {
            entries: VecDeque::new(),
            bytes: 0,
            is_due,
            forgotten_early: None,
        }
    }

    /// When the newest frame was kept that had to go before its time, for lack of room.
    pub fn forgotten_early(&self) -> Option<Instant> {
        self.forgotten_early
    }

    /// A link that is not back after this long has lost more than a moment.
    pub const KEPT_FOR: Duration = Duration::from_secs(30);

    /// Most frames kept.
    pub const MAX_FRAMES: usize = 65_536;

    /// Most bytes kept.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Keeps a frame. Returns how many older ones had to go before their time, for lack of room.
    pub fn keep(&mut self, frame: Bytes, note: T) -> usize {
        self.forget_old();
        self.bytes += frame.len();
        self.entries.push_back(Entry {
            at: Instant::now(),
            frame,
            note,
        });
        let mut early = 0;
        while self.entries.len() > Self::MAX_FRAMES || self.bytes > Self::MAX_BYTES {
            self.forgotten_early = self.entries.front().map(|oldest| oldest.at);
            self.forget_oldest();
            early += 1;
        }
        early
    }

    /// The frames kept, oldest first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry<T>> {
        self.forget_old();
        self.entries.iter_mut()
    }

    fn forget_old(&mut self) {
        let Some(time) = Instant::now().checked_sub(Self::KEPT_FOR) else {
            return;
        };
        let is_due = self.is_due;
        let is_old = |oldest: &Entry<T>| oldest.at < time && !is_due(&oldest.note);
        while self.entries.front().is_some_and(is_old) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.bytes -= oldest.frame.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn old_frames_go_first_and_then_the_oldest() {
        let mut recent = Recent::default();
        recent.keep(Bytes::from_static(b"old"), 1);
        tokio::time::advance(Recent::<u32>::KEPT_FOR + Duration::from_secs(1)).await;
        recent.keep(Bytes::from_static(b"new"), 2);
        assert_eq!(
            recent
                .iter_mut()
                .map(|entry| entry.note)
                .collect::<Vec<_>>(),
            [2]
        );

        let large = Bytes::from(vec![0; Recent::<u32>::MAX_BYTES / 2]);
        assert_eq!(recent.keep(large.clone(), 3), 0);
        assert_eq!(recent.keep(large, 4), 1);
        assert_eq!(
            recent
                .iter_mut()
                .map(|entry| entry.note)
                .collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(recent.bytes, Recent::<u32>::MAX_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_old_is_not_sent_again_even_if_nothing_came_after_it() {
        let mut recent = Recent::default();
        recent.keep(Bytes::from_static(b"old"), ());
        tokio::time::advance(Recent::<()>::KEPT_FOR + Duration::from_secs(1)).await;
        assert_eq!(recent.iter_mut().count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_still_due_does_not_age() {
        let mut recent = Recent::holding(|sent: &bool| !sent);
        recent.keep(Bytes::from_static(b"sent"), true);
        recent.keep(Bytes::from_static(b"due"), false);
        tokio::time::advance(Recent::<()>::KEPT_FOR * 10).await;
        let due: Vec<Bytes> = recent.iter_mut().map(|entry| entry.frame.clone()).collect();
        assert_eq!(due, ["due"]);
    }
}
