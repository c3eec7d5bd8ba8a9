//! Distribution of requests to instances: each instance takes several at once, as in Spin.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Sleep, sleep_until, timeout},
};
use wasmtime::{
    Engine, Store, StoreContextMut, StoreLimits, StoreLimitsBuilder,
    component::{Component, GuestTaskId, Linker, ResourceTable},
};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::{
    WasiHttpCtx,
    handler::{
        HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, ViewFn, WorkerExpiration, WorkerState, WorkerStatus,
    },
    p3::{
        WasiHttpView,
        bindings::{ServicePre, http::types::ErrorCode},
    },
};

use crate::{
    bindings::Imports,
    state::{Guest, Outbound, Shared, State},
};

const REQUESTS_AN_INSTANCE: usize = 128;
const IDLE: Duration = Duration::from_secs(1);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Prefix of the paths that Spin answers by itself.
const WELL_KNOWN: &str = "/.well-known/spin/";
/// Epoch ticks that a store may compute before Spin interrupts it: practically for ever.
const EPOCH_DEADLINE: u64 = u64::MAX / 2;

/// The way in which a host ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownMode {
    /// As Spin ends at SIGTERM: connections are cut, and running work is dropped.
    Cut,
    /// Requests in flight are answered, and work after the answer has 5 seconds to end.
    Drained,
}

/// Links a component to everything that this host offers.
pub(crate) fn link(engine: &Engine, component: &Component) -> wasmtime::Result<ServicePre<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    Imports::add_to_linker::<_, Guest>(&mut linker, |state| state)?;
    ServicePre::new(linker.instantiate_pre(component)?)
}

struct Instances {
    service: ServicePre<State>,
    engine: Engine,
    host: Arc<Shared>,
    closing: watch::Receiver<Option<ShutdownMode>>,
}

impl HandlerState for Instances {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let host = Arc::clone(&self.host);
        let wasi = WasiCtxBuilder::new().stdout(host.log.clone()).stderr(host.log.clone()).build();
        let state = State {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            outbound: Outbound(Arc::clone(&host)),
            memory: memory_limit(host.instance_limits.memory),
            host,
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(EPOCH_DEADLINE);
        let proxy = Proxy::P3(self.service.instantiate_async(&mut store).await?);
        self.host.instances.fetch_add(1, Ordering::SeqCst);
        let mut closing = self.closing.clone();
        Ok(Instance {
            store,
            proxy,
            view: ViewFn::P3(<State as WasiHttpView>::http),
            expiration: Expiration {
                sleep: Box::pin(sleep_until(Instant::now().into())),
                closing: Some(Box::pin(async move { _ = closing.wait_for(Option::is_some).await })),
            },
            state: Worker(Arc::clone(&self.host)),
        })
    }
}

/// Limits the memories of an instance: growth beyond the limit fails, and the component learns of it.
fn memory_limit(bytes: Option<usize>) -> StoreLimits {
    let limits = StoreLimitsBuilder::new();
    match bytes {
        Some(bytes) => limits.memory_size(bytes).build(),
        None => limits.build(),
    }
}

/// The time at which an instance is dropped.
struct Expiration {
    sleep: Pin<Box<Sleep>>,
    /// Completes once the host closes; `None` from then on.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        if self.closing.as_mut().is_some_and(|closing| closing.as_mut().poll(context).is_ready()) {
            self.closing = None;
        }
        let allowed = match status {
            WorkerStatus::Idle if self.closing.is_none() => Duration::ZERO,
            WorkerStatus::Idle => IDLE,
            // Spin has no time-out of its own.
            WorkerStatus::Requests | WorkerStatus::PostReturn => return Poll::Pending,
        };
        let deadline = tokio::time::Instant::from_std(start + allowed);
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

struct Worker(Arc<Shared>);

impl WorkerState for Worker {
    type StoreData = State;
    type RequestId = ();

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= REQUESTS_AN_INSTANCE {
            ShouldAccept::Never
        } else if concurrent >= self.0.instance_limits.requests_at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        Box::pin(std::future::pending::<()>())
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            self.0.log.write(&format!("spin-host: an instance ended: {error:?}\n"));
        }
        drop(store);
        self.0.instances.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves requests until `closing` says how to end.
pub(crate) async fn serve(
    listener: TcpListener,
    service: ServicePre<State>,
    engine: Engine,
    host: Arc<Shared>,
    mut closing: watch::Receiver<Option<ShutdownMode>>,
) {
    let handler = ProxyHandler::new(Instances { service, engine, host: Arc::clone(&host), closing: closing.clone() });
    let connections = GracefulShutdown::new();
    let ending = loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A dropped sender counts as `ShutdownMode::Cut`.
            ending = closing.wait_for(Option::is_some) => break ending.ok().and_then(|ending| *ending),
        };
        let Ok((stream, peer)) = accepted else { continue };
        // No TCP_NODELAY, as in Spin: a body that is sent after its head waits for the head's acknowledgement.
        let handler = handler.clone();
        let host = Arc::clone(&host);
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            hyper::service::service_fn(move |request| answer(handler.clone(), Arc::clone(&host), peer, request)),
        );
        tokio::spawn(connections.watch(connection));
    };
    drop(listener);
    if ending != Some(ShutdownMode::Drained) {
        return;
    }
    _ = timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
    _ = timeout(SHUTDOWN_TIMEOUT, async {
        while host.instances.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

type Body = UnsyncBoxBody<Bytes, wasmtime::Error>;

/// Answers a request as Spin does; an error closes the connection without an answer.
async fn answer(
    handler: ProxyHandler<Instances>,
    host: Arc<Shared>,
    peer: SocketAddr,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Body>> {
    let (mut parts, body) = request.into_parts();
    if let Some(name) = parts.uri.path().strip_prefix(WELL_KNOWN) {
        return match name {
            "health" => plain(http::StatusCode::OK, "OK"),
            _ => plain(http::StatusCode::NOT_FOUND, ""),
        };
    }
    parts.uri = absolute_uri(&parts)?;
    if parts.headers.values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        host.log.write("spin-host: a request failed: a header is not UTF-8\n");
        return plain(http::StatusCode::INTERNAL_SERVER_ERROR, "");
    }
    // Appended, not set: a client's own header of that name stays before it.
    parts.headers.append("spin-client-addr", peer.to_string().try_into()?);

    let body = body.map_err(|error| ErrorCode::InternalError(Some(error.to_string())).into()).boxed_unsync();
    match handler.handle((), http::Request::from_parts(parts, body)).await {
        Ok(response) => Ok(response),
        Err(error) => {
            host.log.write(&format!("spin-host: a request failed: {error:?}\n"));
            plain(http::StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

/// Returns the request's URI with the authority of the `Host` header or of the request line; where both are given,
/// they must be the same. The first `Host` header counts.
fn absolute_uri(parts: &http::request::Parts) -> Result<http::Uri> {
    let named = parts.headers.get(http::header::HOST).map(|host| -> Result<http::uri::Authority> {
        let host = host.to_str().context("'Host' header is not visible ASCII")?;
        host.parse().context("'Host' header contains an invalid authority")
    });
    let authority = match (named.transpose()?, parts.uri.authority()) {
        (None, None) => anyhow::bail!("no 'Host' header present in request"),
        (Some(authority), None) => authority,
        (None, Some(authority)) => authority.clone(),
        (Some(named), Some(asked)) => {
            ensure!(named == *asked, "authority in 'Host' header does not match authority in URI");
            named
        }
    };
    // A CONNECT request has no path; Spin panics there, which closes the connection, too.
    let path = parts.uri.path_and_query().cloned().context("no path in the request")?;
    Ok(http::Uri::builder().scheme("http").authority(authority).path_and_query(path).build()?)
}

fn plain(status: http::StatusCode, text: &'static str) -> Result<http::Response<Body>> {
    let body = http_body_util::Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    Ok(http::Response::builder().status(status).body(body.boxed_unsync())?)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[tokio::test]
    async fn only_what_is_idle_goes_however_long_requests_take() {
        let mut expiration = Box::pin(Expiration {
            sleep: Box::pin(sleep_until(Instant::now().into())),
            closing: Some(Box::pin(std::future::pending())),
        });
        let long_ago = Instant::now() - Duration::from_secs(7 * 24 * 3600);
        let mut goes =
            |status| expiration.as_mut().poll(&mut Context::from_waker(Waker::noop()), status, long_ago).is_ready();
        assert!(!goes(WorkerStatus::Requests));
        assert!(!goes(WorkerStatus::PostReturn));
        assert!(goes(WorkerStatus::Idle));
    }
}
