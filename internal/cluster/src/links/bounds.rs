//! The bounds of the links, and how far they were ever filled.

use distcache_bus::Watermark;
use distcache_manager::Bound;

use super::Links;
use super::link::Link;

/// How far each bound was filled on any link.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) calls: Watermark,
    pub(super) call_bytes: Watermark,
    pub(super) reply_bytes: Watermark,
    pub(super) laters: Watermark,
}

/// What one link has now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filled {
    pub(super) calls: usize,
    pub(super) call_bytes: usize,
    pub(super) reply_bytes: usize,
    pub(super) laters: usize,
}

impl Links {
    /// The bounds. Of what each link has its own of, that which is filled most.
    pub fn bounds(&self) -> Vec<Bound> {
        let shared = &self.hub.shared;
        let (settings, marks) = (&shared.settings, &shared.marks);
        let links: Vec<_> = self.hub.peers.links().iter().map(|link| Link::filled(link)).collect();
        let most = |of: fn(&Filled) -> usize| links.iter().map(of).max().unwrap_or(0) as u64;
        let bound = |name, unit, max: usize| Bound::new(name, unit, max as u64);
        vec![
            bound("calls_per_link", "calls", settings.calls_max)
                .marked(most(|link| link.calls), &marks.calls),
            bound("call_bytes_per_link", "bytes", settings.call_bytes_max)
                .marked(most(|link| link.call_bytes), &marks.call_bytes),
            bound("reply_bytes_per_link", "bytes", settings.reply_bytes_max)
                .marked(most(|link| link.reply_bytes), &marks.reply_bytes),
            bound("requests_per_link", "requests", settings.laters_max)
                .marked(most(|link| link.laters), &marks.laters),
            self.hub.peers.bound(),
            bound("frame_bytes", "bytes", shared.frame_bytes_max),
        ]
    }
}
