//! A run in several processes: the one that was started, and workers that it starts with a part of the scenario each.
//!
//! A worker reads one line of JSON with its job, then `go`, perhaps `over` or `stop`, then `leave`; the end of its standard input is a
//! `stop` too, so that no worker outlives whoever started it. It writes lines of JSON: slices, that it is ready, that everything has
//! arrived, how it ended. Its users stay until those of all others have done what they had to do.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::super::outcome::{Ending, Slice};
use super::super::permit::Permit;
use super::gather::Gather;
use super::limits;
use super::play::{StopToken, together};
use super::scenario::Scenario;
use super::tag::Run;
use super::target::{Place, Route, Target};
use super::worker::{self, Director, Done, Job};
use crate::client::TlsArgs;

/// Between two looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Lines of workers that wait to be dealt with; workers wait beyond it.
const LINES: usize = 256;

/// A worker's job on its way.
#[derive(Serialize, Deserialize)]
struct Order {
    scenario: Scenario,
    place: Place,
    tls: TlsArgs,
    password: String,
    run: Run,
    began: SystemTime,
}

/// What a worker writes.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Slice(Box<Slice>),
    Ready,
    Arrived,
    Done(Done),
}

/// Plays each part in a process of its own, and says how all of them together ended.
pub(super) fn play(
    parts: Vec<Scenario>,
    target: &Target,
    (run, began): (Run, SystemTime),
    gather: &mut Gather<'_>,
    stop: &StopToken,
) -> anyhow::Result<Done> {
    let (sender, said) = sync_channel(LINES);
    let mut workers = Workers(Vec::new());
    let works =
        |part: &Scenario| part.one_to_one.is_some() || part.group.is_some() || part.logs_in();
    // Some were left without a message of those that a bound left to be written, or have only users who are online before the
    // logins, and nothing else to do.
    let some_work = parts.iter().any(works);
    for (number, scenario) in parts.into_iter().enumerate() {
        let only_listens = some_work && !works(&scenario);
        let order = Order {
            scenario,
            place: target.place.clone(),
            tls: target.tls.clone(),
            password: target.password.clone(),
            run: run.of_worker(number as u32),
            began,
        };
        workers
            .0
            .push(Worker::start(number, &order, target, &sender)?);
        workers.0[number].only_listens = only_listens;
    }
    drop(sender);
    workers.direct(&said, gather, stop);
    let done = workers.0.iter_mut().map(Worker::end);
    Ok(together(done.collect::<Vec<Done>>()))
}

/// All workers; those that still run when it is dropped are killed.
struct Workers(Vec<Worker>);

struct Worker {
    number: usize,
    child: Child,
    orders: Option<ChildStdin>,
    /// Its load is over, and everything has arrived.
    arrived: bool,
    done: Option<Done>,
    /// It has no message to write and nobody to log in, unlike others.
    only_listens: bool,
}

impl Workers {
    /// Until every worker has ended.
    fn direct(
        &mut self,
        said: &Receiver<(usize, Option<Said>)>,
        gather: &mut Gather<'_>,
        stop: &StopToken,
    ) {
        let mut waited_for = self.0.len();
        let mut stopped = false;
        loop {
            let must_stop = stop.is_stopped() && !stopped;
            match said.recv_timeout(LOOK) {
                Ok((worker, Some(Said::Slice(slice)))) => gather.add(worker, *slice),
                Ok((_, Some(Said::Ready))) => {
                    waited_for = waited_for.saturating_sub(1);
                    if waited_for == 0 {
                        gather.load_begins();
                        self.tell("go");
                    }
                }
                Ok((worker, Some(Said::Done(done)))) => {
                    // One that failed has nothing to wait for, and nobody can wait for it.
                    let alone = matches!(done.ending, Ending::Failed(_));
                    self.0[worker].done = Some(done);
                    if alone && !stopped {
                        stopped = true;
                        self.tell("stop");
                    } else {
                        self.let_go();
                    }
                }
                Ok((worker, Some(Said::Arrived))) => {
                    self.0[worker].arrived = true;
                    self.let_go();
                }
                Ok((worker, None)) => {
                    gather.ended(worker);
                    if self.0[worker].done.is_none() && !stopped {
                        stopped = true;
                        self.tell("stop");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if must_stop {
                stopped = true;
                self.tell("stop");
            }
        }
    }

    /// Whoever only listens need not go on when the others have nothing left to do, and when nobody has, everybody may leave.
    fn let_go(&mut self) {
        let is_over = |worker: &Worker| worker.arrived || worker.done.is_some();
        if self.0.iter().all(is_over) {
            self.tell("leave");
        } else if self.0.iter().all(|it| it.only_listens || is_over(it)) {
            self.tell("over");
        }
    }

    fn tell(&mut self, what: &str) {
        for worker in &mut self.0 {
            if let Some(orders) = &mut worker.orders {
                // A worker that does not read any more has ended, which is seen where its lines end.
                drop(writeln!(orders, "{what}").and_then(|()| orders.flush()));
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            if worker.done.is_none() {
                drop(worker.child.kill());
            }
            drop(worker.child.wait());
        }
    }
}

impl Worker {
    fn start(
        number: usize,
        order: &Order,
        target: &Target,
        sender: &SyncSender<(usize, Option<Said>)>,
    ) -> anyhow::Result<Self> {
        let program = match &target.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().context("finding this program's own file")?,
        };
        let mut command = Command::new(&program);
        command.args(["load", "--worker"]);
        if may_go_anywhere(target.permit) {
            command.arg("--i-own-this-target");
        }
        // Ctrl-C is for whoever was started first, and who tells the others.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut orders = child.stdin.take();
        let said = child.stdout.take().context("a worker has an output")?;
        let mut job = serde_json::to_vec(order)?;
        job.push(b'\n');
        if let Some(orders) = &mut orders {
            // As above: a worker that ended at once is noticed by its silence.
            drop(orders.write_all(&job).and_then(|()| orders.flush()));
        }
        let sender = sender.clone();
        thread::Builder::new()
            .name(format!("worker {number}"))
            .spawn(move || {
                for line in BufReader::new(said).lines().map_while(Result::ok) {
                    // Something that is no line of a worker is what a worker would write that is another program.
                    let Ok(line) = serde_json::from_str(&line) else {
                        break;
                    };
                    if sender.send((number, Some(line))).is_err() {
                        return;
                    }
                }
                drop(sender.send((number, None)));
            })?;
        Ok(Self {
            number,
            child,
            orders,
            arrived: false,
            done: None,
            only_listens: false,
        })
    }

    /// How it ended, once it has.
    fn end(&mut self) -> Done {
        // The end of its orders, should it still wait for some.
        self.orders = None;
        if self.done.is_none() {
            // It said nothing sensible any more.
            drop(self.child.kill());
        }
        let status = self.child.wait();
        self.done.clone().unwrap_or_else(|| Done {
            ending: Ending::Failed(match status {
                Ok(status) => format!("process {} of this tool ended: {status}", self.number),
                Err(error) => format!("process {} of this tool: {error}", self.number),
            }),
            seconds: 0.0,
        })
    }
}

/// Whether the target was said to be one's own, which workers have to be told as well.
fn may_go_anywhere(permit: Permit) -> bool {
    // An address of documentation, which nothing is sent to.
    permit.check(([192, 0, 2, 1], 1).into()).is_ok()
}

/// Is a worker: reads its job from standard input and plays it.
pub(super) fn be_worker(permit: Permit) -> anyhow::Result<()> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("reading the job")?;
    let order: Order = serde_json::from_str(&line).context("the job cannot be read")?;
    let orders = Orders::default();
    let told = orders.clone();
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                match line.as_str() {
                    "go" => told.go.store(true, Ordering::Relaxed),
                    "over" => told.over.store(true, Ordering::Relaxed),
                    "leave" => told.leave.store(true, Ordering::Relaxed),
                    _ => told.stop.store(true, Ordering::Relaxed),
                }
            }
            told.stop.store(true, Ordering::Relaxed);
        })?;
    let mut speaker = Speaker { orders };
    let done = follow(order, permit, &mut speaker).unwrap_or_else(|error| Done {
        ending: Ending::Failed(format!("{error:#}")),
        seconds: 0.0,
    });
    speaker.say(&Said::Done(done));
    Ok(())
}

fn follow(order: Order, permit: Permit, speaker: &mut Speaker) -> anyhow::Result<Done> {
    let trust = order.tls.trust()?;
    limits::make_room(order.scenario.users, 1)?;
    let job = Job {
        route: Route::find(&order.place, permit, trust.as_ref())?,
        trust,
        scenario: order.scenario,
        permit,
        password: order.password,
        run: order.run,
        began: order.began,
    };
    worker::play(&job, speaker)
}

/// What a worker was told so far.
#[derive(Clone, Default)]
struct Orders {
    go: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
    leave: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

/// A worker's standard output.
struct Speaker {
    orders: Orders,
}

impl Speaker {
    fn say(&self, said: &Said) {
        let Ok(line) = serde_json::to_string(said) else {
            return;
        };
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            // Nobody listens any more.
            self.orders.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Director for Speaker {
    fn slice(&mut self, slice: Slice) {
        self.say(&Said::Slice(Box::new(slice)));
    }

    fn ready(&mut self) {
        self.say(&Said::Ready);
    }

    fn may_go(&mut self) -> bool {
        self.orders.go.load(Ordering::Relaxed)
    }

    fn is_over(&mut self) -> bool {
        self.orders.over.load(Ordering::Relaxed)
    }

    fn arrived(&mut self) {
        self.say(&Said::Arrived);
    }

    fn may_leave(&mut self) -> bool {
        self.orders.leave.load(Ordering::Relaxed) || self.must_stop()
    }

    fn must_stop(&mut self) -> bool {
        self.orders.stop.load(Ordering::Relaxed)
    }
}
