//! Histories of servers that keep every promise, told by chance: people write, connections die and come back, marks are made.

use std::collections::{BTreeMap, BTreeSet};

use tools::chaos::history::{Record, Seen, Standing, Talk, Way, What};

/// Within so many milliseconds everybody has to have everything.
const HEAL_MS: u64 = 2_000;

/// A history, made by a seed.
pub(crate) fn tell(seed: u64, rolling: bool) -> Vec<Record> {
    let mut teller = Teller::new(seed, rolling);
    let steps = teller.random.u32(10..80);
    for _ in 0..steps {
        teller.step();
    }
    teller.end();
    teller.records
}

struct Device {
    user: u32,
    /// 0 while it is away.
    connection: u32,
    connections: u32,
    /// What it has.
    has: BTreeSet<(Talk, u32)>,
    syncs: bool,
}

struct Stored {
    base: u32,
    members: Vec<u32>,
    messages: Vec<Seen>,
    /// Up to where each member has read.
    read: BTreeMap<u32, u32>,
}

struct Teller {
    random: fastrand::Rng,
    now: u64,
    records: Vec<Record>,
    devices: BTreeMap<u32, Device>,
    talks: BTreeMap<Talk, Stored>,
    /// Pushes that are on their way: to whom, over which connection.
    on_the_way: Vec<(u32, u32, Talk, Seen)>,
    keys: u64,
    faults: u32,
    /// Whoever moves when it is told to loses nothing that is on its way.
    rolling: bool,
}

impl Teller {
    fn new(seed: u64, rolling: bool) -> Self {
        let mut teller = Self {
            random: fastrand::Rng::with_seed(seed),
            now: 0,
            records: Vec::new(),
            devices: BTreeMap::new(),
            talks: BTreeMap::new(),
            on_the_way: Vec::new(),
            keys: 0,
            faults: 0,
            rolling,
        };
        teller.say(What::Run {
            seed,
            heal_ms: HEAL_MS,
            rolling,
            command: "ferrotalk chaos".into(),
        });
        for (talk, members) in [
            (Talk::Pair(1, 2), vec![1, 2]),
            (Talk::Pair(3, 4), vec![3, 4]),
            (Talk::Group(1), vec![1, 2, 3]),
        ] {
            let base = teller.random.u32(0..3) * 7;
            teller.say(What::Talk {
                talk,
                base,
                members: members.clone(),
            });
            let stored = Stored {
                base,
                read: members.iter().map(|user| (*user, base)).collect(),
                members,
                messages: Vec::new(),
            };
            teller.talks.insert(talk, stored);
        }
        for device in 1..=8_u32 {
            let user = device.div_ceil(2);
            let syncs = teller.random.bool();
            teller.say(What::Device {
                device,
                user,
                name: format!("device {device}"),
                stock: !syncs,
            });
            let has = BTreeSet::new();
            teller.devices.insert(
                device,
                Device {
                    user,
                    connection: 0,
                    connections: 0,
                    has,
                    syncs,
                },
            );
            teller.come(device);
        }
        teller
    }

    fn say(&mut self, what: What) {
        self.now += self.random.u64(0..3_000);
        let at = self.now;
        self.records.push(Record { at, what });
    }

    fn step(&mut self) {
        match self.random.u32(0..20) {
            0..10 => self.write(),
            10..13 => self.deliver(),
            13..15 => self.mark(),
            15 => self.ask(),
            16 | 17 => self.break_something(),
            _ => {
                let devices: Vec<u32> = self.devices.keys().copied().collect();
                let device = *self.random.choice(&devices).unwrap();
                self.go(device);
                self.come(device);
            }
        }
    }

    fn come(&mut self, device: u32) {
        let of = self.devices.get_mut(&device).unwrap();
        of.connections += 1;
        of.connection = of.connections;
        let (connection, syncs, user) = (of.connection, of.syncs, of.user);
        self.say(What::Connected {
            device,
            connection,
            server: "127.0.0.1:1".into(),
            moves: syncs,
            syncs,
        });
        self.catch_up(device);
        if syncs {
            let standings = self.standings(user, true);
            let asked = self.now;
            self.say(What::Unread {
                user,
                asked,
                complete: false,
                last: false,
                standings,
            });
        }
    }

    fn go(&mut self, device: u32) {
        let of = self.devices.get_mut(&device).unwrap();
        let connection = std::mem::take(&mut of.connection);
        if connection > 0 {
            self.say(What::Disconnected {
                device,
                connection,
                reason: "the server closed the connection".into(),
            });
        }
    }

    /// A returning device fetches what it has not.
    fn catch_up(&mut self, device: u32) {
        let of = &self.devices[&device];
        let (connection, user) = (of.connection, of.user);
        let way = if of.syncs { Way::Sync } else { Way::History };
        let mut pages = Vec::new();
        for (talk, stored) in &self.talks {
            let missing = stored.messages.iter();
            let missing = missing.filter(|seen| !of.has.contains(&(*talk, seen.id)));
            let seen: Vec<Seen> = missing.copied().collect();
            if stored.members.contains(&user) && !seen.is_empty() {
                pages.push((*talk, seen));
            }
        }
        for (talk, seen) in pages {
            let has = &mut self.devices.get_mut(&device).unwrap().has;
            has.extend(seen.iter().map(|seen| (talk, seen.id)));
            self.say(What::Fetched {
                device,
                connection,
                way,
                talk,
                seen,
            });
        }
    }

    /// Somebody writes, perhaps more than once until it is acknowledged.
    fn write(&mut self) {
        let talks: Vec<Talk> = self.talks.keys().copied().collect();
        let talk = *self.random.choice(&talks).unwrap();
        let members = self.talks[&talk].members.clone();
        let online = |of: &Device| of.connection > 0 && members.contains(&of.user);
        let writers: Vec<u32> = self
            .devices
            .iter()
            .filter(|(_, of)| online(of))
            .map(|(device, _)| *device)
            .collect();
        let Some(device) = self.random.choice(writers).to_owned() else {
            return;
        };
        self.keys += 1;
        let key = self.keys;
        let user = self.devices[&device].user;
        let undisturbed = self.rolling && self.devices[&device].syncs;
        let tries = match undisturbed {
            true => 0,
            false => self.random.u32(0..10).saturating_sub(7),
        };
        let stored_by = self.random.u32(0..=tries);
        for attempt in 0..=tries {
            let connection = self.devices[&device].connection;
            self.say(What::Sent {
                device,
                connection,
                key,
                talk,
            });
            if attempt == stored_by {
                self.store(device, talk, user, key);
            }
            if attempt < tries {
                self.say(What::Failed {
                    device,
                    connection,
                    key,
                    reason: "the connection was lost".into(),
                });
                self.go(device);
                self.come(device);
            }
        }
        let id = self.talks[&talk].messages.iter();
        let id = id.rev().find(|seen| seen.key == Some(key)).unwrap().id;
        let of = self.devices.get_mut(&device).unwrap();
        of.has.insert((talk, id));
        let connection = of.connection;
        self.say(What::Acked {
            device,
            connection,
            key,
            id,
        });
        if self.random.bool() {
            self.deliver();
        }
    }

    fn store(&mut self, sender: u32, talk: Talk, from: u32, key: u64) {
        let stored = self.talks.get_mut(&talk).unwrap();
        let id = stored.base + 1 + u32::try_from(stored.messages.len()).unwrap();
        let seen = Seen {
            id,
            from,
            key: Some(key),
        };
        stored.messages.push(seen);
        if matches!(talk, Talk::Group(_)) {
            stored.read.insert(from, id);
        }
        let members = stored.members.clone();
        for (device, of) in &self.devices {
            if *device != sender && of.connection > 0 && members.contains(&of.user) {
                self.on_the_way.push((*device, of.connection, talk, seen));
            }
        }
    }

    /// What is on its way arrives, in any order, where the connection still stands.
    fn deliver(&mut self) {
        let mut arriving = std::mem::take(&mut self.on_the_way);
        self.random.shuffle(&mut arriving);
        for (device, connection, talk, seen) in arriving {
            let of = self.devices.get_mut(&device).unwrap();
            if of.connection != connection {
                continue;
            }
            of.has.insert((talk, seen.id));
            self.say(What::Pushed {
                device,
                connection,
                talk,
                seen,
            });
        }
    }

    fn mark(&mut self) {
        let devices: Vec<u32> = self.devices.keys().copied().collect();
        let device = *self.random.choice(&devices).unwrap();
        let has: Vec<(Talk, u32)> = self.devices[&device].has.iter().copied().collect();
        if let Some((talk, id)) = self.random.choice(&has).copied() {
            let told = self.random.bool();
            self.mark_at(device, talk, id, told);
        }
    }

    fn mark_at(&mut self, device: u32, talk: Talk, id: u32, told: bool) {
        self.say(What::Marked { device, talk, id });
        let user = self.devices[&device].user;
        let position = self
            .talks
            .get_mut(&talk)
            .unwrap()
            .read
            .get_mut(&user)
            .unwrap();
        *position = id.max(*position);
        let others = self.devices.iter();
        let other = others
            .filter(|(other, of)| **other != device && of.user == user && of.connection > 0)
            .map(|(other, _)| *other)
            .next();
        if let Some(device) = other.filter(|_| told) {
            self.say(What::MarkTold { device, talk, id });
        }
    }

    /// What a user is told, with positions or without.
    fn standings(&self, user: u32, positions: bool) -> Vec<Standing> {
        let talks = self.talks.iter();
        let mine = talks.filter(|(_, stored)| stored.members.contains(&user));
        let standings = mine.map(|(talk, stored)| {
            let read = stored.read[&user];
            let of_others = |seen: &&Seen| seen.id > read && seen.from != user;
            let unread = stored.messages.iter().filter(of_others).count();
            Standing {
                talk: *talk,
                unread: u32::try_from(unread).unwrap(),
                latest: stored.messages.last().map_or(stored.base, |last| last.id),
                read: positions.then_some(read),
            }
        });
        standings
            .filter(|standing| positions || standing.unread > 0)
            .collect()
    }

    fn ask(&mut self) {
        let user = self.random.u32(1..=4);
        let standings = self.standings(user, false);
        let asked = self.now;
        self.say(What::Unread {
            user,
            asked,
            complete: true,
            last: false,
            standings,
        });
    }

    /// Some devices lose their connection, and come back after the fault or before.
    fn break_something(&mut self) {
        self.faults += 1;
        let fault = self.faults;
        self.say(What::FaultBegan {
            fault,
            what_fault: format!("kill msg_server.{fault}"),
        });
        let devices: Vec<u32> = self.devices.keys().copied().collect();
        let victims: Vec<u32> = devices.into_iter().filter(|_| self.random.bool()).collect();
        for device in &victims {
            self.go(*device);
        }
        self.write();
        self.now += self.random.u64(0..HEAL_MS * 3_000);
        self.say(What::FaultEnded {
            fault,
            note: String::new(),
        });
        self.write();
        for device in victims {
            self.come(device);
        }
    }

    fn end(&mut self) {
        self.write();
        self.say(What::Rest);
        self.deliver();
        for device in self.devices.keys().copied().collect::<Vec<u32>>() {
            self.catch_up(device);
        }
        self.now += HEAL_MS * 4_000;
        let devices: Vec<(u32, Vec<(Talk, u32)>)> = self
            .devices
            .iter()
            .map(|(device, of)| (*device, of.has.iter().copied().collect()))
            .collect();
        for (device, has) in devices {
            if let Some((talk, id)) = self.random.choice(has) {
                self.mark_at(device, talk, id, true);
            }
        }
        for (talk, seen) in self
            .talks
            .iter()
            .map(|(talk, stored)| (*talk, stored.messages.clone()))
            .collect::<Vec<_>>()
        {
            self.say(What::Stored { talk, seen });
        }
        for user in 1..=4 {
            let standings = self.standings(user, false);
            let asked = self.now;
            self.say(What::Unread {
                user,
                asked,
                complete: true,
                last: true,
                standings,
            });
        }
    }
}
