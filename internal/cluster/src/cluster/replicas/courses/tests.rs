//! What is known of an owner that is gone.

use super::super::super::seat::tests::{ME, OTHER, THIRD, views_of_three};
use super::*;

/// What there is by the views of three: the other goes first.
fn courses() -> Courses {
    let mut courses = Courses::default();
    courses.turn_to(&tenure(4));
    courses
}

/// The tenure of the view at that place, for who has taken that before it.
fn tenure(at: usize) -> Tenure {
    let views = views_of_three();
    Tenure::new(&views[at], ME, Some(&views[at - 1]))
}

fn heard(up_to: u64, began: Option<u64>, numbered: &[(u64, Option<u64>)]) -> Heard {
    Heard { up_to, began, numbered: numbered.to_vec(), ..Heard::default() }
}

fn ask(courses: &Courses, after: u64) -> Recalled {
    let ask = Recall { tenure: courses.tenure, owner: OTHER.number(), after };
    courses.recall(&ask).expect("it is this tenure")
}

/// The other is no owner any more.
fn ended(courses: &mut Courses) -> Vec<(MemberId, u64)> {
    courses.turn_to(&tenure(5));
    courses.ended().collect()
}

#[test]
fn of_an_owner_that_is_gone_all_is_told_that_came_after_what_was_made() {
    let mut courses = courses();
    courses.note(OTHER, heard(5, None, &[]));
    courses.note(OTHER, heard(7, Some(5), &[(6, Some(60)), (7, Some(70))]));
    courses.note(OTHER, heard(9, Some(5), &[(9, Some(90))]));
    courses.note(THIRD, heard(9, Some(5), &[(8, Some(80))]));
    assert_eq!(ended(&mut courses), [(OTHER, 9)]);
    assert_eq!(ask(&courses, 9), Recalled { knows: true, ..Recalled::default() });
    assert_eq!(ask(&courses, 12), Recalled { knows: true, ..Recalled::default() });
    let places = vec![70, 90];
    assert_eq!(ask(&courses, 6), Recalled { knows: true, has_whole: false, places });
    assert_eq!(ask(&courses, 4), Recalled::default(), "what came before 5 it was not told");
    let elsewhere = Recall { tenure: 1, owner: OTHER.number(), after: 9 };
    assert_eq!(courses.recall(&elsewhere), None);
}

#[test]
fn what_is_committed_is_with_who_asks() {
    let mut courses = courses();
    courses.note(OTHER, heard(5, Some(5), &[]));
    let numbered = vec![(6, Some(60)), (7, None), (8, Some(80))];
    courses.note(OTHER, Heard { committed: 6, numbered, ..heard(8, Some(5), &[]) });
    ended(&mut courses);
    let told = Recalled { knows: true, has_whole: true, places: vec![80] };
    assert_eq!(ask(&courses, 5), told);
    assert_eq!(ask(&courses, 7), Recalled { has_whole: false, ..told });
}

#[test]
fn who_has_not_followed_in_the_last_tenure_tells_nothing_and_adopts_nothing() {
    let mut silent = courses();
    silent.note(OTHER, heard(5, None, &[]));
    assert_eq!(ended(&mut silent), []);
    assert_eq!(ask(&silent, 9), Recalled::default());
    let mut behind = courses();
    behind.note(OTHER, heard(5, None, &[]));
    behind.note(OTHER, heard(6, Some(8), &[]));
    assert_eq!(ended(&mut behind), [], "it has not made all that came before the tenure");
    assert!(ask(&behind, 8).knows, "of what came in it, it has heard nothing");
    let mut lost = courses();
    lost.note(OTHER, heard(5, Some(5), &[]));
    lost.forget(OTHER);
    assert_eq!(ended(&mut lost), []);
    assert_eq!(ask(&lost, 5), Recalled::default());
}

#[test]
fn who_began_later_tells_of_what_came_since() {
    let mut courses = courses();
    courses.note(OTHER, heard(20, Some(5), &[]));
    courses.note(OTHER, heard(21, Some(5), &[(21, Some(1))]));
    ended(&mut courses);
    assert_eq!(ask(&courses, 19), Recalled::default());
    assert_eq!(ask(&courses, 20).places, [1]);
}

#[test]
fn of_more_changes_than_are_remembered_those_are_known_that_came_last() {
    let mut courses = courses();
    courses.note(OTHER, heard(5, Some(5), &[]));
    let last = 5 + REMEMBERED_MAX as u64 + 3;
    let numbered: Vec<_> = (6..=last).map(|number| (number, Some(number))).collect();
    courses.note(OTHER, heard(last, Some(5), &numbered));
    assert_eq!(courses.present[&OTHER].remembered.len(), REMEMBERED_MAX);
    ended(&mut courses);
    assert!(!ask(&courses, 7).knows);
    assert_eq!(ask(&courses, 8).places.len(), REMEMBERED_MAX);
}

#[test]
fn who_has_missed_a_view_knows_nothing_of_who_is_gone() {
    let mut courses = courses();
    courses.note(OTHER, heard(5, Some(5), &[]));
    courses.turn_to(&Tenure::new(&views_of_three()[5], ME, None));
    assert_eq!(courses.ended().count(), 0);
    assert_eq!(courses.with(OTHER), Wanted::default());
}

/// What a third is to be asked in the next tenure, when it was heard so in the one before.
fn wanted_then(heard: impl FnOnce(&mut Courses), next: &Tenure) -> (bool, Option<u64>) {
    let mut courses = courses();
    heard(&mut courses);
    courses.turn_to(next);
    let Wanted { after, from, had_in, .. } = courses.with(THIRD);
    assert_eq!(after, Some(7));
    (from == Some(Place::default()), had_in)
}

/// The other has gone in between, and the third owns keys still.
#[test]
fn of_who_owns_keys_still_all_is_read_off_but_what_was_copied_in_the_tenure_before() {
    let whole = |courses: &mut Courses| courses.note(THIRD, heard(7, Some(5), &[]));
    assert_eq!(wanted_then(whole, &tenure(5)), (true, Some(5)));
    assert_eq!(wanted_then(whole, &tenure(5).dropped_copies()), (true, None));
    let place = Place { node: 1, ..Place::default() };
    let half = |courses: &mut Courses| {
        courses.note(THIRD, Heard { next: Some(place), ..heard(7, Some(5), &[]) });
    };
    assert_eq!(wanted_then(half, &tenure(5)), (true, None));
    let silent = |courses: &mut Courses| courses.note(THIRD, heard(7, None, &[]));
    assert_eq!(wanted_then(silent, &tenure(5)), (true, None), "it has not said all of before");
    let unknown = |courses: &mut Courses| {
        courses.note(THIRD, Heard { lacks: true, ..heard(6, Some(5), &[]) });
        courses.note(THIRD, heard(7, Some(5), &[]));
    };
    assert_eq!(wanted_then(unknown, &tenure(5)), (true, None), "something was not kept");
}

#[test]
fn what_a_data_node_held_that_was_replaced_is_read_off_again() {
    let mut courses = courses();
    courses.look_for_losses(3);
    courses.note(OTHER, Heard { replacements: 3, ..heard(5, Some(5), &[]) });
    courses.note(THIRD, Heard { replacements: 3, ..heard(6, Some(5), &[]) });
    courses.look_for_losses(3);
    assert_eq!(courses.with(OTHER).from, None);
    courses.look_for_losses(4);
    let again = |after| Wanted {
        after: Some(after),
        from: Some(Place::default()),
        had_in: None,
        replacements: 4,
    };
    assert_eq!((courses.with(OTHER), courses.with(THIRD)), (again(5), again(6)));
    // The other was asked before that, and its answer may have been kept by that node.
    courses.note(OTHER, Heard { replacements: 3, ..heard(8, Some(5), &[]) });
    assert_eq!(courses.with(OTHER), again(8));
    courses.note(OTHER, Heard { replacements: 4, ..heard(9, Some(5), &[]) });
    assert_eq!(courses.with(OTHER).from, None);
}
