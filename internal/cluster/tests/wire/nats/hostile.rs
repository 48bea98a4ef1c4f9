//! One who may say on the server whatever it likes.

use distcache_cluster::wire::{Pipe, PipeBroken};
use tokio::time::timeout;

use super::gone::until_broken;
use super::{Spy, rig};
use crate::nats_server::NatsServer;
use crate::support::{PATIENCE, next, receive, send};

/// Where the number of a message of an end stands: behind its kind and its id.
const NUMBER_AT: usize = 17 + 7;

/// A pipe on which one frame was sent, and the message that it was.
async fn overheard(server: &NatsServer) -> (Spy, Pipe, Pipe, async_nats::Message) {
    let mut spy = Spy::at(server).await;
    let (mut near, mut far) = rig(server).pipe().await;
    send(near.outgoing.as_mut(), vec![1; 100].into()).await.expect("it works");
    receive(far.incoming.as_mut()).await.expect("it arrives");
    let message = spy.next(".data").await;
    (spy, near, far, message)
}

/// Both ends of it break, and nothing is read that was not sent.
async fn expect_broken(mut near: Pipe, mut far: Pipe, why: &str) {
    let heard = timeout(PATIENCE, next(far.incoming.as_mut())).await.expect("it is told");
    let Some(Err(PipeBroken::Lost(told))) = heard else { panic!("{heard:?} is read") };
    assert!(told.to_string().contains(why), "{told}");
    assert!(send(far.outgoing.as_mut(), vec![2].into()).await.is_err(), "both halves end");
    let there = timeout(PATIENCE, next(near.incoming.as_mut())).await.expect("the other is told");
    assert!(matches!(there, Some(Err(PipeBroken::Lost(_)))), "{there:?}");
}

#[tokio::test]
async fn a_message_that_comes_twice_breaks_the_pipe() {
    let Some(server) = NatsServer::start() else { return };
    let (spy, near, far, message) = overheard(&server).await;
    spy.say(&message.subject, message.payload.to_vec()).await;
    expect_broken(near, far, "was lost, or came twice").await;
}

#[tokio::test]
async fn a_message_behind_one_that_is_missing_breaks_the_pipe() {
    let Some(server) = NatsServer::start() else { return };
    let (spy, near, far, message) = overheard(&server).await;
    let mut later = message.payload.to_vec();
    // As if the one with the number 1 was lost.
    later[NUMBER_AT] = 2;
    spy.say(&message.subject, later).await;
    expect_broken(near, far, "was lost, or came twice").await;
}

#[tokio::test]
async fn what_no_end_says_breaks_the_pipe_and_nothing_else() {
    let Some(server) = NatsServer::start() else { return };
    for nonsense in [vec![], vec![1], vec![9; 25], vec![1; 24], vec![0; 900_000]] {
        let (spy, near, far, message) = overheard(&server).await;
        let (mut unharmed, mut other) = rig(&server).pipe().await;
        spy.say(&message.subject, nonsense).await;
        expect_broken(near, far, "is said by no end of a pipe").await;
        send(unharmed.outgoing.as_mut(), vec![3].into()).await.expect("it works");
        assert_eq!(receive(other.incoming.as_mut()).await.expect("it arrives")[0], 3);
    }
}

/// More than a window from who pretends to be the other end.
#[tokio::test]
async fn who_does_not_keep_to_the_window_breaks_the_pipe() {
    let Some(server) = NatsServer::start() else { return };
    let (spy, near, far, message) = overheard(&server).await;
    let mut much = message.payload.to_vec();
    much[NUMBER_AT] = 1;
    much.resize(300 << 10, 7);
    spy.say(&message.subject, much).await;
    expect_broken(near, far, "more was sent than may be under way").await;
}

#[tokio::test]
async fn a_credit_for_what_was_never_sent_breaks_the_pipe() {
    let Some(server) = NatsServer::start() else { return };
    let (spy, mut near, far, message) = overheard(&server).await;
    // Its reply is where the server would tell who writes that nobody is there: the window.
    let window = message.reply.clone().expect("it has one");
    // The id of the end that reads is in its own subject.
    let hex = message.subject.split('.').nth_back(1).expect("an id").to_owned();
    let id = u128::from_str_radix(&hex, 16).expect("an id");
    let mut credit = vec![4];
    credit.extend_from_slice(&id.to_be_bytes());
    credit.extend_from_slice(&0_u64.to_be_bytes());
    credit.extend_from_slice(&u64::MAX.to_be_bytes());
    spy.say(&window, credit).await;
    // Who writes hears it when it writes again.
    let told = timeout(PATIENCE, until_broken(&mut near)).await.expect("it is told");
    assert!(told.to_string().contains("more or less was used there than was sent"), "{told}");
    expect_broken(near, far, "the other end broke").await;
}

/// It says something of another pipe: that is nobody's.
#[tokio::test]
async fn what_another_end_says_is_not_heard() {
    let Some(server) = NatsServer::start() else { return };
    let (spy, mut near, mut far, message) = overheard(&server).await;
    for kind in 1..=5 {
        let mut strange = message.payload.to_vec();
        strange[0] = kind;
        strange[5] ^= 1;
        strange.truncate(if kind == 4 {
            33
        } else if kind == 1 {
            100
        } else {
            25
        });
        spy.say(&message.subject, strange).await;
    }
    send(near.outgoing.as_mut(), vec![4; 50].into()).await.expect("it works");
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it arrives"), vec![4; 50]);
}

#[tokio::test]
async fn what_is_no_question_is_not_answered_and_harms_nobody() {
    let Some(server) = NatsServer::start() else { return };
    let mut spy = Spy::at(&server).await;
    let rig = rig(&server);
    let mut listener = rig.listen().await;
    let heard = spy.heard.by_ref_next().await;
    let questions = [vec![], vec![1], vec![1, 1], vec![1, 9], vec![1; 900_000], vec![1; 17]];
    for question in questions {
        spy.say(&heard, question).await;
    }
    // In another version: told so, without a pipe.
    let mut later = vec![9, 1];
    later.extend_from_slice(&[7; 16]);
    spy.say(&heard, later).await;
    let answer = spy.next(".answer").await;
    assert!(answer.subject.contains(&"07".repeat(16)), "{}", answer.subject);
    let (mut near, mut far) = rig.pipe_by(listener.as_mut()).await;
    send(near.outgoing.as_mut(), vec![1].into()).await.expect("it works");
    assert_eq!(receive(far.incoming.as_mut()).await.expect("it arrives")[0], 1);
}

/// Many who ask, and hear no answer: no more wait than may, and who is refused is told.
#[tokio::test]
async fn no_more_wait_to_be_accepted_than_may() {
    let Some(server) = NatsServer::start() else { return };
    let mut spy = Spy::at(&server).await;
    let rig = rig(&server);
    let listener = rig.listen().await;
    let heard = spy.heard.by_ref_next().await;
    for number in 0..200_u128 {
        let mut question = vec![1, 1];
        question.extend_from_slice(&number.to_be_bytes());
        spy.say(&heard, question).await;
    }
    let failed = rig.wire.connect(listener.address(), PATIENCE).await.expect_err("it is full");
    assert!(failed.to_string().contains("too many wait there"), "{failed}");
}

/// The subject of the listener, as it is overheard.
trait NextQuestion {
    async fn by_ref_next(&mut self) -> async_nats::Subject;
}

impl NextQuestion for async_nats::Subscriber {
    async fn by_ref_next(&mut self) -> async_nats::Subject {
        loop {
            let message = timeout(PATIENCE, futures_util::StreamExt::next(self)).await;
            let subject = message.expect("one comes").expect("the server is there").subject;
            if subject.contains(".at.") {
                return subject;
            }
        }
    }
}
