//! What every store must do: one suite, stamped on each database.

#![expect(clippy::unwrap_used, reason = "an error is a failed test")]

mod bed;
mod circle;
mod device;

mod accounts;
mod append;
mod audience;
mod concurrent;
mod contact_model;
mod contacts;
mod duplicates;
mod extremes;
mod group_joining;
mod group_messages;
mod group_running;
mod group_step_model;
mod group_steps;
mod groups;
mod history;
mod missed;
mod model;
mod organisation;
mod reading;
mod references;
mod requests;
mod resumes;
mod revisions;
mod sync;
mod sync_model;
mod talks;
mod users;

mod mysql;
mod sqlite;

/// Makes a module of tests for one database. `$bed` is an async function that makes an empty store, or nothing where that
/// database is not to be had.
macro_rules! suite {
    ($bed:path) => {
        crate::suite! { $bed;
            append: ids_are_contiguous_in_the_order_of_the_batch, conversations_count_for_themselves,
                strangers_are_refused_and_leave_no_trace, a_batch_larger_than_a_statement,
                a_batch_that_is_given_up_is_stored_whole_or_not_at_all,
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
            accounts: a_name_is_taken_in_whatever_case, one_name_at_two_stores_is_given_once, a_newcomer_is_a_change,
                a_registration_asked_for_again_is_the_same_account,
                one_registration_at_two_stores_is_carried_out_once, invites_are_kept_until_revoked,
                an_invite_is_good_as_often_and_as_long_as_it_says, the_last_use_of_an_invite_is_taken_once,
                a_closed_account_keeps_its_name_and_nothing_else, a_closed_account_is_in_no_group,
                closing_while_joining_leaves_groups_whole;
            groups: a_group_is_what_its_founder_named, a_group_with_a_stranger_is_not_made, members_come_and_go,
                an_empty_group_can_be_filled_again, strangers_change_nothing, large_groups_are_whole_or_refused,
                details_are_for_members, lists_of_groups_begin_with_the_latest_change,
                changes_at_two_stores_at_once_all_happen, fellow_members_come_from_small_groups_first,
                fellow_members_come_from_the_groups_joined_last;
            group_messages: members_write_and_others_do_not, unread_follows_positions, newcomers_start_at_the_end,
                strangers_learn_nothing, a_hidden_group_comes_back, a_resend_to_a_group_is_stored_once,
                a_resend_after_leaving_is_answered,
                two_stores_write_to_one_group_without_a_gap, leaving_while_writing_is_before_or_after;
            group_joining: who_asks_comes_in_as_the_group_lets_him, who_is_invited_answers_himself,
                who_has_applied_comes_in_when_an_admin_invites_him, an_invitation_by_somebody_blocked_is_never_seen,
                requests_expire_and_are_limited, a_group_has_room_for_as_many_as_it_says;
            group_running: the_owner_makes_somebody_else_the_owner_or_ends_it, admins_set_what_admins_may,
                admins_send_members_away, who_is_muted_writes_nothing_new;
            group_steps: a_step_asked_for_again_is_answered_again, an_owner_who_is_gone_is_followed,
                steps_at_two_stores_at_once_come_one_after_the_other;
            requests: a_group_asked_for_again_is_the_same_group, a_change_asked_for_again_is_made_once,
                what_was_refused_is_judged_anew, one_request_at_two_stores_is_carried_out_once,
                keys_are_forgotten_after_a_minute;
            organisation: departments_are_kept_when_removed, departments_repeat_the_moment_asked_with,
                a_change_is_behind_every_page, a_clock_set_back_over_a_restart_hides_nothing,
                every_change_of_a_profile_is_seen, a_token_has_one_owner, the_oldest_of_too_many_tokens_goes,
                the_night_shield_is_kept, peers_come_latest_first;
            revisions: a_recalled_message_keeps_its_place_and_nothing_else, an_edited_message_has_another_body,
                in_a_group_its_creator_may_recall_what_others_wrote, who_was_away_hears_what_was_revised,
                a_resend_of_a_recalled_message_brings_nothing_back,
                revisions_at_two_stores_at_once_come_one_after_the_other;
            audience: who_is_heard_is_who_may_write, in_a_group_members_are_heard_while_it_is_small,
                others_see_what_is_shown_and_no_more, who_is_blocked_sees_nothing_new, of_a_group_members_are_seen_reading;
            references: a_message_comes_back_with_what_it_refers_to, who_and_what_is_not_there_is_not_referred_to,
                what_is_withheld_is_answered_by_its_author_alone, a_resend_refers_to_what_the_first_did,
                many_messages_that_refer_in_one_batch, an_unread_mention_is_found;
            resumes: a_token_leads_to_the_next, a_lost_token_is_made_up_for,
                a_token_is_for_one_user_and_one_kind_of_device, tokens_are_revoked_by_kind_of_device,
                of_too_many_tokens_the_longest_unused_go, one_token_shown_twice_at_once_leaves_one_way_on,
                many_tokens_are_exchanged_in_one_transaction, an_exchange_may_be_made_twice,
                who_may_not_log_in_any_more_has_no_tokens;
            missed: what_is_new_comes_once_and_what_is_old_does_not, of_a_group_comes_what_one_of_the_members_sees,
                pages_of_what_was_missed_make_up_the_whole;
            sync: a_new_device_gets_everything_in_pages, a_hole_is_told_of_to_the_message,
                what_one_knows_does_not_come_again, a_restored_store_begins_anew, one_page_at_a_time_under_fire,
                who_left_and_came_back_is_a_newcomer, what_was_committed_late_is_not_missed, a_large_book_comes_behind_the_conversations;
            contacts: who_asks_and_is_granted_is_a_friend_on_both_sides, a_request_is_refused_or_taken_back,
                strangers_to_the_store_are_nobodys_contacts, who_is_blocked_is_heard_of_no_more,
                lists_of_contacts_are_full_at_their_limits, no_more_ask_than_one_can_answer,
                two_who_ask_at_once_at_two_stores_are_friends, many_steps_at_two_stores_keep_the_limits,
                changes_of_contacts_page_exactly, nothing_is_forgotten_in_the_end,
                a_device_that_learns_of_contacts_gets_all_of_them, a_list_of_contacts_comes_in_pages_and_goes_on;
            talks: a_message_is_let_in_by_what_the_two_are, a_resend_is_answered_after_the_friendship,
                a_conversation_begins_with_what_the_two_are, what_a_blocked_one_writes_is_his_alone,
                who_is_blocked_begins_nothing_for_the_other;
            extremes: ids_and_numbers_up_to_the_last, a_full_conversation_refuses_and_others_go_on,
                bodies_are_any_bytes;
            concurrent: eight_writers_in_two_stores_leave_no_gap, first_messages_at_once_make_one_conversation,
                one_key_at_two_stores_is_stored_once, reading_while_others_write_loses_no_count;
        }

        #[test]
        fn agrees_with_a_simple_model() {
            crate::model::check(|| Box::pin($bed()));
        }

        #[test]
        fn any_moves_leave_both_sides_of_a_contact_consistent() {
            crate::contact_model::check(|| Box::pin($bed()));
        }

        #[test]
        fn any_steps_leave_a_group_in_order() {
            crate::group_step_model::check(|| Box::pin($bed()));
        }

        #[test]
        fn devices_know_everything_once_they_have_asked() {
            crate::sync_model::check(|| Box::pin($bed()));
        }
    };
    ($bed:path; $($module:ident: $($test:ident),+;)+) => {
        $(mod $module {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bed) = $bed().await {
                    crate::$module::$test(bed).await;
                }
            })+
        })+
    };
}

use suite;
