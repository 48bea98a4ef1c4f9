//! How a pipe is made, and whether somebody listens.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{StatusCode, Subject, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::fate::Fate;
use super::message::Call;
use super::reading::Reading;
use super::session::Session;
use super::subjects::{Id, Subjects};
use super::writing::Writing;
use crate::excerpt::excerpt;
use crate::wire::{Address, Identity, Pipe, stream};

/// Who dials and hears nothing looks after so long whether somebody is there; each look
/// doubles it. It is longer than most answers take.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// One end, before it is known who the other one is.
pub(super) struct Ears {
    own: Id,
    data: Subscriber,
    window: Subscriber,
}

impl Ears {
    pub(super) async fn open(session: &Session, subjects: &Subjects) -> io::Result<Self> {
        let own = Id::random()?;
        let data = session.subscribe(subjects.data(own)).await?;
        let window = session.subscribe(subjects.window(own)).await?;
        Ok(Self { own, data, window })
    }

    pub(super) fn own(&self) -> Id {
        self.own
    }

    /// The pipe with that one.
    pub(super) fn pipe(
        self,
        session: &Arc<Session>,
        subjects: &Subjects,
        other: Id,
        frame_bytes_max: usize,
    ) -> Pipe {
        let fate = Arc::new(Fate::new(session, subjects, self.own, other));
        let (read, write) = (Reading::new(&fate, self.data), Writing::new(&fate, self.window));
        // The server of NATS has let both in: that is all that is known.
        stream::pipe(read, write, Identity::Unproved, frame_bytes_max)
    }
}

/// A question to who listens somewhere, until it is answered.
pub(super) struct Question<'a> {
    session: &'a Session,
    own: Id,
    answers: Subscriber,
    complaints: Receiver<String>,
    to: Subject,
    reply: Subject,
}

impl<'a> Question<'a> {
    /// Asks who listens there.
    pub(super) async fn ask(
        session: &'a Session,
        subjects: &Subjects,
        to: &Address,
        (call, own): (Call, Id),
    ) -> io::Result<Self> {
        let complaints = session.complaints();
        let answers = session.subscribe(subjects.answer(own)).await?;
        let (to, reply) = (subjects.of_listener(to), subjects.answer(own));
        let question = Self { session, own, answers, complaints, to, reply };
        question.say(call).await?;
        Ok(question)
    }

    /// The answer; `None` when the server says that nobody listens.
    pub(super) async fn answer(&mut self) -> io::Result<Option<(Call, Id)>> {
        loop {
            tokio::select! {
                biased;
                message = self.answers.next() => {
                    let message = message.ok_or_else(|| self.session.lose())?;
                    if message.status == Some(StatusCode::NO_RESPONDERS) {
                        return Ok(None);
                    }
                    // What is none is somebody's who has nothing to say here.
                    if let Some(answer) = Call::read(&message.payload) {
                        return Ok(Some(answer));
                    }
                }
                complaint = self.complaints.recv() => self.hear(complaint)?,
                () = self.session.over().cancelled() => return Err(self.session.lose()),
            }
        }
    }

    /// The answer to who dials; `None` when nobody listens, or not any more.
    ///
    /// 1. A member ends, and its subscription has taken the question before that ends.
    /// 2. Nobody answers, and the server has nothing to tell: somebody was there.
    /// 3. Who dials waits for all of its time.
    ///
    /// Hence it is asked now and then whether somebody is still there.
    async fn answer_or_nobody(&mut self) -> io::Result<Option<(Call, Id)>> {
        let mut within = LOOK_AFTER;
        loop {
            match timeout(within, self.answer()).await {
                Ok(Ok(Some((Call::Taken, _)))) => {}
                Ok(answer) => return answer,
                Err(_elapsed) => {
                    within *= 2;
                    self.say(Call::Probe).await?;
                }
            }
        }
    }

    async fn say(&self, call: Call) -> io::Result<()> {
        let (to, reply) = (self.to.clone(), self.reply.clone());
        self.session.say(to, Some(reply), call.to_bytes(self.own)).await
    }

    /// What the server complains of, if that is about this question.
    fn hear(&self, complaint: Result<String, RecvError>) -> io::Result<()> {
        match complaint {
            Ok(why) if is_about(&why, &[self.to.as_str(), &self.own.to_string()]) => {
                let told = format!("the NATS server says: {}", excerpt(&why));
                Err(io::Error::new(io::ErrorKind::PermissionDenied, told))
            }
            // One that was missed was perhaps about it: then the time ends it.
            Ok(_) | Err(RecvError::Lagged(_)) => Ok(()),
            Err(RecvError::Closed) => Err(self.session.lose()),
        }
    }
}

/// Whether a server's complaint is about one of these.
pub(super) fn is_about(complaint: &str, subjects: &[&str]) -> bool {
    subjects.iter().any(|subject| complaint.contains(subject))
}

/// Makes a pipe with who listens there.
pub(super) async fn dial(
    session: &Arc<Session>,
    subjects: &Subjects,
    to: &Address,
    frame_bytes_max: usize,
) -> io::Result<Pipe> {
    let ears = Ears::open(session, subjects).await?;
    let mut question = Question::ask(session, subjects, to, (Call::Dial, ears.own())).await?;
    match question.answer_or_nobody().await? {
        Some((Call::Welcome, other)) => Ok(ears.pipe(session, subjects, other, frame_bytes_max)),
        // A queue of who listens, or of the system, is full.
        Some((Call::Full, _)) => Err(refused("too many wait there")),
        Some((Call::OtherVersion, _)) => Err(refused("another version is spoken there")),
        Some(_) => Err(refused("the answer is none to that question")),
        None => Err(refused("nobody listens there on NATS")),
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why.to_owned())
}

/// Answers one who dials.
pub(super) async fn welcome(
    session: &Arc<Session>,
    subjects: &Subjects,
    other: Id,
    frame_bytes_max: usize,
) -> io::Result<Pipe> {
    let ears = Ears::open(session, subjects).await?;
    let payload = Call::Welcome.to_bytes(ears.own());
    // 1. Who dials has given up meanwhile, and nobody hears the answer.
    // 2. Whoever reads from this end waits for a first word that never comes.
    // Hence the server tells the half that reads that nobody is there.
    let told = subjects.data(ears.own());
    session.say(subjects.answer(other), Some(told), payload).await?;
    Ok(ears.pipe(session, subjects, other, frame_bytes_max))
}

/// Tells who asked something else than a welcome.
pub(super) async fn reply(
    session: &Session,
    subjects: &Subjects,
    to: Id,
    call: Call,
    own: Id,
) -> io::Result<()> {
    let (subject, payload): (Subject, Bytes) = (subjects.answer(to), call.to_bytes(own));
    session.say(subject, None, payload).await
}
