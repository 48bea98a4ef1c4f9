//! What a caller asks a node to do.

/// One request to the state `S` behind a mailbox.
///
/// A command may borrow from its caller (a key, say), because under inline
/// dispatch it runs on the caller's own stack. A command that has to travel to
/// another thread is turned into its [`Owned`](Self::Owned) twin first.
///
/// Implementers MUST keep [`run`](Self::run) short and free of waiting: it runs
/// under the node's lock. It may panic; the mailbox catches that, gives the
/// node up and tells the caller.
pub trait Command<S>: Sized {
    /// What the caller gets back.
    type Reply: Send + 'static;
    /// The same request, owning everything that it needs.
    type Owned: Command<S, Reply = Self::Reply> + Send + 'static;

    /// Turns this request into one that can travel.
    fn into_owned(self) -> Self::Owned;

    /// Does the work.
    fn run(self, state: &mut S) -> Self::Reply;
}

/// A command that can also run while others of its kind do.
///
/// Implementers MUST give the same answer from both, and MUST NOT need `run`
/// for anything that is more than tidying.
pub trait Read<S>: Command<S> {
    /// Does the work under a lock shared with other readers.
    fn read(self, state: &S) -> Self::Reply;
}
