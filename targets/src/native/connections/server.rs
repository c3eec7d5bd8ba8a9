use std::sync::Arc;

use aibaas_core::{App, HostRefusal, Sleep, domain::network::Network};
use axum::{Router, body::Body, response::Response};
use tokio::sync::Semaphore;

use super::{activity::Timeouts, limits::ConnectionLimits, registry::Registry};
use crate::native::{metrics::Metrics, scrape::Scrape, traces::Traces};

/// Most clients that are sent a refusal at the same time; others are closed without one.
const REFUSALS_AT_ONCE: usize = 64;

/// Creates the answer to a client whose connection is refused, without the application.
type Refuse = Box<dyn Fn(HostRefusal) -> Response<Body> + Send + Sync>;

/// State that all connections share.
pub struct Server {
    pub(super) router: Router,
    pub(super) refuse: Refuse,
    pub(super) sleep: Sleep,
    pub(super) timeouts: Timeouts,
    pub(super) metrics: Arc<Metrics>,
    pub(super) traces: Option<Traces>,
    pub(super) registry: Arc<Registry>,
    pub(super) refusals: Arc<Semaphore>,
}

impl Server {
    /// Creates a server for the application with these limits; connections of the proxies are not counted by address.
    pub fn new(
        app: App,
        limits: ConnectionLimits,
        proxies: Vec<Network>,
        scrape: Scrape,
        traces: Option<Traces>,
    ) -> Self {
        let metrics = Arc::clone(&scrape.metrics);
        let router = aibaas_core::router_with_metrics(&app, Arc::new(move || Box::pin(scrape.clone().write())));
        let refuse = Box::new(move |refusal| aibaas_core::refuse(&app, refusal));
        Self { metrics, traces, ..Self::over(router, refuse, limits, proxies) }
    }

    /// Creates a server of these routes.
    pub(super) fn over(router: Router, refuse: Refuse, limits: ConnectionLimits, proxies: Vec<Network>) -> Self {
        Self {
            router,
            refuse,
            sleep: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            timeouts: Timeouts::default(),
            metrics: Arc::default(),
            traces: None,
            registry: Arc::new(Registry::new(limits, proxies)),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
        }
    }
}
