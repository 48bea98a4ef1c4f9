//! A load balancer before the members of a cluster: it speaks HTTP to clients and to
//! members, holds no data, has no vote, and knows no engine.
//!
//! ```text
//! door (distcache-http) --> Balancer: Service --> Course: whom to ask, and whom next
//!                             |                     |  Standing of each member
//!                             |                     v
//!                             |   relay: tries, pauses, a hedge --> Pool: connections
//!                             |                                |     of one member
//!                             |   reads that it likely holds   +--> Shared: one more, for
//!                             |                                      many at a time
//!  distcache-balancer ------> looks at /readyz of each member, again and again
//! ```
//!
//! What it promises:
//!
//! - A read is asked again, of another member, whatever becomes of the first one, until
//!   an answer has begun to go to the client or its time is over: **a member that is lost
//!   costs no read**. What is a read is told by the table of paths, not by the method
//!   alone: a batch of gets is a POST.
//! - A write is asked again only if **nothing of it has reached a member**. One that may
//!   have is answered 502 or 504, and its outcome is unknown:
//!   1. A write of 1 reaches a member, which makes it, and dies before it says so.
//!   2. Another client writes 2, and is told that it was made.
//!   3. Were the first one made again, 1 would be read, older than what was acknowledged.
//! - A member that drains, or that is gone, is asked nothing new; see [`Standing`].
//! - Nothing goes on that is between two neighbours (RFC 9110, 7.6.1): the headers that
//!   members read go to them, those that they send come back, and no other does. No
//!   redirect is followed.
//! - Every queue, wait and retry has a bound: [`BalancerConfig`] and the constants beside
//!   what they bound.
//!
//! ```no_run
//! use std::net::TcpListener;
//! use distcache_balancer::{Balancer, BalancerConfig};
//! use distcache_http::{Limits, OriginPolicy, Front, Readiness, doors};
//!
//! let members = ["localhost:8081", "localhost:8082"].map(|text| text.parse().unwrap());
//! let listener = TcpListener::bind("127.0.0.1:8080")?;
//! let front = Front::new(OriginPolicy::listening_on(listener.local_addr()?));
//! let config = BalancerConfig::new(members.to_vec());
//! let balancer = Balancer::start(&config, front, Readiness::default())?;
//! let door = doors::open(doors::Kind::Hyper, listener, balancer, &Limits::default())?;
//! # drop(door);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![cfg(feature = "hyper")]

mod address;
pub use address::{Address, NoAddress};

mod config;
pub use config::{Balance, BalancerConfig, StartError};

mod standing;
pub use standing::Standing;

mod balancer;
pub use balancer::Balancer;

mod answer;
mod course;
mod exchange;
mod framing;
mod head;
mod hedge;
mod line;
mod look;
mod member;
mod outbound;
mod owners;
mod pool;
mod relay;
mod report;
mod secure;
mod shared;
