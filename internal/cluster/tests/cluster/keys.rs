//! Each key has one owner, and whoever asks finds it.

use std::time::Duration;

use distcache_cluster::wire::Network;
use distcache_manager::Error;
use tokio::time::{Instant, sleep};

use crate::process::Process;

const KEYS: u32 = 300;

fn key(number: u32) -> Vec<u8> {
    format!("key-{number}").into_bytes()
}

/// Looks again and again until it is so; long enough for any machine.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !is_so() {
        assert!(Instant::now() < deadline, "it never was so: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Those of the processes that answer for a key.
pub(crate) fn who<'a>(processes: &'a [Process], key: &[u8]) -> Vec<&'a Process> {
    processes.iter().filter(|process| process.answers_for(key)).collect()
}

fn everybody_has_an_owner(processes: &[Process]) -> bool {
    (0..KEYS).all(|n| who(processes, &key(n)).len() == 1)
}

pub(crate) async fn together(count: usize) -> Vec<Process> {
    let network = Network::new(1);
    let mut processes = Vec::new();
    for number in 0..count {
        processes.push(Process::start(&network, number, count).await);
    }
    until("all are members", || {
        processes
            .iter()
            .all(|process| process.cluster.view().is_some_and(|view| view.members().len() == count))
    })
    .await;
    until("each key has an owner", || everybody_has_an_owner(&processes)).await;
    processes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_together_have_each_key_once_and_find_it_from_everywhere() {
    let processes = together(3).await;
    for n in 0..KEYS {
        let stored: Vec<_> =
            processes.iter().map(|process| process.cache.put(&key(n), b"1", None)).collect();
        let refused = stored.iter().filter(|stored| **stored == Err(Error::Elsewhere)).count();
        assert_eq!(refused, 2, "one of them has it: {stored:?}");
    }
    assert_eq!(processes.iter().map(Process::entries).sum::<u64>(), u64::from(KEYS));
    assert!(processes.iter().all(|process| 0 < process.entries()), "each has its part");
    for process in &processes {
        for n in 0..KEYS {
            assert_eq!(process.ask(&key(n)).await, Some(Some(b"1".to_vec())), "{n}");
        }
    }
}

/// 1. A cache is alone. A key is put there.
/// 2. Its process begins to take part. Another one owns the key, and it is put there.
/// 3. Somebody asks the first one before it has a view, and gets what it had by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_takes_part_and_has_no_view_yet_answers_for_no_key() {
    let network = Network::new(1);
    let process = Process::start(&network, 0, 3).await;
    assert!(process.cluster.view().is_none(), "the other two are not there");
    assert_eq!(process.cache.put(&key(1), b"1", None).map(drop), Err(Error::Elsewhere));
    assert!(!process.answers_for(&key(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_keys_of_a_process_that_dies_are_misses_at_their_next_owners() {
    let mut processes = together(3).await;
    let mut of_last = Vec::new();
    for n in 0..KEYS {
        let is_of_last = processes[2].answers_for(&key(n));
        of_last.push(is_of_last);
        who(&processes, &key(n))[0].cache.put(&key(n), b"1", None).unwrap();
    }
    let last = processes.pop().unwrap();
    last.cluster.close().await;
    drop(last);
    until("each key has an owner again", || everybody_has_an_owner(&processes)).await;
    for (n, was_of_last) in (0..KEYS).zip(of_last) {
        let expected = (!was_of_last).then(|| b"1".to_vec());
        for process in &processes {
            assert_eq!(process.ask(&key(n)).await, Some(expected.clone()), "{n}");
        }
    }
}
