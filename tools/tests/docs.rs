//! The pages that are made from the code are as the code would make them now, and the sections that comments name
//! exist.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Set to write the pages instead of comparing them.
const BLESS: &str = "FERROTALK_BLESS";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn pages_are_up_to_date() {
    let bless = std::env::var_os(BLESS).is_some_and(|value| !value.is_empty());
    let mut stale = Vec::new();
    for page in tools::docs::pages() {
        let path = root().join(page.path);
        if bless {
            fs::write(&path, &page.text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != page.text {
            stale.push(page.path);
        }
    }
    assert!(
        stale.is_empty(),
        "{} not as the code has it now; write the pages anew with\n\n    {BLESS}=1 cargo test -p tools --test docs\n\n\
         and look at what changed before you commit it",
        stale.join(" and ")
    );
}

/// Comments and pages say where a fact is explained: the file's name, a comma, and the section's title in quotes.
#[test]
fn sections_that_comments_name_exist() {
    let protocol = fs::read_to_string(root().join("docs/PROTOCOL.md")).unwrap();
    let titles: BTreeSet<&str> = protocol
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    let mut named = 0;
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split("PROTOCOL.md, \"").skip(1) {
            let title = rest.split('"').next().unwrap();
            assert!(
                titles.contains(title),
                "{} names the section {title:?}, which docs/PROTOCOL.md does not have",
                file.display()
            );
            named += 1;
        }
    }
    assert!(named > 0, "the search finds nothing any more");
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = [
        "proto",
        "im-base",
        "login_server",
        "msg_server",
        "route_server",
        "db_proxy",
    ]
    .into_iter()
    .map(|crate_name| root().join(crate_name).join("src"))
    .chain([root().join("tools/src"), root().join("docs")])
    .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "md")
            {
                found.push(path);
            }
        }
    }
    found
}
