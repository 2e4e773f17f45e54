//! What every cache must do, stamped on each, and what a Redis may do to us without anybody being told something wrong.
//!
//! `FERROTALK_TEST_REDIS` names a Redis to use; without it the tests start one where `redis-server` is installed.

#![expect(clippy::unwrap_used, reason = "an error is a failed test")]

mod bed;
mod relay;

mod departments;
mod failures;
mod groups;
mod users;

mod credentials;
mod faults;
mod process;

/// Makes a module of tests for one implementation. `$new` is an async function that makes an empty cache, or none where
/// what it needs is missing.
macro_rules! suite {
    ($name:ident: $new:path; $($test:ident in $module:ident),+ $(,)?) => {
        mod $name {
            $(#[tokio::test]
            async fn $test() {
                if let Some(cache) = $new().await {
                    crate::$module::$test(&cache).await;
                }
            })+
        }
    };
}

macro_rules! users {
    ($name:ident: $new:path) => {
        suite! { $name: $new;
        what_is_put_is_found_once in users, an_invalidated_user_is_gone in users,
        a_slow_reader_does_not_put_an_old_copy_back in users, a_change_is_seen_at_once in users,
        nothing_asked_is_nothing_found in users, hundreds_at_once in users }
    };
}
users!(users_in_memory: crate::bed::memory_users);
users!(users_in_redis: crate::bed::redis_users);

macro_rules! departments {
    ($name:ident: $new:path) => {
        suite! { $name: $new; a_list_is_found_by_its_last_change in departments, the_later_list_stays in departments }
    };
}
departments!(departments_in_memory: crate::bed::memory_departments);
departments!(departments_in_redis: crate::bed::redis_departments);

macro_rules! groups {
    ($name:ident: $new:path) => {
        suite! { $name: $new; members_are_found_by_their_version in groups, the_later_version_stays in groups,
            empty_and_very_large_groups in groups }
    };
}
groups!(groups_in_memory: crate::bed::memory_groups);
groups!(groups_in_redis: crate::bed::redis_groups);

macro_rules! failures {
    ($name:ident: $new:path) => {
        suite! { $name: $new; one_more_than_is_borne_closes_the_account_for_that_source_only in failures,
            a_success_forgives_the_account_and_not_the_source in failures,
            what_is_refused_forgives_nothing in failures, a_subscriber_is_one_source in failures,
            names_are_any_text in failures, failures_age_out in failures }
    };
}
failures!(failures_in_memory: crate::bed::memory_failures);
failures!(failures_in_redis: crate::bed::redis_failures);
