//! Which connections have something to do: epoll, and a timer that is finer than its milliseconds.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// Events that are taken at once.
const BATCH: usize = 512;

/// The timer's own key; connections' keys are below.
const TIMER: u64 = u64::MAX;

/// An epoll instance.
pub(super) struct Poller {
    epoll: OwnedFd,
    timer: OwnedFd,
    events: Vec<Event>,
}

/// Something a connection can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// As it was added with.
    pub(super) key: u64,
    /// Bytes, an end or an error can be read.
    pub(super) readable: bool,
    /// Bytes can be written, or the connection was made or failed.
    pub(super) writable: bool,
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Self {
            epoll,
            timer,
            events: Vec::with_capacity(BATCH),
        })
    }

    /// Watches a connection that is being made: it is writable when that is over. Below `u64::MAX`, the key is the caller's.
    pub(super) fn add(&self, source: impl AsFd, key: u64) -> io::Result<()> {
        let data = EventData::new_u64(key);
        Ok(epoll::add(
            &self.epoll,
            source,
            data,
            EventFlags::IN | EventFlags::OUT,
        )?)
    }

    /// Whether a connection's being writable is of interest. That it is readable always is.
    pub(super) fn watch_writable(
        &self,
        source: impl AsFd,
        key: u64,
        watch: bool,
    ) -> io::Result<()> {
        let mut flags = EventFlags::IN;
        flags.set(EventFlags::OUT, watch);
        Ok(epoll::modify(
            &self.epoll,
            source,
            EventData::new_u64(key),
            flags,
        )?)
    }

    /// Waits for events, that many microseconds at most; up to a millisecond more unless it has to be `exact`.
    pub(super) fn wait(&mut self, micros: u64, exact: bool) -> io::Result<()> {
        let nothing = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // The kernel rounds epoll's own wait up to milliseconds, and a message at its moment cannot wait so long.
        let fine = exact && micros > 0;
        if fine {
            let spec = Itimerspec {
                it_interval: nothing,
                it_value: timespec(micros),
            };
            // Setting it also takes back that it went off.
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &spec)?;
        }
        let wait = if fine { None } else { Some(timespec(micros)) };
        self.events.clear();
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, spare, wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let timer_went_off = self.events.iter().any(|event| event.data.u64() == TIMER);
        if timer_went_off {
            let off = Itimerspec {
                it_interval: nothing,
                it_value: nothing,
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &off)?;
        }
        Ok(())
    }

    /// How many events the last wait brought.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// One of them; `None` for the timer.
    pub(super) fn ready(&self, at: usize) -> Option<Ready> {
        let event = self.events[at];
        let key = event.data.u64();
        let flags = event.flags;
        let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        (key != TIMER).then_some(Ready {
            key,
            readable: broken || flags.contains(EventFlags::IN),
            writable: broken || flags.contains(EventFlags::OUT),
        })
    }
}

fn timespec(micros: u64) -> Timespec {
    Timespec {
        tv_sec: (micros / 1_000_000) as i64,
        tv_nsec: (micros % 1_000_000 * 1000) as _,
    }
}
