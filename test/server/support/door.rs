//! The HTTP servers that the program can have in its door.

use super::server::Server;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    #[cfg(feature = "hyper")]
    Hyper,
    TinyHttp,
}

impl Door {
    /// All that are built in.
    pub(crate) const ALL: &[Self] = &[
        #[cfg(feature = "hyper")]
        Self::Hyper,
        Self::TinyHttp,
    ];
    /// The one that stands there if none is asked for.
    #[cfg(feature = "hyper")]
    pub(crate) const DEFAULT: Self = Self::Hyper;
    /// The one that stands there if none is asked for.
    #[cfg(not(feature = "hyper"))]
    pub(crate) const DEFAULT: Self = Self::TinyHttp;

    /// Its name, as the flag takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "hyper")]
            Self::Hyper => "hyper",
            Self::TinyHttp => "tiny_http",
        }
    }

    /// Starts the program with it.
    pub(crate) fn start(self, arguments: &[&str]) -> Server {
        Server::start(&[&["--http-server", self.name()], arguments].concat())
    }
}

/// Declares each function as a test of its own for every door.
macro_rules! on_each_door {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        #[cfg(feature = "hyper")]
        mod hyper {
            $($(#[$doc])* #[test] fn $name() { super::$name($crate::support::Door::Hyper) })+
        }
        mod tiny_http {
            $($(#[$doc])* #[test] fn $name() { super::$name($crate::support::Door::TinyHttp) })+
        }
    };
}
pub(crate) use on_each_door;
