//! What a connection has asked and was not answered, by number.

use std::collections::VecDeque;

/// 0 is a push and 1 the login, so that numbers run from here to the end of `u16`, then again from here.
const FIRST_SEQ_NUM: u16 = 2;

/// So many numbers there are; the oldest question is given up when they run out.
const NUMBERS: usize = u16::MAX as usize - FIRST_SEQ_NUM as usize + 1;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A message.
    Message {
        /// Who writes it.
        voice: u32,
        /// Its number in the conversation.
        number: u32,
        /// When its turn came.
        due: u64,
        /// Nobody waits for its answer any more; it may still come.
        given_up: bool,
    },
    /// A page of history, and when its turn came.
    Page { due: u64, given_up: bool },
    /// A group to be made.
    Group { group: u32 },
}

/// Questions in the order in which they were asked. No memory when there is none.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    first: u16,
    waiting: VecDeque<Option<Question>>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            first: FIRST_SEQ_NUM,
            waiting: VecDeque::new(),
        }
    }
}

impl Asked {
    /// Remembers a question: its number, and the question that had to make room.
    pub(super) fn push(&mut self, question: Question) -> (u16, Option<Question>) {
        let mut dropped = None;
        if self.waiting.len() == NUMBERS {
            dropped = self.waiting.pop_front().flatten();
            self.first = after(self.first, 1);
        }
        let seq_num = after(self.first, self.waiting.len());
        self.waiting.push_back(Some(question));
        (seq_num, dropped)
    }

    /// Takes the question of that number; `None` if there is none, or was answered.
    pub(super) fn take(&mut self, seq_num: u16) -> Option<Question> {
        let question = self.waiting.get_mut(self.place(seq_num)?)?.take();
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first = after(self.first, 1);
        }
        question
    }

    /// All that are left, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Question> {
        self.waiting.iter().flatten()
    }

    /// The same, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Question> {
        self.waiting.iter_mut().flatten()
    }

    /// Takes all that are left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Question> + use<> {
        std::mem::take(self).waiting.into_iter().flatten()
    }

    fn place(&self, seq_num: u16) -> Option<usize> {
        if seq_num < FIRST_SEQ_NUM {
            return None;
        }
        let distance = usize::from(seq_num) + NUMBERS - usize::from(self.first);
        Some(distance % NUMBERS)
    }
}

/// The number that comes so many numbers later.
fn after(seq_num: u16, steps: usize) -> u16 {
    let place = usize::from(seq_num - FIRST_SEQ_NUM) + steps;
    FIRST_SEQ_NUM + (place % NUMBERS) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn page(due: u64) -> Question {
        Question::Page {
            due,
            given_up: false,
        }
    }

    proptest! {
        #[test]
        fn every_question_is_found_once_by_its_number(answers in vec(any::<Option<prop::sample::Index>>(), 0..300)) {
            // Near the end of the numbers, so that they run over it.
            let mut asked = Asked { first: u16::MAX - 50, ..Asked::default() };
            let mut open = BTreeMap::new();
            for (step, answer) in answers.iter().enumerate() {
                match answer {
                    Some(which) if !open.is_empty() => {
                        let seq_num = *which.get(&open.keys().copied().collect::<Vec<u16>>());
                        prop_assert_eq!(asked.take(seq_num), open.remove(&seq_num));
                        prop_assert_eq!(asked.take(seq_num), None);
                    }
                    _ => {
                        let (seq_num, dropped) = asked.push(page(step as u64));
                        prop_assert!(seq_num >= FIRST_SEQ_NUM && dropped.is_none());
                        prop_assert_eq!(open.insert(seq_num, page(step as u64)), None);
                    }
                }
                prop_assert_eq!(asked.iter_mut().count(), open.len());
            }
        }
    }

    #[test]
    fn when_numbers_run_out_the_oldest_question_makes_room() {
        let mut asked = Asked::default();
        for due in 0..NUMBERS as u64 {
            assert_eq!(asked.push(page(due)).1, None);
        }
        assert_eq!(asked.push(page(0)), (FIRST_SEQ_NUM, Some(page(0))));
        assert_eq!(asked.take(0), None);
        assert_eq!(asked.take(1), None);
    }
}
