//! Who is connected with whom, and in which weather.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::lane::Lane;
use super::weather::{Dice, Weather};
use crate::wire::{Address, Pipe};

/// Carries frames between the members of one process.
///
/// What happens by chance is drawn from a seed; with paused time, two runs are
/// alike.
#[derive(Debug)]
pub struct Network {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    listeners: HashMap<Address, mpsc::Sender<Pipe>>,
    weather: HashMap<(Address, Address), Weather>,
    /// To be woken when the weather changes. Those that are gone are swept out when
    /// one is added.
    lanes: Vec<Weak<Lane>>,
    dice: Dice,
    next_port: u16,
}

/// The first port that is given to who asks for port 0.
const PORT_FIRST: u16 = 49_152;

impl Network {
    /// A network in fair weather.
    pub fn new(seed: u64) -> Arc<Self> {
        let state = State {
            listeners: HashMap::new(),
            weather: HashMap::new(),
            lanes: Vec::new(),
            dice: Dice::new(seed),
            next_port: PORT_FIRST,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// Changes the weather from one address to another.
    pub fn set(&self, from: &Address, to: &Address, weather: Weather) {
        let mut state = self.state.lock();
        state.weather.insert((from.clone(), to.clone()), weather);
        let lanes: Vec<_> = state.lanes.iter().filter_map(Weak::upgrade).collect();
        // Wakers are somebody else's code: no lock is held.
        drop(state);
        for lane in lanes {
            lane.wake();
        }
        self.changed.notify_waiters();
    }

    /// Changes the weather both ways.
    pub fn set_between(&self, one: &Address, other: &Address, weather: Weather) {
        self.set(one, other, weather);
        self.set(other, one, weather);
    }

    /// Ends every connection between the two, as a broken cable's reset does.
    pub fn reset(&self, one: &Address, other: &Address) {
        let lanes: Vec<_> = self.state.lock().lanes.iter().filter_map(Weak::upgrade).collect();
        lanes.iter().filter(|lane| lane.is_between(one, other)).for_each(|lane| lane.reset());
    }

    /// Connections that are there now, both directions counted as one.
    pub fn connections(&self) -> usize {
        let lanes: Vec<_> = self.state.lock().lanes.iter().filter_map(Weak::upgrade).collect();
        lanes.iter().filter(|lane| lane.is_open()).count().div_ceil(2)
    }

    pub(super) fn weather(&self, from: &Address, to: &Address) -> Weather {
        let key = (from.clone(), to.clone());
        self.state.lock().weather.get(&key).copied().unwrap_or_default()
    }

    /// The weather, and dice thrown under one lock.
    pub(super) fn throw<T>(
        &self,
        from: &Address,
        to: &Address,
        throw: impl FnOnce(Weather, &mut Dice) -> T,
    ) -> T {
        let weather = self.weather(from, to);
        throw(weather, &mut self.state.lock().dice)
    }

    /// Waits until a connection could be made: both ways are open.
    pub(super) async fn until_open(&self, from: &Address, to: &Address) {
        loop {
            let changed = self.changed.notified();
            let is_cut = |from, to| self.weather(from, to).is_cut;
            if !is_cut(from, to) && !is_cut(to, from) {
                return;
            }
            changed.await;
        }
    }

    pub(super) fn listener(&self, at: &Address) -> Option<mpsc::Sender<Pipe>> {
        self.state.lock().listeners.get(at).cloned()
    }

    /// The address that is listened at; `None` if somebody does already.
    pub(super) fn listen(&self, at: &Address, sender: mpsc::Sender<Pipe>) -> Option<Address> {
        let mut state = self.state.lock();
        let at = if at.port() == 0 {
            state.next_port += 1;
            let free = format!("{}:{}", at.host(), state.next_port);
            free.parse().expect("the host was part of an address")
        } else {
            at.clone()
        };
        if state.listeners.get(&at).is_some_and(|listener| !listener.is_closed()) {
            return None;
        }
        state.listeners.insert(at.clone(), sender);
        Some(at)
    }

    pub(super) fn add(&self, lane: &Arc<Lane>) {
        let mut state = self.state.lock();
        state.lanes.retain(|lane| 0 < lane.strong_count());
        state.lanes.push(Arc::downgrade(lane));
    }
}
