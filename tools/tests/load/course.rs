//! How a run goes: in several processes, before eyes, until it is stopped, and to whom.

use tools::fuzzer::load::{Place, Scenario, StopToken, Target, play};
use tools::fuzzer::observer::Observer;
use tools::fuzzer::outcome::{Counter, Ending, Phase, Slice};

use crate::fake::{Fault, login_server, serve, serve_and_watch};
use crate::{PAIR, at, messages, run};

#[test]
fn several_processes_share_the_users() {
    let text = "
name = \"two\"
users = 8
processes = 2
seconds = 60
[one-to-one]
messages = 100
";
    let outcome = run(text, &at(serve(Fault::None)));
    assert_eq!(outcome.ending, Ending::Complete);
    let wanted = [
        ("sent", 100),
        ("acked", 100),
        ("expected", 100),
        ("delivered", 100),
    ];
    assert_eq!(messages(&outcome), wanted);
    assert_eq!(outcome.online, 8);
}

#[test]
fn who_is_online_before_a_load_of_logins_stays_whatever_process_he_is_of() {
    let text = "
name = \"logins\"
users = 8
seconds = 60
processes = 2
[logins]
online = 4
rate = 4.0
";
    let (server, world) = serve_and_watch(Fault::None);
    let outcome = run(text, &at(server));
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::LoggedIn], 8);
    // How many were there when each of the last four came.
    let met = &world.lock().unwrap().met[4..];
    assert_eq!(met, [4, 5, 6, 7]);
}

#[test]
fn a_process_that_ends_early_ends_the_run() {
    let mut target = at(serve(Fault::None));
    target.program = Some("false".into());
    let text = "name = \"x\"\nusers = 8\nprocesses = 2\n[one-to-one]\n";
    let outcome = run(text, &target);
    let Ending::Failed(why) = &outcome.ending else {
        panic!("{:?}", outcome.ending);
    };
    assert!(why.contains("process 0 of this tool ended"), "{why}");
}

/// How often the load was said to begin before any of it was shown, and afterwards.
#[derive(Default)]
struct Begin {
    before: u32,
    late: u32,
    shown: bool,
}

impl Observer for Begin {
    fn load_begins(&mut self) {
        match self.shown {
            true => self.late += 1,
            false => self.before += 1,
        }
    }

    fn slice(&mut self, slice: &Slice) {
        self.shown |= slice.phase == Phase::Run;
    }
}

#[test]
fn who_looks_on_is_told_of_the_load_before_it_begins() {
    for processes in [1, 2] {
        let text = format!(
            "
name = \"begin\"
users = 8
processes = {processes}
seconds = 60
[one-to-one]
messages = 100
rate = 100.0
"
        );
        let scenario = Scenario::parse(&text).unwrap();
        let mut begin = Begin::default();
        let target = at(serve(Fault::None));
        let outcome = play(&scenario, &target, &mut begin, StopToken::default()).unwrap();
        assert_eq!(outcome.ending, Ending::Complete);
        assert!(begin.shown);
        assert_eq!((begin.before, begin.late), (1, 0), "{processes} processes");
    }
}

/// Stops the run when some of the load was measured.
struct StopInTheLoad(StopToken);

impl Observer for StopInTheLoad {
    fn load_begins(&mut self) {}

    fn slice(&mut self, slice: &Slice) {
        if slice.phase == Phase::Run {
            self.0.stop();
        }
    }
}

#[test]
fn a_run_that_is_stopped_keeps_its_balance() {
    let text = PAIR.replace("messages = 100", "window = 4");
    let scenario = Scenario::parse(&text).unwrap();
    let stop = StopToken::default();
    let mut stop_in_the_load = StopInTheLoad(stop.clone());
    let target = at(serve(Fault::None));
    let outcome = play(&scenario, &target, &mut stop_in_the_load, stop).unwrap();
    assert_eq!(outcome.ending, Ending::Interrupted);
    let acked = outcome.counts[Counter::Acked];
    assert!(acked > 0 && !outcome.counts.is_broken_promise());
    assert_eq!(outcome.counts[Counter::Delivered], acked);
    assert_eq!(outcome.counts[Counter::Sent], acked);
}

#[test]
fn nothing_is_sent_to_strangers() {
    let refused = |place| {
        let target = Target {
            place,
            ..at(([127, 0, 0, 1], 1).into())
        };
        let scenario = Scenario::parse(PAIR).unwrap();
        let error = play(&scenario, &target, &mut (), StopToken::default()).unwrap_err();
        format!("{error:#}")
    };
    for place in [
        Place::Servers(vec!["192.0.2.1:8000".to_owned()]),
        Place::Login("http://192.0.2.1:8080".to_owned()),
    ] {
        let error = refused(place);
        assert!(error.contains("--i-own-this-target"), "{error}");
    }
    // Nor where a login_server sends one to.
    let login = login_server("192.0.2.1", 8000);
    let target = Target {
        place: Place::Login(format!("http://{login}")),
        ..at(login)
    };
    let Ending::Failed(why) = run(PAIR, &target).ending else {
        panic!("it was sent somewhere");
    };
    assert!(why.contains("--i-own-this-target"), "{why}");
}

#[test]
fn a_login_server_is_asked_for_each_connection() {
    let server = serve(Fault::None);
    let login = login_server("127.0.0.1", server.port());
    let target = Target {
        place: Place::Login(format!("http://{login}")),
        ..at(login)
    };
    let outcome = run(PAIR, &target);
    assert_eq!(outcome.ending, Ending::Complete);
    assert_eq!(outcome.counts[Counter::Delivered], 100);
}
