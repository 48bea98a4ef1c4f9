//! What a run is told.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use distcache::{Ack, ReadFrom};

/// Runs a cluster of real processes under faults, and checks what its clients saw.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// What is done to the cluster
    pub run: Run,
    /// How often
    #[arg(long, default_value_t = 20)]
    pub rounds: usize,
    /// Members of the cluster
    #[arg(long, default_value_t = 3)]
    pub members: usize,
    /// Members that hold each entry, its owner included
    #[arg(long, default_value_t = 1)]
    pub replicas: u8,
    /// Which of them answer reads: owner, or any that knows its copy to be the latest value
    #[arg(long, default_value_t)]
    pub read: ReadFrom,
    /// How many of them have a change before anybody is told of it: one, quorum or all
    #[arg(long, default_value_t)]
    pub ack: Ack,
    /// Nineteen of twenty calls read, most of them a few keys: of these there are near copies
    #[arg(long)]
    pub hot: bool,
    /// How long a member stands still in the run `pause`, in seconds
    #[arg(long, default_value_t = 10)]
    pub pause_s: u64,
    /// What is drawn at random follows from it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How members reach each other; over NATS with a server of its own, by a program that
    /// was built with the feature `nats`
    #[arg(long, default_value = "tcp")]
    pub transport: Transport,
    /// In the run `cut` links go through a proxy in this process: it takes neither root nor
    /// iproute2, and they are delayed and broken off as well
    #[arg(long, conflicts_with = "transport")]
    pub proxy: bool,
    /// So many calls are to be answered; the run `within` goes on until they are
    #[arg(long, default_value_t = 0)]
    pub calls_min: u64,
    /// How long clients of the run `within` wait between two calls, in milliseconds
    #[arg(long, default_value_t = 0)]
    pub thinking_ms: u64,
    /// The server; the one that was built beside this program
    #[arg(long)]
    pub program: Option<PathBuf>,
}

/// How members reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// TCP, in the clear
    Tcp,
    /// A server of NATS
    Nats,
}

/// What is done to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Run {
    /// Nothing, for a second a round
    Calm,
    /// One is killed, and starts anew
    Kill,
    /// One stands still, and goes on
    Pause,
    /// Two are killed at once, and start anew. It takes five members
    KillTwo,
    /// One is killed while another stands still. It takes five members
    KillAndPause,
    /// All are restarted in good order, one after the other
    Roll,
    /// Links are cut: both ways, one way, all of one. It takes root and iproute2, or `--proxy`
    Cut,
    /// A thousand ask for one missing key at once
    Herd,
    /// The same, and one is killed meanwhile
    HerdKill,
    /// Members of this process, under faults of every kind, alone and together
    Within,
}
