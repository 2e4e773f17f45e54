//! Users who read back what they wrote to each other, a page at a time, from the newest to the oldest and again.

use proto::im::base_define::SessionType;
use proto::im::message::{ImGetMsgListReq, ImGetMsgListRsp};

use super::super::super::outcome::{Counter, Timing};
use super::super::scenario::share_of;
use super::Worker;
use super::asked::Question;
use super::schedule::Schedule;
use super::seat::State;
use super::stage::Stage;

/// Pages of one reader at a fixed rate that may be unanswered; further turns are skipped.
const MAX_UNANSWERED: u32 = 100;

/// Who reads.
#[derive(Debug)]
pub(super) struct History {
    /// The first seats.
    readers: Vec<Reader>,
    page: u32,
    schedule: Option<Schedule>,
}

#[derive(Clone, Debug, Default)]
struct Reader {
    /// The newest message of the next page; 0 for the newest there is.
    from: u32,
    /// Pages that are waited for.
    unanswered: u32,
}

impl History {
    pub(super) fn due(&self) -> Option<u64> {
        self.schedule.as_ref().map(Schedule::due)
    }
}

impl Worker<'_> {
    pub(super) fn begin_reading(&mut self) {
        let Some(history) = &self.scenario().history else {
            return;
        };
        // Of an odd number of users, the last one has nobody to read with.
        let readers = share_of(self.scenario().users & !1, history.share);
        self.history = Some(History {
            readers: vec![Reader::default(); readers as usize],
            page: history.page,
            schedule: (history.rate > 0.0).then(|| Schedule::new(self.now, history.rate)),
        });
        for seat in 0..readers {
            self.read_on(seat);
        }
    }

    /// Asks for the next page, if this user reads as fast as he is answered.
    pub(super) fn read_on(&mut self, seat: u32) {
        let Some(history) = &mut self.history else {
            return;
        };
        let Some(reader) = history.readers.get_mut(seat as usize) else {
            return;
        };
        if history.schedule.is_none() && reader.unanswered == 0 {
            self.ask_for_page(seat, self.now);
        }
    }

    /// A page of this reader is not waited for any more.
    pub(super) fn page_is_over(&mut self, seat: u32) {
        let history = self.history.as_mut();
        let reader = history.and_then(|history| history.readers.get_mut(seat as usize));
        if let Some(reader) = reader {
            reader.unanswered = reader.unanswered.saturating_sub(1);
        }
    }

    /// Whether nobody waits for a page.
    pub(super) fn all_read(&self) -> bool {
        let history = self.history.as_ref();
        history.is_none_or(|history| history.readers.iter().all(|reader| reader.unanswered == 0))
    }

    pub(super) fn read_on_schedule(&mut self) {
        while let Some(history) = &mut self.history
            && let Some(schedule) = &mut history.schedule
            && let Some((turn, due)) = schedule.take(self.now)
        {
            let seat = (turn % history.readers.len() as u64) as u32;
            if !self.ask_for_page(seat, due) {
                self.count(Counter::Skipped);
            }
        }
    }

    fn ask_for_page(&mut self, seat: u32, due: u64) -> bool {
        let peer = self.seats[(seat ^ 1) as usize].user_id;
        let Some(history) = &mut self.history else {
            return false;
        };
        let reader = &mut history.readers[seat as usize];
        let at = &mut self.seats[seat as usize];
        let may = matches!(self.stage, Stage::Run { .. })
            && at.state == State::Online
            && peer != 0
            && reader.unanswered < MAX_UNANSWERED;
        if !may {
            return false;
        }
        reader.unanswered += 1;
        let request = ImGetMsgListReq {
            user_id: at.user_id,
            session_type: SessionType::Single as i32,
            session_id: peer,
            msg_id_begin: reader.from,
            msg_cnt: history.page,
            ..Default::default()
        };
        let question = Question::Page {
            due,
            given_up: false,
        };
        let (seq_num, dropped) = at.asked.push(question);
        self.write(seat, &request, seq_num);
        if let Some(dropped) = dropped {
            self.unanswered(seat, dropped);
        }
        true
    }

    /// A page.
    pub(super) fn on_page(&mut self, seat: u32, seq_num: u16, body: &[u8]) {
        let question = self.seats[seat as usize].asked.take(seq_num);
        let Some(Question::Page { due, given_up }) = question else {
            self.count(Counter::Malformed);
            return;
        };
        let Ok(page) = <ImGetMsgListRsp as prost::Message>::decode(body) else {
            self.count(Counter::Malformed);
            if !given_up {
                self.page_is_over(seat);
            }
            return;
        };
        self.count(Counter::HistoryRead);
        self.measure
            .add_many(Counter::HistoryMessages, page.msg_list.len() as u64);
        self.measure.time(Timing::History, due, self.now);
        let Some(history) = &mut self.history else {
            return;
        };
        let reader = &mut history.readers[seat as usize];
        let oldest = page.msg_list.iter().map(|message| message.msg_id).min();
        let whole = page.msg_list.len() as u32 >= history.page;
        // Behind the first message begins the newest again.
        reader.from = oldest
            .filter(|_| whole)
            .map_or(0, |oldest| oldest.saturating_sub(1));
        if !given_up {
            self.page_is_over(seat);
            self.read_on(seat);
        }
    }
}
