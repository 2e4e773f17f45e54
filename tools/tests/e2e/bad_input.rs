//! What no client should send: refused or closed, counted, and of no harm to anybody else.

#[path = "bad_input/strangers.rs"]
mod strangers;

#[path = "bad_input/messages.rs"]
mod messages;

#[path = "bad_input/commands.rs"]
mod commands;

#[path = "bad_input/group_steps.rs"]
mod group_steps;
#[path = "bad_input/groups.rs"]
mod groups;

use std::net::{Ipv4Addr, SocketAddr};

use proto::im::base_define::ResultType;
use tools::client::{Address, Device};
use tools::cluster::Role;

use crate::person::Person;
use crate::world::World;

const CLOSED: &str = "im_connections_closed_total";
const REFUSED: &str = "im_refusals_total";

/// The code for everything that is wrong with a login.
const NOT_LET_IN: i32 = ResultType::RefuseReasonDbValidateFailed as i32;

/// The msg_servers as they were before a story; both have to be the same after it.
struct Unharmed([u32; 2]);

impl Unharmed {
    fn at_first(world: &World) -> Self {
        Self([0, 1].map(|index| world.pid(Role::MsgServer, index)))
    }

    /// Neither has been started again, and both still let people in.
    async fn in_the_end(self, world: World) {
        assert_eq!(
            self.0,
            [0, 1].map(|index| world.pid(Role::MsgServer, index))
        );
        for index in [0, 1] {
            let person = Person::at(&world.msg(index), "demo1", Device::Windows).await;
            person.ping().await.unwrap();
            let panics = world
                .count(Role::MsgServer, index, "im_task_panics_total", &[])
                .await;
            assert_eq!(panics, 0);
        }
        world.end().await;
    }
}

/// How often the first msg_server has closed a client's connection for this reason.
async fn closed(world: &World, reason: &str, times: u64) {
    let labels = [("listener", "clients"), ("reason", reason)];
    world
        .counts_to(Role::MsgServer, 0, CLOSED, &labels, times)
        .await;
}

/// How often the first msg_server has refused a client's command for this reason.
async fn refused(world: &World, command: &str, reason: &str, times: u64) {
    let labels = [("from", "client"), ("command", command), ("reason", reason)];
    world
        .counts_to(Role::MsgServer, 0, REFUSED, &labels, times)
        .await;
}

fn socket_address(address: &Address) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, address.port))
}
