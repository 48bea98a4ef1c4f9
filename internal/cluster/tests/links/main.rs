//! Members that call each other: what they are answered, and what becomes of their
//! calls when something goes wrong.

#[path = "../support/authority.rs"]
mod authority;
mod bounds;
mod calls;
mod crossing;
mod farewell;
mod faults;
mod hostile;
mod introductions;
mod lists;
mod mutations;
mod support;
mod tls;
