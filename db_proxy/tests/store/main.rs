//! What every store must do: one suite, stamped on each database.

#![expect(clippy::unwrap_used, reason = "an error is a failed test")]

mod bed;

mod append;
mod concurrent;
mod duplicates;
mod extremes;
mod history;
mod model;
mod reading;
mod users;

mod sqlite;

/// Makes a module of tests for one database. `$bed` is an async function that makes an empty store.
macro_rules! suite {
    ($bed:path) => {
        crate::suite! { $bed;
            append: ids_are_contiguous_in_the_order_of_the_batch, conversations_count_for_themselves,
                strangers_are_refused_and_leave_no_trace, a_batch_larger_than_a_statement,
                a_late_clock_does_not_turn_back_the_list, reopening_keeps_everything;
            duplicates: a_key_sent_again_is_answered_with_the_first, a_key_twice_in_a_batch_is_stored_once,
                keys_belong_to_a_sender_and_a_conversation, a_local_key_expires_and_an_explicit_one_does_not;
            history: pages_go_back_from_where_asked, a_page_ends_at_its_limits, messages_by_id_come_newest_first,
                nothing_was_ever_said;
            reading: unread_is_what_others_wrote_after_the_mark, marks_never_go_back_or_past_the_end,
                many_marks_at_once, hiding_lasts_until_the_next_message, recent_repeats_the_second_asked_with, a_stored_message_is_newer_than_what_was_listed,
                lists_end_at_their_limits;
            users: names_are_exact_and_never_taken_twice, twenty_thousand_in_one_go, changes_page_exactly,
                a_password_is_replaced_only_when_it_is_the_expected_one, profiles_come_back_as_stored,
                the_epoch_stays;
            extremes: ids_and_numbers_up_to_the_last, a_full_conversation_refuses_and_others_go_on,
                bodies_are_any_bytes;
            concurrent: eight_writers_in_two_stores_leave_no_gap, first_messages_at_once_make_one_conversation,
                one_key_at_two_stores_is_stored_once, reading_while_others_write_loses_no_count;
        }

        #[test]
        fn agrees_with_a_simple_model() {
            crate::model::check(|| Box::pin($bed()));
        }
    };
    ($bed:path; $($module:ident: $($test:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test($bed().await).await;
            })+
        })+
    };
}

use suite;
