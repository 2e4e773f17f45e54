use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> String {
    format!("{:#}", Scenario::parse(text).unwrap_err())
}

#[test]
fn every_scenario_of_the_program_is_one() {
    for (name, text) in BUILT_IN {
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!(&scenario.name, name);
        let again = toml::to_string(&scenario.settings()).unwrap();
        assert_eq!(Scenario::parse(&again).unwrap(), scenario);
    }
}

#[test]
fn the_messages_of_the_parts_add_up_to_the_number_asked() {
    for (pairs, messages) in [(1, 100), (3, 100), (10, 7), (10, 1), (9, 1001)] {
        let text = format!(
            "name = \"x\"\nusers = 20\nprocesses = 4\n[one-to-one]\npairs = {pairs}\nmessages = {messages}\n"
        );
        let parts = Scenario::parse(&text).unwrap().split();
        let of_parts = parts.iter().filter_map(|part| part.one_to_one.as_ref());
        assert_eq!(of_parts.map(|pairs| pairs.messages).sum::<u64>(), messages);
        let limited = parts.iter().filter_map(|part| part.one_to_one.as_ref());
        assert!(limited.clone().all(|pairs| pairs.messages > 0));
    }
}

#[test]
fn the_logins_of_the_parts_are_those_of_the_whole() {
    let text = "name = \"x\"\nusers = 20\nprocesses = 4\n[logins]\nonline = 12\nrate = 100.0\nconcurrency = 10\n";
    let parts = Scenario::parse(text).unwrap().split();
    let logins: Vec<&Logins> = parts
        .iter()
        .filter_map(|part| part.logins.as_ref())
        .collect();
    assert_eq!(logins.iter().map(|logins| logins.online).sum::<u32>(), 12);
    assert_eq!(logins.iter().map(|logins| logins.rate).sum::<f64>(), 100.0);
    let concurrency = |part: &&Scenario| part.logins.as_ref().map(|logins| logins.concurrency);
    let log_in = parts.iter().filter(|part| part.logs_in());
    assert_eq!(
        log_in.filter_map(|part| concurrency(&part)).sum::<u32>(),
        10
    );
}

#[test]
fn an_unknown_key_is_named() {
    let error = refused("name = \"x\"\n[one-to-one]\nwindows = 3\n");
    assert!(
        error.contains("windows") && error.contains("line 3"),
        "{error}"
    );
    let error = Scenario::load("one-too-one").unwrap_err().to_string();
    assert!(
        error.contains("one-too-one") && error.contains("storm"),
        "{error}"
    );
}

#[test]
fn a_value_that_is_out_of_bounds_is_named() {
    for (text, key) in [
        ("users = 3", "name"),
        ("name = \"x\"\nusers = 0", "users"),
        ("name = \"x\"\nusers = 1000001", "users"),
        ("name = \"x\"\nseconds = 86401", "seconds"),
        ("name = \"x\"\nprocesses = 65", "processes"),
        ("name = \"x\"\n[one-to-one]\npairs = 51", "one-to-one.pairs"),
        ("name = \"x\"\n[one-to-one]\nrate = nan", "one-to-one.rate"),
        ("name = \"x\"\n[one-to-one]\nbody = 23", "one-to-one.body"),
        ("name = \"x\"\n[group]\nsize = 101", "group.size"),
        (
            "name = \"x\"\n[group]\nonline-share = 0.0",
            "group.online-share",
        ),
        (
            "name = \"x\"\n[group]\nonline-share = 0.02\nsenders = 2",
            "group.senders",
        ),
        ("name = \"x\"\n[logins]\nonline = 100", "logins.online"),
        ("name = \"x\"\n[logins]\n[storm]", "logins"),
        ("name = \"x\"\n[history]\npage = 101", "history.page"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(key), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn the_parts_of_a_scenario_add_up_to_it(
        users in 4u32..5000,
        processes in 1u32..65,
        pairs in 0u32..2500,
        size in 2u32..100,
        which in 0usize..4,
    ) {
        let mut whole = Scenario { name: "x".to_owned(), users, processes, ..Scenario::default() };
        if which != 1 {
            whole.one_to_one = Some(OneToOne {
                pairs: pairs.min(users / 2),
                rate: 1000.0,
                ..OneToOne::default()
            });
        }
        if which != 0 {
            whole.group = Some(Group { size: size.min(users), rate: 100.0, ..Group::default() });
        }
        prop_assert!(whole.check().is_ok());
        let parts = whole.split();
        prop_assert!(!parts.is_empty() && parts.len() <= processes as usize);
        let mut first = whole.first_user;
        for part in &parts {
            prop_assert!(part.check().is_ok(), "{:?}", part.check());
            prop_assert_eq!((part.first_user, part.processes), (first, 1));
            first += part.users;
        }
        prop_assert_eq!(first, whole.first_user + users);
        let all = |of: fn(&Scenario) -> u32| parts.iter().map(of).sum::<u32>();
        prop_assert_eq!(all(Scenario::pairs), whole.pairs());
        prop_assert_eq!(all(Scenario::groups), whole.groups());
        if whole.pairs() > 0 {
            let rate: f64 = parts.iter().filter_map(|part| Some(part.one_to_one.as_ref()?.rate)).sum();
            prop_assert!((rate - 1000.0).abs() < 0.001);
        }
    }
}
