//! Two sides in alternating runs: whose turn it is, what is said of them, and that nothing which was started is left over.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "report/outcome.rs"]
mod made_up;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use tools::fuzzer::compare::{
    About, Comparison, Installation, Measure, Side, Start, Turn, alternate, json, table, turns,
};
use tools::fuzzer::outcome::{Counter, Ending, Outcome, Phase};
use tools::terminal::Paint;

/// A run at this rate; nothing else in it differs.
fn at_rate(rate: u64) -> Outcome {
    let mut outcome = made_up::outcome();
    outcome.slices = vec![made_up::second(1, Phase::Run, rate)];
    outcome.seconds = 1.0;
    outcome
}

fn about() -> About {
    About {
        names: ["old".to_owned(), "new".to_owned()],
        scenario: "one-to-one".to_owned(),
        settings: toml::Table::new(),
    }
}

fn compared(rounds: u32, mut rate: impl FnMut(Turn) -> u64) -> Comparison {
    alternate(rounds, &mut |turn| Ok(at_rate(rate(turn)))).unwrap()
}

fn text(comparison: &Comparison) -> String {
    table(&about(), comparison, Paint::plain())
}

proptest! {
    #[test]
    fn both_sides_have_a_run_in_each_round_and_go_first_in_turn(rounds in 1..40_u32) {
        let turns: Vec<Turn> = turns(rounds).collect();
        prop_assert_eq!(turns.len() as u32, 2 * rounds + 2);
        prop_assert_eq!(turns.iter().filter(|turn| turn.round.is_none()).count(), 2);
        for (place, round) in turns.chunks(2).enumerate() {
            prop_assert_eq!(round[0].round, round[1].round);
            prop_assert!(round[0].side != round[1].side);
            prop_assert_eq!(round[0].round.unwrap_or(0) as usize, place);
        }
        // A B B A A B …: whoever ends a round begins the next one
        for rounds in turns[2..].chunks(2).collect::<Vec<_>>().windows(2) {
            prop_assert_eq!(rounds[0][1].side, rounds[1][0].side);
        }
    }
}

#[test]
fn the_side_that_is_always_ahead_is_named_with_its_ratio() {
    // the warm-up is far off and does not count
    let comparison = compared(5, |turn| match (turn.round, turn.side) {
        (None, _) => 9_000,
        (Some(round), Side::A) => 100 + u64::from(round),
        (Some(round), Side::B) => 2 * (100 + u64::from(round)),
    });
    assert!(comparison.succeeded());
    let rates = comparison.values(Side::B, Measure::Rate);
    assert_eq!(rates, [202.0, 204.0, 206.0, 208.0, 210.0]);
    let text = text(&comparison);
    assert!(text.contains("A  old\nB  new\n"), "{text}");
    assert!(
        text.contains("messages a second: B does more in 5 of 5 rounds, which chance does in 7 % of cases; the ratio is between 0.500 and 0.500 with 93 % confidence"),
        "{text}"
    );
    // half the messages for the same CPU time: B takes less for each
    assert!(
        text.contains("CPU a message: B takes less CPU time in 5 of 5 rounds"),
        "{text}"
    );
}

#[test]
fn sides_that_differ_by_chance_are_not_told_apart() {
    let comparison = compared(6, |turn| {
        let ahead = turn.round.is_some_and(|round| round % 2 == 0);
        if ahead == (turn.side == Side::A) {
            110
        } else {
            100
        }
    });
    let text = text(&comparison);
    assert!(
        text.contains("messages a second: can't be told apart"),
        "{text}"
    );
    let few = compared(2, |turn| 100 + 100 * turn.side as u64);
    let few = self::text(&few);
    assert!(
        few.contains("2 of 2 rounds; too few to tell them apart, 5 are needed"),
        "{few}"
    );
}

#[test]
fn what_came_before_a_failure_is_kept() {
    let mut runs = 0;
    let comparison = alternate(5, &mut |_| {
        runs += 1;
        if runs == 6 {
            anyhow::bail!("nobody answers")
        }
        Ok(at_rate(100))
    });
    let comparison = comparison.unwrap();
    assert_eq!(
        comparison.ending,
        Ending::Failed("A: nobody answers".to_owned())
    );
    assert_eq!(comparison.pairs(Measure::Rate).len(), 1);
    assert_eq!(comparison.samples.len(), 3);
    assert!(
        text(&comparison)
            .contains("failed: A: nobody answers; what was measured until then is above")
    );
    // a run that was cut short counts for nothing
    let interrupted = alternate(5, &mut |turn| {
        let mut outcome = at_rate(100);
        if turn.round == Some(2) {
            outcome.ending = Ending::Interrupted;
        }
        Ok(outcome)
    });
    let interrupted = interrupted.unwrap();
    assert_eq!(interrupted.samples.len(), 2);
    assert!(!interrupted.succeeded());
    // and where nothing came before, the reason is the error
    let error = alternate(5, &mut |_| anyhow::bail!("no such host")).unwrap_err();
    assert_eq!(error.to_string(), "no such host");
}

#[test]
fn a_promise_that_was_broken_is_said_whoever_was_faster() {
    let comparison = alternate(1, &mut |turn| {
        let mut outcome = at_rate(100);
        outcome.counts[Counter::Lost] = u64::from(turn.side == Side::B);
        Ok(outcome)
    });
    let comparison = comparison.unwrap();
    assert_eq!(comparison.broken, [0, 2]);
    assert!(!comparison.succeeded());
    assert!(text(&comparison).contains("B broke the promise about messages in 2 runs: 2 lost"));
}

#[test]
fn json_has_every_value_and_what_follows_from_them() {
    let comparison = compared(5, |turn| 100 + 100 * turn.side as u64);
    let object: Value = serde_json::from_str(&json(&about(), &comparison).unwrap()).unwrap();
    assert_eq!((&object["a"], &object["b"]), (&"old".into(), &"new".into()));
    let rate = &object["figures"][0];
    assert_eq!(rate["name"], "rate");
    assert_eq!(rate["a"]["values"].as_array().unwrap().len(), 5);
    assert_eq!(rate["ratio"]["median"], 0.5);
    assert_eq!(rate["ratio"]["below"], 5);
    assert_eq!(rate["told_apart"], true);
    assert_eq!(object["succeeded"], true);
}

/// A program that does this in place of `up`.
fn program(dir: &Path, script: &str) -> PathBuf {
    let path = dir.join("ferrotalk");
    // written by another process, so that none of this one's children holds it open for writing
    let mut tee = Command::new("sh");
    let written = tee.args([
        "-c",
        "printf '#!/bin/sh\n%s\n' \"$1\" > \"$2\"",
        "sh",
        script,
    ]);
    assert!(written.arg(&path).status().unwrap().success());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn start(dir: &Path, script: &str) -> anyhow::Result<Installation> {
    let start = Start {
        program: program(dir, script),
        users: 12,
        arguments: vec!["--msg-servers".to_owned(), "1".to_owned()],
    };
    Installation::start(&start, &|| false)
}

#[test]
fn a_build_is_started_with_its_own_folder_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let notes = dir.path().join("notes");
    let script = format!(
        "echo \"$$ $*\" > {0}; trap 'echo ended >> {0}; exit 0' TERM; echo ready login=http://127.0.0.1:1; \
         while :; do sleep 0.02; done",
        notes.display()
    );
    let installation = start(dir.path(), &script).unwrap();
    assert_eq!(installation.login(), "http://127.0.0.1:1");
    let folder = installation
        .run_json()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_owned();
    assert!(folder.is_dir());
    let note = std::fs::read_to_string(&notes).unwrap();
    for wanted in [
        " up --dir ",
        " --port-base ",
        " --demo-users 12 --no-limits --msg-servers 1",
    ] {
        assert!(note.contains(wanted), "{note}");
    }
    drop(installation);
    assert!(
        std::fs::read_to_string(&notes)
            .unwrap()
            .ends_with("ended\n")
    );
    assert!(!folder.exists());
}

#[test]
fn a_build_that_does_not_start_is_named_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let error = format!(
        "{:#}",
        start(dir.path(), "echo the store is locked >&2; exit 3").unwrap_err()
    );
    assert!(
        error.contains("ended before it was ready (exit status: 3)"),
        "{error}"
    );
    assert!(
        error.contains("the store is locked") && error.contains("build="),
        "{error}"
    );
    let missing = Start {
        program: dir.path().join("nothing"),
        users: 1,
        arguments: Vec::new(),
    };
    let error = Installation::start(&missing, &|| false)
        .unwrap_err()
        .to_string();
    assert!(error.contains("nothing: it cannot be started"), "{error}");
    // somebody who gives up is not kept waiting
    let silent = Start {
        program: program(dir.path(), "exec sleep 600"),
        ..missing
    };
    let error = format!("{:#}", Installation::start(&silent, &|| true).unwrap_err());
    assert!(error.contains("interrupted"), "{error}");
}

#[test]
fn a_build_is_compared_with_itself() {
    let build = concat!("build=", env!("CARGO_BIN_EXE_ferrotalk"));
    let output = Command::new(env!("CARGO_BIN_EXE_pdu-fuzzer"))
        .args([
            "compare",
            build,
            &format!("name=again,{build}"),
            "one-to-one",
        ])
        .args(["--rounds", "1", "--json"])
        .args(["--seconds", "1", "--pairs", "2"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(object["b"], "again");
    assert_eq!(object["unit"], "message");
    for figure in object["figures"].as_array().unwrap() {
        for side in ["a", "b"] {
            let values = figure[side]["values"].as_array();
            assert_eq!(values.map(Vec::len), Some(1), "{figure}");
        }
    }
    assert!(errors.contains("round 1 of 1, A"), "{errors}");
}

#[test]
fn a_wrong_command_line_says_what_is_wrong() {
    let compare = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdu-fuzzer"));
        let output = command.arg("compare").args(args).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), errors)
    };
    let (code, errors) = compare(&["bulid=x", "build=y", "one-to-one"]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("bulid=x") && errors.contains("build=PATH"),
        "{errors}"
    );
    let (code, errors) = compare(&["build=x", "build=y", "one-to-one", "--senders", "3"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("--senders"), "{errors}");
    let other = ["build=x", "build=y", "one-to-one", "--user-prefix", "other"];
    let (code, errors) = compare(&other);
    assert_eq!(code, Some(1));
    assert!(errors.contains("user-prefix"), "{errors}");
    // nothing is sent to somebody else's machine
    let (code, errors) = compare(&["msg=192.0.2.1:8000", "msg=192.0.2.2:8000", "one-to-one"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("--i-own-this-target"), "{errors}");
}
