//! The server's parts and the life of one msg_server's connection.

use std::sync::Arc;

use im_base::dispatch::router::Actor;
use im_base::dispatch::{self, Router};
use im_base::net::listener::{self, ConnectionLimits};
use im_base::net::socket::TcpListener;
use im_base::net::tls::Acceptor;
use im_base::net::{CloseReason, Connection, Outbox, Pace, Stream};
use im_base::shutdown::Shutdown;
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::server::ImStopReceivePacket;
use tracing::info;

use crate::cache::Caches;
use crate::config::Config;
use crate::handlers;
use crate::logic::account::Accounts;
use crate::logic::audience::Audiences;
use crate::logic::circle::Circles;
use crate::logic::contact::Contacts;
use crate::logic::department::Departments;
use crate::logic::device::Devices;
use crate::logic::group::step::GroupSteps;
use crate::logic::group::{GroupLimits, Groups};
use crate::logic::group_commit::writers;
use crate::logic::login::{Guard, Login};
use crate::logic::message::{MessageLimits, Messages};
use crate::logic::missed::Missed;
use crate::logic::password::Passwords;
use crate::logic::registration::Registrar;
use crate::logic::resume::Resumes;
use crate::logic::revision::Revisions;
use crate::logic::sync::{Sync, SyncLimits};
use crate::logic::user::Users;
use crate::store::{PageLimit, Store};

/// Bytes that may wait for one msg_server; one that lets more gather is hung up on.
const OUTBOX_BYTES: usize = 64 * 1024 * 1024;

/// Largest body of a message: what fits into a client's frame. msg_server has tighter limits of its own.
const MAX_BODY: usize = 384 * 1024;

/// Bodies or profiles in one answer, so that it fits into a client's frame with everything around them.
pub(crate) const ANSWER_BYTES: usize = 256 * 1024;

/// Groups in an answer about what changed: a message of any size still fits beside them.
const SYNC_GROUPS_BYTES: usize = 96 * 1024;

/// What handlers work with. One per process, shared, immutable.
pub(crate) struct DbProxy {
    pub(crate) messages: Messages,
    pub(crate) sync: Sync,
    pub(crate) missed: Missed,
    pub(crate) revisions: Revisions,
    pub(crate) audiences: Audiences,
    pub(crate) groups: Groups,
    pub(crate) group_steps: GroupSteps,
    pub(crate) users: Users,
    pub(crate) circles: Circles,
    pub(crate) contacts: Contacts,
    pub(crate) departments: Departments,
    pub(crate) devices: Devices,
    pub(crate) login: Arc<Login>,
    pub(crate) accounts: Accounts,
    pub(crate) registrar: Registrar,
    /// `None`: nobody gets a resume token.
    pub(crate) resumes: Option<Resumes>,
}

impl Actor for DbProxy {}

/// Accepts msg_servers.
pub(crate) fn accept(
    listener: TcpListener,
    tls: Option<Acceptor>,
    config: &Config,
    store: Arc<dyn Store>,
    caches: Caches,
    shutdown: &Shutdown,
) {
    let (write, writing) = writers(&store, config.writers());
    for writer in writing {
        let stopping = shutdown.clone();
        shutdown.background().spawn("writer", async move {
            writer.run(async move { stopping.stopping().await }).await;
        });
    }
    let (tended, stopping) = (store.clone(), shutdown.clone());
    shutdown.background().spawn("store", async move {
        tokio::select! {
            () = tended.tend() => {}
            () = stopping.stopping() => {}
        }
    });
    let limits = MessageLimits {
        body_bytes: MAX_BODY,
        page_bytes: ANSWER_BYTES,
        list_bytes: ANSWER_BYTES,
        policy: config.contacts.policy(),
        ..MessageLimits::default()
    };
    let page = PageLimit {
        rows: limits.page_rows,
        bytes: limits.page_bytes,
    };
    let group_limits = GroupLimits {
        details_bytes: ANSWER_BYTES,
        ..config.groups.limits()
    };
    let sync_groups = GroupLimits {
        details_bytes: SYNC_GROUPS_BYTES,
        ..group_limits
    };
    let sync_groups = Groups::new(store.clone(), caches.groups.clone(), sync_groups);
    let sync_limits = SyncLimits {
        page,
        ..SyncLimits::default()
    };
    let guard = config.limits.failures();
    let guard = guard.map(|limits| Guard::new(limits, caches.failures));
    let passwords = Arc::new(Passwords::sharing(caches.credentials));
    let counted = config.registration.counted(&config.limits);
    let counting = counted.map(|limits| Guard::new(limits, caches.registrations));
    let admission = config.registration.admission();
    let registrar = Registrar::new(store.clone(), passwords.clone(), admission, counting);
    let resumes = config.resume.limits().map(|limits| {
        let (resumes, writing) = Resumes::new(store.clone(), limits);
        let stopping = shutdown.clone();
        shutdown.background().spawn("resume tokens", async move {
            writing.run(async move { stopping.stopping().await }).await;
        });
        resumes
    });
    let login = Arc::new(Login::new(store.clone(), passwords.clone(), guard));
    let users = Users::new(store.clone(), caches.users);
    let proxy = Arc::new(DbProxy {
        messages: Messages::new(store.clone(), write, limits),
        missed: Missed::new(store.clone(), page),
        revisions: Revisions::new(store.clone(), config.messages.limits(MAX_BODY)),
        audiences: Audiences::new(
            store.clone(),
            config.contacts.policy(),
            config.messages.read_positions,
        ),
        sync: Sync::new(store.clone(), sync_groups, sync_limits),
        groups: Groups::new(store.clone(), caches.groups, group_limits),
        group_steps: GroupSteps::new(store.clone(), config.groups.step_limits()),
        accounts: Accounts::new(store.clone(), login.clone(), passwords, users.clone()),
        users,
        circles: Circles::new(store.clone(), config.presence.limits()),
        contacts: Contacts::new(store.clone(), config.contacts.limits()),
        departments: Departments::new(store.clone(), caches.departments),
        devices: Devices::new(store),
        login,
        registrar,
        resumes,
    });
    let router = Arc::new(handlers::router());
    let in_flight = config.servers.in_flight;
    let ending = shutdown.clone();
    listener::accept(
        listener,
        "servers",
        ConnectionLimits::NONE,
        tls,
        shutdown,
        move |stream, address| {
            let (proxy, router, ending) = (proxy.clone(), router.clone(), ending.clone());
            async move {
                info!(%address, "msg_server connected");
                let reason = serve(stream, &proxy, &router, in_flight, &ending).await;
                info!(%address, ?reason, "msg_server gone");
                reason
            }
        },
    );
}

async fn serve(
    stream: Stream,
    proxy: &Arc<DbProxy>,
    router: &Router<Arc<DbProxy>>,
    in_flight: usize,
    shutdown: &Shutdown,
) -> CloseReason {
    let outbox = Outbox::new(OUTBOX_BYTES);
    let mut connection = Connection::new(stream, outbox.clone(), Pace::SERVERS, MAX_SERVER_FRAME);
    let end = async {
        shutdown.draining().await;
        // What it still sends is not read any more; it is to ask elsewhere (PROTOCOL.md, "Draining").
        let _closing = outbox.send(&ImStopReceivePacket { result: 0 }, 0);
        CloseReason::SHUTDOWN
    };
    let (reason, leftover) = dispatch::serve(&mut connection, router, proxy, in_flight, end).await;
    leftover.finish().await;
    connection.close(reason).await;
    reason
}
