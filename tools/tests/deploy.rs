//! What is in `deploy/` is what the servers understand, and so are the configurations that docs/OPERATIONS.md shows.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use im_base::config::{ServerConfig, ShutdownConfig, documented_default};
use toml::Table;
use tools::certificates::{Files, development};

const SERVERS: [&str; 4] = ["login_server", "route_server", "db_proxy", "msg_server"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What `/etc/ferrotalk` has on a machine that was set up as the handbook says.
fn set_up(folder: &Path) {
    let files = Files::in_folder(folder);
    development(&files, &[], false).unwrap();
    fs::copy(files.ca(), folder.join("node-ca.pem")).unwrap();
    for name in ["store.password", "redis.password", "api.key"] {
        fs::write(folder.join(name), "secret\n").unwrap();
    }
    fs::write(folder.join("login.secret"), "0123456789".repeat(4)).unwrap();
}

/// Whether a server takes a configuration, and the files that it names.
fn check(server: &str, text: &str) {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let there = format!("{}/", dir.path().display());
    let path = dir.path().join("it.toml");
    fs::write(&path, text.replace("/etc/ferrotalk/", &there)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ferrotalk"))
        .args([server, "--check-config", "--config"])
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server}: {said}\n{text}");
}

/// What could not be started is found before, by name.
#[test]
fn a_check_finds_what_a_start_would_not_take() {
    let dir = tempfile::tempdir().unwrap();
    set_up(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let links = |certificate: &str| {
        format!(
            "[links]\ncertificate = {:?}\nkey = {:?}\nca = {:?}",
            at(certificate),
            at("node.key"),
            at("ca.pem")
        )
    };
    let (missing, of_another) = (links("nope.pem"), links("server.pem"));
    for (server, text, key) in [
        ("login_server", "[clients]\nhttp = '8080'", "clients.http"),
        ("login_server", "[admin]\nlisten = 'x'", "admin.listen"),
        ("login_server", "[log]\nfilter = 'inof'", "log.filter"),
        ("login_server", &missing, "links.certificate"),
        ("route_server", &of_another, "do not go together"),
        (
            "route_server",
            "[servers]\nlisten = ':8200'",
            "servers.listen",
        ),
        ("msg_server", "[api]\nkey_file = '/nowhere'", "api.key_file"),
        (
            "msg_server",
            "[clients]\ntls = '127.0.0.1:0'\n[tls]\ncertificate = '/nowhere'\nkey = '/nowhere'",
            "tls.certificate",
        ),
        (
            "login_server",
            "[clients]\nhttp = ''\ntcp = ''",
            "clients.http",
        ),
        (
            "msg_server",
            "[announce]\naddress1 = 'http://192.0.2.7'",
            "announce.address1",
        ),
        (
            "msg_server",
            "[announce]\naddress2 = '192.0.2.7:8000'",
            "announce.address2",
        ),
        ("msg_server", "[peers]\ndb = ['127.0.0.1']", "peers.db"),
        (
            "msg_server",
            "[limits]\nconnections = 0",
            "limits.connections",
        ),
        ("db_proxy", "[store]\nurl = 'ferrotalk.db'", "store.url"),
        ("db_proxy", "[store]\nurl = 'mysql://im@db'", "store.url"),
        (
            "db_proxy",
            "[store]\nurl = 'mysql://im@db/im'\npassword_file = '/nowhere'",
            "store.password_file",
        ),
        (
            "db_proxy",
            "[cache]\nlogin_secret = 'short'",
            "cache.login_secret",
        ),
        (
            "db_proxy",
            "[cache]\npassword_file = '/nowhere'",
            "cache.password_file",
        ),
    ] {
        let path = dir.path().join("it.toml");
        fs::write(&path, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_ferrotalk"))
            .args([server, "--check-config", "--config"])
            .arg(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{server}: {text}: {said}");
        assert!(said.contains(key), "{server}: {text}: {said}");
    }
}

/// Every key of a server, by section.
fn keys(server: &str) -> Table {
    fn of<C: ServerConfig>() -> String {
        documented_default::<C>()
    }
    let text = match server {
        "login_server" => of::<login_server::Config>(),
        "route_server" => of::<route_server::Config>(),
        "db_proxy" => of::<db_proxy::Config>(),
        _ => of::<msg_server::Config>(),
    };
    text.parse().unwrap()
}

/// The variables of a text that stand for a key: `FERROTALK_<SECTION>__<KEY>`.
fn variables(text: &str) -> Vec<(String, String)> {
    text.split("FERROTALK_")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (section, key) = rest[..end.unwrap_or(rest.len())].split_once("__")?;
            Some((section.to_lowercase(), key.to_lowercase()))
        })
        .collect()
}

fn check_variables(file: &str, text: &str, servers: &[&str]) {
    for (section, key) in variables(text) {
        let known = servers.iter().any(|server| {
            let keys = keys(server);
            keys.get(&section)
                .is_some_and(|section| section.get(&key).is_some())
        });
        assert!(known, "{file}: {servers:?} have no key {section}.{key}");
    }
}

#[test]
fn each_server_takes_its_example() {
    for server in SERVERS {
        check(server, &read(&format!("deploy/config/{server}.toml")));
    }
}

#[test]
fn what_the_handbook_shows_is_taken() {
    let page = read("docs/OPERATIONS.md");
    let mut shown = 0;
    for block in page.split("```toml\n# ").skip(1) {
        let (name, rest) = block.split_once(".toml").unwrap();
        assert!(SERVERS.contains(&name), "which server is {name:?}?");
        check(
            name,
            rest.split_once('\n')
                .unwrap()
                .1
                .split("```")
                .next()
                .unwrap(),
        );
        shown += 1;
    }
    assert!(shown >= SERVERS.len(), "the search finds nothing any more");
    check_variables(
        "docs/OPERATIONS.md",
        &page.replace("<SECTION>__<KEY>", ""),
        &SERVERS,
    );
}

#[test]
fn every_variable_is_a_key() {
    for server in SERVERS {
        let at = if server == "msg_server" { "@" } else { "" };
        let file = format!("deploy/systemd/ferrotalk-{server}{at}.service");
        check_variables(&file, &read(&file), &[server]);
    }
    let file = "deploy/config/msg_server-2.env";
    check_variables(file, &read(file), &["msg_server"]);
    for file in ["deploy/docker/compose.yaml", "deploy/docker/Dockerfile"] {
        let text = read(file);
        assert!(!variables(&text).is_empty(), "{file}: none found");
        check_variables(file, &text, &SERVERS);
    }
}

#[test]
fn units_wait_for_the_drain_and_start_what_there_is() {
    let drain = ShutdownConfig::default().deadline_seconds;
    for server in SERVERS {
        let at = if server == "msg_server" { "@" } else { "" };
        let unit = read(&format!("deploy/systemd/ferrotalk-{server}{at}.service"));
        let value = |key: &str| {
            let found = unit.lines().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_else(|| panic!("{server}: no {key}"))
        };
        let wait: u64 = value("TimeoutStopSec=").parse().unwrap();
        assert!(wait > drain, "{server}: killed while it drains");
        let program = format!("/usr/local/bin/{server} --config ");
        assert!(value("ExecStart=").starts_with(&program), "{server}");
    }
}
