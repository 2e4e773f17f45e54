//! Every metric, once: its name, its unit, its labels. Served by the admin port as Prometheus text.

use std::sync::OnceLock;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

macro_rules! metrics_table {
    ($($kind:ident $name:ident = $text:literal, $unit:ident, $help:literal;)+) => {
        $(#[doc = $help] pub const $name: &str = $text;)+

        /// Name and explanation of every metric, for the documentation.
        pub const ALL: &[(&str, &str)] = &[$(($text, $help)),+];

        fn describe() {
            $(metrics_table!(@describe $kind $name $unit $help);)+
        }
    };
    (@describe counter $name:ident $unit:ident $help:literal) => { describe_counter!($name, Unit::$unit, $help) };
    (@describe gauge $name:ident $unit:ident $help:literal) => { describe_gauge!($name, Unit::$unit, $help) };
    (@describe histogram $name:ident $unit:ident $help:literal) => { describe_histogram!($name, Unit::$unit, $help) };
}

metrics_table! {
    gauge CONNECTIONS = "im_connections", Count, "Open connections. Label listener.";
    counter CONNECTIONS_ACCEPTED = "im_connections_accepted_total", Count, "Accepted connections. Label listener.";
    counter CONNECTIONS_REFUSED = "im_connections_refused_total", Count, "Connections closed at once by a limit. Labels listener, reason.";
    counter CONNECTIONS_CLOSED = "im_connections_closed_total", Count, "Connections that ended. Labels listener, reason.";
    counter TLS_HANDSHAKES = "im_tls_handshakes_total", Count, "TLS handshakes. Labels port (a listener's name, or link for those we begin), outcome (ok, or why not).";
    counter TLS_RELOADS = "im_tls_reloads_total", Count, "Times that changed files of certificates were looked at. Labels use (clients, links), outcome (loaded, refused).";
    gauge TLS_CERTIFICATE_EXPIRY = "im_tls_certificate_expiry_timestamp_seconds", Seconds, "When the certificate in use ends, in seconds since 1970. Label use (clients, links).";
    counter REQUESTS = "im_requests_total", Count, "Commands handled. Labels from, command.";
    counter REFUSALS = "im_refusals_total", Count, "Commands refused or dropped. Labels from, command, reason.";
    histogram REQUEST_SECONDS = "im_request_seconds", Seconds, "Time from the arrival of a command to its reply. Labels from, command.";
    gauge LINK_UP = "im_link_up", Count, "1 while the link to a peer is connected. Labels peer, address.";
    counter LINK_CONNECTS = "im_link_connects_total", Count, "Times a link was established. Labels peer, address.";
    counter LINK_LOSSES = "im_link_losses_total", Count, "Times a link was lost. Labels peer, address, reason.";
    counter CALL_FAILURES = "im_call_failures_total", Count, "Calls to a peer that failed. Labels peer, reason.";
    counter TASK_PANICS = "im_task_panics_total", Count, "Tasks that panicked: a defect, look into the log. Label task.";
    gauge SESSIONS = "im_sessions", Count, "Logged-in connections on this msg_server.";
    gauge LIMIT = "im_limit", Count, "What a limit of the configuration is set to; infinite where it is switched off. Label limit.";
    counter LOGINS = "im_logins_total", Count, "Login attempts. Label outcome.";
    counter REGISTRATIONS = "im_registrations_total", Count, "Requests for an account. Label outcome (accepted, refused, or why there was no answer).";
    counter DELIVERIES = "im_deliveries_total", Count, "Messages handed to a device's connection. Label source (local, relay, store).";
    counter TYPING_DROPPED = "im_typing_dropped_total", Count, "Times a client said too soon again that its user types or not, which nobody was told.";
    counter MISSED_LOOKS = "im_missed_looks_total", Count, "Times a msg_server asked the store for messages that a loss may have kept from it. Label outcome.";
    counter GROUP_FETCHES = "im_group_fetches_total", Count, "Times a msg_server asked who is in a group because a change had not reached it. Label outcome.";
    counter RELAYS = "im_relays_total", Count, "Frames relayed to a msg_server by route_server. Label command.";
    counter REPLAYS = "im_replays_total", Count, "Relayed frames that were sent once more after a link came back. Label peer.";
    counter FORGOTTEN = "im_recent_forgotten_total", Count, "Relayed frames that could no longer be sent again because newer ones needed the room. Label peer.";
    gauge ONLINE_USERS = "im_online_users", Count, "Users with at least one device, as known to this route_server.";
    gauge GROUPS_ONLINE = "im_online_groups", Count, "Groups with at least one member online, as known to this route_server.";
    counter HANDOUTS = "im_handouts_total", Count, "Answers to clients that asked for a msg_server. Labels transport, outcome.";
    gauge MSG_SERVERS = "im_msg_servers", Count, "msg_servers registered with this login_server.";
    histogram COMMIT_BATCH = "im_commit_batch_messages", Count, "Messages stored by one transaction.";
    histogram COMMIT_SECONDS = "im_commit_seconds", Seconds, "Time of one storing transaction.";
    gauge WRITE_QUEUE = "im_write_queue_messages", Count, "Messages that wait for a storing transaction. Label writer.";
    counter STORE_CONFLICTS = "im_store_conflicts_total", Count, "Transactions that the database ended because another one was in the way; each is made again.";
    counter STORE_LOSSES = "im_store_losses_total", Count, "Attempts at the database that failed because it could not be reached or did not answer.";
    counter CACHE_HITS = "im_cache_hits_total", Count, "Things that were found in a cache. Label cache (users, departments, groups, credentials).";
    counter CACHE_MISSES = "im_cache_misses_total", Count, "Things that were looked for in a cache and asked of the store. Label cache.";
    counter CACHE_FAILURES = "im_cache_failures_total", Count, "Questions to a Redis that failed. Label reason (late, lost, refused).";
    gauge CACHE_UP = "im_cache_up", Count, "1 while Redis is asked, 0 while db_proxy goes on without.";
    gauge CACHE_UNDELIVERED = "im_cache_undelivered_changes", Count, "Changes that Redis has not taken note of yet.";
    counter RESUMES = "im_resumes_total", Count, "Logins with a resume token. Label outcome (accepted, refused).";
    counter RESUMES_WITHHELD = "im_resume_tokens_withheld_total", Count, "Logins that were given no resume token because it was not stored in time. Label login (password, token).";
    gauge HASH_QUEUE = "im_hash_queue_passwords", Count, "Passwords that are checked or wait for it.";
    counter HASHES_REFUSED = "im_hashes_refused_total", Count, "Passwords that were not checked because too many waited.";
    counter STORE_FAILURES = "im_store_failures_total", Count, "Operations that the store failed. Label retryable.";
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts collecting; later calls return the same handle, so that several servers can share a process in tests.
///
/// # Panics
/// If somebody else installed a recorder before.
pub fn init() -> PrometheusHandle {
    HANDLE
        .get_or_init(|| {
            let seconds: Vec<f64> = (0..14)
                .map(|step| 0.000_25 * f64::from(1 << step))
                .collect();
            let counts: Vec<f64> = (0..11).map(|step| f64::from(1 << step)).collect();
            let handle = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
                .and_then(|builder| {
                    builder.set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), &counts)
                })
                .expect("the lists of buckets are not empty")
                .install_recorder()
                .expect("nobody else installs a recorder");
            describe();
            handle
        })
        .clone()
}
