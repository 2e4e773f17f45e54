//! What a user is told: frames out of bytes, and who deals with each.

use proto::im::buddy::ImUserStatNotify;
use proto::im::group::ImGroupCreateRsp;
use proto::im::login::ImKickUser;
use proto::im::message::{ImGetMsgListRsp, ImMsgData, ImMsgDataAck};
use proto::pdu::write_message;
use proto::{Body, CommandId, Header};

use super::super::super::outcome::{Counter, Phase, Timing};
use super::super::ledger::{Order, Pushed};
use super::super::tag::{Tag, Writer};
use super::asked::Question;
use super::enter::LOGIN_ANSWER;
use super::link::{Received, frame};
use super::login_server;
use super::seat::State;
use super::{Worker, wire};

/// The first message type of groups; those below are of pairs.
const GROUP_BIT: u32 = 0x10;

impl Worker<'_> {
    pub(super) fn on_readable(&mut self, seat: u32) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let at = &mut self.seats[seat as usize];
        if let Some(link) = &mut at.link {
            let received = link.receive(&mut scratch);
            if link.has_to_flush() {
                self.mark(seat);
            }
            match received {
                Ok(Received::Bytes(length)) => self.on_bytes(seat, &scratch[..length]),
                Ok(Received::Nothing) => {}
                Ok(Received::End) => self.on_end(seat),
                Err(error) => self.broke(seat, &error.to_string()),
            }
        }
        self.scratch = scratch;
    }

    fn on_end(&mut self, seat: u32) {
        if self.seats[seat as usize].state == State::Looking
            && let Some(link) = &mut self.seats[seat as usize].link
            && !link.input.is_empty()
        {
            let answer = std::mem::take(&mut link.input);
            self.on_address(seat, &answer);
            return;
        }
        self.broke(seat, "the other side closed the connection");
    }

    fn on_bytes(&mut self, seat: u32, bytes: &[u8]) {
        let at = &mut self.seats[seat as usize];
        let Some(link) = &mut at.link else {
            return;
        };
        if at.state == State::Looking {
            link.input.extend_from_slice(bytes);
            let whole = login_server::is_whole(&link.input);
            if whole || link.input.len() > login_server::MAX_ANSWER {
                let answer = std::mem::take(&mut link.input);
                self.on_address(seat, &answer);
            }
            return;
        }
        let generation = at.generation;
        if link.input.is_empty() {
            let used = self.on_frames(seat, bytes);
            self.keep(seat, generation, &bytes[used..]);
        } else {
            link.input.extend_from_slice(bytes);
            let mut input = std::mem::take(&mut link.input);
            let used = self.on_frames(seat, &input);
            let still = &mut self.seats[seat as usize];
            if still.generation == generation
                && let Some(link) = &mut still.link
            {
                input.drain(..used);
                if input.is_empty() {
                    // A large frame's memory is not kept for small ones.
                    input.shrink_to(4096);
                }
                link.input = input;
            }
        }
    }

    /// Keeps the beginning of a frame, if the connection is still that one.
    fn keep(&mut self, seat: u32, generation: u32, rest: &[u8]) {
        let at = &mut self.seats[seat as usize];
        if !rest.is_empty()
            && at.generation == generation
            && let Some(link) = &mut at.link
        {
            link.input.extend_from_slice(rest);
        }
    }

    /// Deals with all whole frames: how many bytes they are.
    fn on_frames(&mut self, seat: u32, bytes: &[u8]) -> usize {
        let generation = self.seats[seat as usize].generation;
        let mut used = 0;
        loop {
            match frame(&bytes[used..]) {
                Ok(Some((header, body))) => {
                    used += header.length as usize;
                    self.on_frame(seat, header, body);
                }
                Ok(None) => return used,
                Err(length) => {
                    self.count(Counter::Malformed);
                    self.broke(seat, &format!("a frame of {length} bytes is announced"));
                    return used;
                }
            }
            // What follows came over a connection that this side has closed.
            if self.seats[seat as usize].generation != generation {
                return used;
            }
        }
    }

    fn on_frame(&mut self, seat: u32, header: Header, body: &[u8]) {
        const ACK: CommandId = ImMsgDataAck::ID;
        const MESSAGE: CommandId = ImMsgData::ID;
        const PAGE: CommandId = ImGetMsgListRsp::ID;
        const GROUP: CommandId = ImGroupCreateRsp::ID;
        const PRESENCE: CommandId = ImUserStatNotify::ID;
        const KICK: CommandId = ImKickUser::ID;
        match header.command {
            ACK => self.on_ack(seat, header.seq_num, body),
            MESSAGE => self.on_message(seat, body),
            // Whatever its number is: nothing else is asked by who is not in.
            LOGIN_ANSWER if self.seats[seat as usize].state == State::Entering => {
                self.on_login(seat, body);
            }
            PRESENCE => self.on_presence(body),
            PAGE => self.on_page(seat, header.seq_num, body),
            GROUP => self.on_group(seat, header.seq_num, body),
            KICK => self.broke(seat, "somebody else logged in as this user"),
            _ => {}
        }
    }

    fn on_ack(&mut self, seat: u32, seq_num: u16, body: &[u8]) {
        let Some(id) = wire::acked_id(body) else {
            self.count(Counter::Malformed);
            return;
        };
        let Some(Question::Message {
            voice,
            number,
            due,
            given_up,
        }) = self.seats[seat as usize].asked.take(seq_num)
        else {
            // The question was answered before, or never asked.
            self.count(Counter::Doubled);
            return;
        };
        if id == 0 {
            self.count(Counter::Refused);
            if !given_up {
                self.voices[voice as usize].in_flight -= 1;
                self.go_on(voice);
            }
            return;
        }
        self.count(Counter::Acked);
        if self.measure.phase != Phase::Setup {
            self.measure.time(Timing::Ack, due, self.now);
        }
        let speaker = &mut self.voices[voice as usize];
        let acked = self
            .ledger
            .acked(speaker.conversation, speaker.member, number, id);
        self.measure.add_many(Counter::Expected, acked.expected);
        if acked.doubled {
            self.count(Counter::Doubled);
        }
        if !given_up {
            self.voices[voice as usize].in_flight -= 1;
            self.go_on(voice);
        }
    }

    fn on_message(&mut self, seat: u32, body: &[u8]) {
        let Some(message) = wire::message(body) else {
            self.count(Counter::Malformed);
            return;
        };
        if self.job.scenario.ack_pushes {
            self.acknowledge(seat, &message);
        }
        let Some(tag) = Tag::read(message.data) else {
            return;
        };
        match self.job.run.writer(tag.run) {
            Writer::This => {}
            // Nobody of another worker is in a conversation with anybody here.
            Writer::Other => return self.count(Counter::Misdelivered),
            Writer::Nobody => return,
        }
        let at = &self.seats[seat as usize];
        let place = at
            .places
            .iter()
            .find(|(conversation, _)| *conversation == tag.conversation);
        let Some((conversation, member)) = place.copied() else {
            self.count(Counter::Misdelivered);
            return;
        };
        match self
            .ledger
            .pushed(conversation, member, tag.number, message.id)
        {
            Pushed::First(order) => {
                self.count(Counter::Delivered);
                match order {
                    Order::Kept => {}
                    Order::Broken => self.count(Counter::OutOfOrder),
                    Order::Overtaken => self.count(Counter::Overtaken),
                }
                if self.measure.phase != Phase::Setup {
                    self.measure.time(Timing::Delivery, tag.due, self.now);
                }
            }
            Pushed::Again => self.count(Counter::Doubled),
            Pushed::Unknown => self.count(Counter::Malformed),
        }
    }

    /// Tells the server that a message arrived, as stock clients do.
    fn acknowledge(&mut self, seat: u32, message: &wire::Message<'_>) {
        let at = &mut self.seats[seat as usize];
        let (session_id, session_type) = match message.msg_type & GROUP_BIT {
            0 => (message.from, 1),
            _ => (message.to, 2),
        };
        let ack = ImMsgDataAck {
            user_id: at.user_id,
            session_id,
            msg_id: message.id,
            session_type,
        };
        if let Some(link) = &mut at.link {
            write_message(&ack, 0, &mut link.output);
            self.mark(seat);
        }
    }
}
