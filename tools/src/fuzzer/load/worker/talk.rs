//! What users write: at fixed moments, or as fast as they are answered.

use std::collections::VecDeque;
use std::ops::Range;

use proto::im::base_define::MsgType;

use super::super::super::outcome::Counter;
use super::super::tag::Tag;
use super::asked::Question;
use super::schedule::Schedule;
use super::seat::State;
use super::stage::Stage;
use super::wire::Template;
use super::{SECOND, Worker};

/// Messages of one writer at a fixed rate that may be unanswered; the next ones wait.
const MAX_UNANSWERED: u32 = 1000;

/// Turns of one writer that may wait; the next ones are skipped, and counted as that.
const MAX_WAITING: usize = 1000;

/// Later than this after its turn, a message is counted as behind.
const PUNCTUAL: u64 = 10_000;

/// Writers with something in common.
#[derive(Debug)]
pub(super) struct Talk {
    voices: Range<u32>,
    window: u32,
    rate: f64,
    body: u32,
    msg_type: MsgType,
    /// At a fixed rate, while the load lasts.
    schedule: Option<Schedule>,
    /// Messages that may still be begun, if there is a limit.
    left: Option<u64>,
    /// Before the load instead of in it.
    pub(super) is_prefill: bool,
}

impl Talk {
    /// When the next turn is due.
    pub(super) fn due(&self) -> Option<u64> {
        self.schedule.as_ref().map(Schedule::due)
    }
}

/// How a talk is talked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) window: u32,
    pub(super) rate: f64,
    pub(super) messages: u64,
    pub(super) body: u32,
    pub(super) msg_type: MsgType,
    pub(super) is_prefill: bool,
}

/// To whom somebody writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    Seat(u32),
    Group(u32),
}

/// One user writing in one conversation.
#[derive(Debug)]
pub(super) struct Voice {
    talk: u32,
    seat: u32,
    peer: Peer,
    pub(super) conversation: u32,
    pub(super) member: usize,
    /// Made when both ids are known.
    template: Option<Template>,
    /// Messages that are waited for.
    pub(super) in_flight: u32,
    /// Turns that came while too much was unanswered.
    waiting: VecDeque<u64>,
}

impl Worker<'_> {
    /// Adds writers: who, to whom, in which conversation as which member.
    pub(super) fn add_talk(
        &mut self,
        manner: Manner,
        voices: impl IntoIterator<Item = (u32, Peer, u32, usize)>,
    ) {
        let talk = self.talks.len() as u32;
        let first = self.voices.len() as u32;
        for (seat, peer, conversation, member) in voices {
            self.seats[seat as usize]
                .voices
                .push(self.voices.len() as u32);
            self.voices.push(Voice {
                talk,
                seat,
                peer,
                conversation,
                member,
                template: None,
                in_flight: 0,
                waiting: VecDeque::new(),
            });
        }
        self.talks.push(Talk {
            voices: first..self.voices.len() as u32,
            window: manner.window,
            rate: manner.rate,
            body: manner.body,
            msg_type: manner.msg_type,
            schedule: None,
            left: (manner.messages > 0).then_some(manner.messages),
            is_prefill: manner.is_prefill,
        });
    }

    /// A conversation of these seats.
    pub(super) fn add_conversation(&mut self, seats: impl ExactSizeIterator<Item = u32>) -> u32 {
        let conversation = self.ledger.open(seats.len());
        for (member, seat) in seats.enumerate() {
            self.seats[seat as usize]
                .places
                .push((conversation, member));
        }
        conversation
    }

    /// Everybody begins to write, before the load or in it.
    pub(super) fn begin_talks(&mut self, is_prefill: bool) {
        for talk in 0..self.talks.len() {
            let begun = &mut self.talks[talk];
            if begun.is_prefill != is_prefill {
                continue;
            }
            if begun.rate > 0.0 && !begun.voices.is_empty() {
                begun.schedule = Some(Schedule::new(self.now, begun.rate));
                continue;
            }
            for voice in begun.voices.clone() {
                self.go_on(voice);
            }
        }
    }

    /// Nobody begins another message. Turns that were not taken are skipped.
    pub(super) fn end_talks(&mut self) {
        let mut skipped = 0;
        for voice in &mut self.voices {
            let waiting = std::mem::take(&mut voice.waiting).len();
            if self.talks[voice.talk as usize].left != Some(0) {
                skipped += waiting as u64;
            }
        }
        self.measure.add_many(Counter::Skipped, skipped);
        for talk in &mut self.talks {
            talk.schedule = None;
            talk.left = Some(0);
        }
    }

    /// Whether all messages that there should be were written and answered, or given up.
    pub(super) fn talks_are_over(&self, is_prefill: bool) -> bool {
        // Turns that wait when the last message is written are turns of no message.
        self.talks
            .iter()
            .filter(|talk| talk.is_prefill == is_prefill)
            .all(|talk| talk.left == Some(0) && self.is_answered(talk.voices.clone()))
    }

    /// Whether there is a limit to what is written.
    pub(super) fn talks_have_an_end(&self) -> bool {
        let mut talks = self.talks.iter().filter(|talk| !talk.is_prefill).peekable();
        talks.peek().is_some() && talks.all(|talk| talk.left.is_some())
    }

    /// Whether this one writes in the load, and not before it.
    pub(super) fn is_of_load(&self, voice: u32) -> bool {
        let talk = self.voices[voice as usize].talk;
        !self.talks[talk as usize].is_prefill
    }

    fn is_answered(&self, voices: Range<u32>) -> bool {
        let voices = &self.voices[voices.start as usize..voices.end as usize];
        voices.iter().all(|voice| voice.in_flight == 0)
    }

    /// Whether nobody waits for an answer.
    pub(super) fn all_answered(&self) -> bool {
        self.is_answered(0..self.voices.len() as u32)
    }

    /// Writes what is due at its moment.
    pub(super) fn talk_on_schedule(&mut self) {
        for talk in 0..self.talks.len() {
            loop {
                let at = &mut self.talks[talk];
                if at.left == Some(0) {
                    break;
                }
                let turn = at.schedule.as_mut().and_then(|next| next.take(self.now));
                let Some((turn, due)) = turn else {
                    break;
                };
                let count = u64::from(at.voices.end - at.voices.start);
                let voice = at.voices.start + (turn % count) as u32;
                self.take_turn(voice, due);
            }
        }
    }

    fn take_turn(&mut self, voice: u32, due: u64) {
        let speaker = &mut self.voices[voice as usize];
        if speaker.in_flight >= MAX_UNANSWERED {
            let waiting = speaker.waiting.len();
            let left = self.talks[speaker.talk as usize].left;
            if left.is_some_and(|left| left <= waiting as u64) {
                // There are no more messages than turns that wait for them.
            } else if waiting < MAX_WAITING {
                speaker.waiting.push_back(due);
            } else {
                self.count(Counter::Skipped);
            }
            return;
        }
        if self.now - due > PUNCTUAL {
            self.count(Counter::Behind);
        }
        if !self.send(voice, due) {
            self.count(Counter::Skipped);
        }
    }

    /// Writes what this writer may now write: as many as the window has room for, or what waited for its turn.
    pub(super) fn go_on(&mut self, voice: u32) {
        loop {
            let speaker = &mut self.voices[voice as usize];
            let talk = &self.talks[speaker.talk as usize];
            if talk.left == Some(0) || !self.stage.is_talking(talk.is_prefill) {
                return;
            }
            if talk.rate > 0.0 {
                if speaker.in_flight >= MAX_UNANSWERED {
                    return;
                }
                let Some(due) = speaker.waiting.pop_front() else {
                    return;
                };
                if !self.send(voice, due) {
                    self.count(Counter::Skipped);
                }
            } else if speaker.in_flight >= talk.window || !self.send(voice, self.now) {
                return;
            }
        }
    }

    /// Everybody who writes from this device goes on.
    pub(super) fn go_on_from(&mut self, seat: u32) {
        for at in 0..self.seats[seat as usize].voices.len() {
            let voice = self.seats[seat as usize].voices[at];
            self.go_on(voice);
        }
    }

    /// Writes one message; false if its writer is not online, or does not know to whom.
    fn send(&mut self, voice: u32, due: u64) -> bool {
        let speaker = &mut self.voices[voice as usize];
        let talk = &mut self.talks[speaker.talk as usize];
        if speaker.template.is_none() {
            let from = self.seats[speaker.seat as usize].user_id;
            let to = match speaker.peer {
                Peer::Seat(seat) => self.seats[seat as usize].user_id,
                Peer::Group(group) => self.groups.id(group),
            };
            if from == 0 || to == 0 {
                return false;
            }
            speaker.template = Some(Template::new(from, to, talk.msg_type as i32, talk.body));
        }
        let seat = &mut self.seats[speaker.seat as usize];
        let (State::Online, Some(link), Some(template)) =
            (seat.state, &mut seat.link, &speaker.template)
        else {
            return false;
        };
        let Some(number) = self.ledger.sent(speaker.conversation, speaker.member) else {
            return false;
        };
        let (seq_num, dropped) = seat.asked.push(Question::Message {
            voice,
            number,
            due,
            given_up: false,
        });
        let tag = Tag {
            run: self.job.run.number(),
            conversation: speaker.conversation,
            number,
            due,
        };
        template.write(seq_num, tag, &mut link.output);
        speaker.in_flight += 1;
        if let Some(left) = &mut talk.left {
            *left -= 1;
            if *left == 0 {
                // Nobody is woken for further turns.
                talk.schedule = None;
            }
        }
        let seat = speaker.seat;
        self.count(Counter::Sent);
        self.mark(seat);
        if let Some(dropped) = dropped {
            self.unanswered(seat, dropped);
        }
        true
    }

    /// Nobody waits any longer for what should have been answered by now, though it may still come.
    pub(super) fn give_up_old_questions(&mut self) {
        let patience = u64::from(self.scenario().answer_seconds) * SECOND;
        let Some(before) = self.now.checked_sub(patience) else {
            return;
        };
        for seat in 0..self.seats.len() as u32 {
            let (mut freed, mut pages) = (false, 0);
            for question in self.seats[seat as usize].asked.iter_mut() {
                match question {
                    Question::Message {
                        voice,
                        due,
                        given_up,
                        ..
                    } if *due < before && !*given_up => {
                        *given_up = true;
                        freed = true;
                        self.voices[*voice as usize].in_flight -= 1;
                    }
                    Question::Page { due, given_up } if *due < before && !*given_up => {
                        *given_up = true;
                        freed = true;
                        pages += 1;
                        self.measure.add(Counter::RequestFailed);
                    }
                    _ => {}
                }
            }
            for _ in 0..pages {
                self.page_is_over(seat);
            }
            if freed && matches!(self.stage, Stage::Run { .. } | Stage::Prefill { .. }) {
                self.go_on_from(seat);
                self.read_on(seat);
            }
        }
    }
}
