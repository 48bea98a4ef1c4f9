//! The service behind the door: some paths are the balancer's own, all others go to the
//! members.

use std::sync::Arc;

use distcache::{Stopwatch, codes};
use distcache_http::{
    Aim, DoorWatch, Front, Method, Problem, Readiness, Request, Response, Service,
};

use crate::config::{BalancerConfig, StartError};
use crate::course::Roster;
use crate::look::Looking;
use crate::member::Member;
use crate::relay::Relay;
use crate::standing::Standing;
use crate::{Balance, report, secure};

/// What is asked of the balancer itself, and not of its members.
///
/// | path | answer |
/// |---|---|
/// | `/livez` | 200 while the process runs |
/// | `/readyz` | 200 while a member is ready; 503 if none is, and while it drains |
/// | `/metrics` | 200 with `OpenMetrics`, of the balancer |
/// | `/v1/limits` | 200 with every bound of the balancer |
/// | `/v1/balancer` | 200 with the members, and how each stands |
///
/// A GET or HEAD each. Those of a member are asked of the member itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    Livez,
    Readyz,
    Metrics,
    Limits,
    Members,
}

impl Own {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/livez" => Some(Self::Livez),
            "/readyz" => Some(Self::Readyz),
            "/metrics" => Some(Self::Metrics),
            "/v1/limits" => Some(Self::Limits),
            "/v1/balancer" => Some(Self::Members),
            _ => None,
        }
    }
}

/// A load balancer, ready to stand behind a door. The door must be that of hyper: members
/// are called by tasks of its runtime.
pub struct Balancer {
    front: Front,
    readiness: Readiness,
    balance: Balance,
    relay: Relay,
    /// Ends with the balancer.
    _looking: Looking,
}

impl Balancer {
    /// Begins to look at the members, and is ready to pass requests on.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: &BalancerConfig,
        front: Front,
        readiness: Readiness,
    ) -> Result<Self, StartError> {
        config.validate()?;
        let tls = config.authority.as_deref().map(secure::config).transpose()?;
        let members = config
            .members
            .iter()
            .map(|address| Member::new(address, config, tls.as_ref()).map(Arc::new));
        let members: Vec<_> = members.collect::<Result<_, _>>()?;
        let looking = Looking::start(&members, config.look_timeout).map_err(StartError::Thread)?;
        let roster = Roster::new(members, config.balance)?;
        let relay = Relay::new(roster, config);
        Ok(Self { front, readiness, balance: config.balance, relay, _looking: looking })
    }

    async fn answer(&self, request: &Request<'_>) -> Result<Response, Problem> {
        if let Some(own) = Own::of(request.path) {
            return match request.method {
                Method::Get | Method::Head => self.report(own),
                Method::Options => Ok(Response::empty(204).with_header("allow", ALLOW)),
                _ => Err(Problem::new(405, codes::METHOD_NOT_ALLOWED).header("allow", ALLOW)),
            };
        }
        if self.readiness.is_draining() && Aim::of(request).is_stream {
            return Err(Problem::new(503, codes::DRAINING));
        }
        // In a box, so that a connection that asks nothing does not keep room for it.
        Box::pin(self.relay.answer(request)).await
    }

    fn report(&self, own: Own) -> Result<Response, Problem> {
        match own {
            Own::Livez => Ok(Response::text("alive\n")),
            Own::Readyz => self.readyz(),
            Own::Metrics => {
                let bounds = report::bounds(&self.relay);
                Ok(self.front.metrics(&bounds, report::families(&self.relay)))
            }
            Own::Limits => Ok(self.front.limits(&report::bounds(&self.relay))),
            Own::Members => Ok(report::members(&self.relay, self.balance)),
        }
    }

    fn readyz(&self) -> Result<Response, Problem> {
        if self.readiness.is_draining() {
            let detail = "the balancer finishes what it has";
            return Err(Problem::new(503, codes::DRAINING).detail(detail));
        }
        let members = self.relay.roster.members();
        if members.iter().any(|member| member.standing() == Standing::Ready) {
            return Ok(Response::text("ready\n"));
        }
        let stands =
            |member: &Arc<Member>| format!("{} is {}", member.address, member.standing().name());
        let detail: Vec<_> = members.iter().map(stands).collect();
        Err(Problem::new(503, codes::NO_MEMBER).detail(detail.join(", ")).retry_after(1))
    }
}

const ALLOW: &str = "GET, HEAD, OPTIONS";

impl Service for Balancer {
    fn admit(&self, request: &Request<'_>) -> Result<(), Problem> {
        self.front.check(request)
    }

    async fn call(&self, request: Request<'_>) -> Response {
        let watch = Stopwatch::start();
        let response = self.answer(&request).await.unwrap_or_else(Problem::into_response);
        self.front.note(&request, &response, watch.elapsed());
        response
    }

    fn door_watch(&self) -> Arc<DoorWatch> {
        self.front.door_watch()
    }
}

impl std::fmt::Debug for Balancer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Balancer").field("balance", &self.balance).finish_non_exhaustive()
    }
}
