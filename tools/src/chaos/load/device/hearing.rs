//! What a device is told.

use std::time::Duration;

use proto::Body;
use proto::im::ext::login::ImReconnect;
use proto::im::ext::message::ImSyncHint;

use tokio::time::Instant;

use super::Life;
use crate::chaos::history::{Talk, What};
use crate::client::{Address, Conversation, Event};

impl Life {
    pub(super) fn happened(&mut self, event: Event) {
        let Some(line) = &mut self.line else { return };
        line.heard = Instant::now();
        let connection = line.number;
        match event {
            Event::Closed(reason) => {
                self.line = None;
                self.lost(connection, &reason);
            }
            event => self.told(connection, event),
        }
    }

    pub(super) fn happened_before(&mut self, event: &Event) {
        let Some(connection) = self.old.as_ref().map(|old| old.number) else {
            return;
        };
        match event {
            Event::Closed(reason) => {
                self.old = None;
                self.disconnected(connection, &reason.to_string());
            }
            event => self.told(connection, event.clone()),
        }
    }

    pub(super) fn told(&mut self, connection: u32, event: Event) {
        let device = self.device.number;
        match event {
            Event::Message(message) => {
                let (talk, seen) = self.device.run.seen(self.device.user, &message);
                self.knowledge.memory.put(talk, seen.id);
                self.device.history.note(What::Pushed {
                    device,
                    connection,
                    talk,
                    seen,
                });
            }
            Event::ReadNotify(notify) => {
                let conversation = Conversation::from_wire(notify.session_id, notify.session_type);
                self.device.history.note(What::MarkTold {
                    device,
                    talk: Talk::of(self.device.user, conversation),
                    id: notify.msg_id,
                });
            }
            Event::Other(pdu) => self.extension(&pdu),
            _ => {}
        }
    }

    pub(super) fn extension(&mut self, pdu: &proto::Pdu) {
        let device = self.device.number;
        if let (ImSyncHint::ID, Ok(hint)) = (pdu.command(), pdu.decode::<ImSyncHint>()) {
            self.device.history.note(What::Hinted { device });
            let wait = self.device.random.u64(0..=hint.within_ms.into());
            self.catch_up(wait);
        }
        if let (ImReconnect::ID, Ok(order)) = (pdu.command(), pdu.decode::<ImReconnect>()) {
            let within_ms = u64::from(order.within_ms);
            self.device.history.note(What::ToMove { device, within_ms });
            let first = u64::from(order.after_ms).min(within_ms);
            // Well before the end, for logging in takes time as well.
            let last = first.max(within_ms / 2);
            let wait = Duration::from_millis(self.device.random.u64(first..=last));
            let servers = order.server.into_iter().filter_map(|server| {
                let port = u16::try_from(server.port).ok()?;
                let mut address = Address::direct(&server.ip1, port);
                address.backup = server.ip2;
                Some(address)
            });
            self.come_back(wait, servers.collect());
        }
    }
}
