//! Every known defect of the original servers that concerns Ferrotalk has a test that names it, and docs/DEFECTS.md names
//! the tests.
//!
//! A test names a defect by its number in its doc comment, a case of the conformance kit in its row.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tools::conform::cases;

/// Set to write the column of tests instead of comparing it.
const BLESS: &str = "FERROTALK_BLESS";

/// Most tests that one row names; more would not be read.
const NAMED: usize = 3;

/// Rows that say in their third column why there is nothing to test.
const NOTHING_TO_TEST: [&str; 6] = [
    "not part of Ferrotalk",
    "the same so far",
    "no password either",
    "no notifications are sent",
    "no previews are made",
    "the language gives back",
];

const CRATES: [&str; 7] = [
    "proto",
    "im-base",
    "login_server",
    "msg_server",
    "route_server",
    "db_proxy",
    "tools",
];

#[test]
fn every_defect_that_concerns_us_has_a_test() {
    let path = root().join("docs/DEFECTS.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut tests = cases_by_defect();
    for (defect, names) in tests_by_defect() {
        tests.entry(defect).or_default().extend(names);
    }
    let mut untested = Vec::new();
    let mut written = String::new();
    for line in page.lines() {
        written.push_str(&match line.strip_prefix("| D-") {
            Some(row) => {
                let defect: u16 = row.split(' ').next().unwrap().parse().unwrap();
                let names = tests.remove(&defect).unwrap_or_default();
                let excused = NOTHING_TO_TEST.iter().any(|text| line.contains(text));
                if names.is_empty() && !excused {
                    untested.push(format!("D-{defect}"));
                }
                let cells: Vec<&str> = line.split(" | ").collect();
                let cells = cells[..3].join(" | ");
                let cells = cells.trim_end_matches(" |");
                format!("{cells} | {} |", column(&names)).replace("|  |", "| |")
            }
            None => line.to_owned(),
        });
        written.push('\n');
    }
    assert!(untested.is_empty(), "no test names {untested:?}");
    let unknown: Vec<&u16> = tests.keys().collect();
    assert!(
        unknown.is_empty(),
        "docs/DEFECTS.md has no rows {unknown:?}"
    );
    if std::env::var_os(BLESS).is_some_and(|value| !value.is_empty()) {
        fs::write(&path, &written).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert!(
        page == written,
        "docs/DEFECTS.md names other tests than there are; write it anew with\n\n    \
         {BLESS}=1 cargo test -p tools --test defects"
    );
}

fn column(names: &BTreeSet<String>) -> String {
    let first: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(NAMED);
    match more {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn cases_by_defect() -> BTreeMap<u16, BTreeSet<String>> {
    let mut found: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for case in cases::all() {
        for defect in case.defects {
            let name = format!("conform {}", case.name);
            found.entry(*defect).or_default().insert(name);
        }
    }
    found
}

/// The tests in the sources whose doc comments have numbers of defects.
fn tests_by_defect() -> BTreeMap<u16, BTreeSet<String>> {
    let mut found: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for (crate_name, file) in sources() {
        let mut comment = String::new();
        for line in fs::read_to_string(file).unwrap().lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                comment.push_str(text);
            } else if let Some(name) = function(line) {
                for defect in numbers(&comment) {
                    let name = format!("{crate_name} {name}");
                    found.entry(defect).or_default().insert(name);
                }
                comment.clear();
            } else if !line.starts_with("#[") {
                comment.clear();
            }
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let (_before, rest) = line.split_once("fn ")?;
    let is_item = line.starts_with("pub") || line.starts_with("async ") || line.starts_with("fn ");
    is_item.then(|| rest.split(['(', '<']).next())?
}

/// The numbers in a text like "D-5: a mark".
fn numbers(text: &str) -> Vec<u16> {
    let digits = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().ok()
    };
    text.split("D-").skip(1).filter_map(digits).collect()
}

fn sources() -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for crate_name in CRATES {
        let mut folders = vec![
            root().join(crate_name).join("src"),
            root().join(crate_name).join("tests"),
        ];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push((crate_name, path));
                }
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
