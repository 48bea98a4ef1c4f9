//! Members that call each other: what they are answered, and what becomes of their
//! calls when something goes wrong.

mod calls;
mod support;
