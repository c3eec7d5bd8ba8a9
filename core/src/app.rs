use std::{net::IpAddr, sync::Arc};

use crate::{config::Config, http, ports::Ports};

/// The client's address, from the host's trusted source; the host puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) ports: Ports,
    pub(crate) config: Config,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// The application over these ports.
    #[must_use]
    pub fn new(ports: Ports, config: Config) -> Self {
        Self(Arc::new(Inner { ports, config }))
    }

    /// Every route, on every host. Build it once and clone it for each request.
    pub fn router(&self) -> axum::Router {
        http::router(self)
    }

    /// What a schedule does: sends the mail that is due and forgets what has expired.
    pub async fn tick(&self) {}
}
