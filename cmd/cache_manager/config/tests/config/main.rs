//! The settings from outside: what is read, refused, printed and reloaded.

mod any_text;
mod layers;
mod mistakes;
mod otel;
mod print;
mod reload;
mod secrets;
mod support;
