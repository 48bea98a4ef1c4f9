//! SQLite as a source: real files.

mod faults;
mod reading;
mod time;
mod writing;

mod db;
#[path = "../support/mod.rs"]
mod support;

use db::Db;
use support::suite::passes_the_suite;

passes_the_suite! {
    Db:
    a_value_is_found_and_a_missing_key_and_a_null_are_not
    a_number_is_found_under_one_key_only
    a_text_key_may_have_any_characters
    a_key_of_bytes_may_have_any_bytes
    a_value_may_have_a_mebibyte
    names_may_have_any_characters
    two_rows_for_one_key_are_an_error
    a_value_is_stored_replaced_and_removed
    a_batch_stores_and_removes
    one_bad_write_of_a_batch_fails_alone
    a_query_writes_by_its_own_statements_or_not_at_all
    a_table_without_a_unique_key_is_read_but_not_written
    a_rejected_write_shows_neither_key_nor_value
}
