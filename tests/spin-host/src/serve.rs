//! Requests to instances: each instance takes several at once, as Spin lets it.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{
    net::TcpListener,
    sync::watch,
    time::{Sleep, sleep_until, timeout},
};
use wasmtime::{
    Engine, Store, StoreContextMut,
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
const REQUESTS_AT_ONCE: usize = 16;
const IDLE: Duration = Duration::from_secs(1);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Links a component to everything this host offers.
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
    closing: watch::Receiver<bool>,
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
            host,
        };
        let mut store = Store::new(&self.engine, state);
        let proxy = Proxy::P3(self.service.instantiate_async(&mut store).await?);
        self.host.instances.fetch_add(1, Ordering::SeqCst);
        let mut closing = self.closing.clone();
        Ok(Instance {
            store,
            proxy,
            view: ViewFn::P3(<State as WasiHttpView>::http),
            expiration: Expiration {
                sleep: Box::pin(sleep_until(Instant::now().into())),
                closing: Some(Box::pin(async move { _ = closing.wait_for(|closing| *closing).await })),
            },
            state: Worker(Arc::clone(&self.host)),
        })
    }
}

/// When an instance goes.
struct Expiration {
    sleep: Pin<Box<Sleep>>,
    /// Ready once the host closes, and then gone.
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
        } else if concurrent >= REQUESTS_AT_ONCE {
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

/// Serves until `closing`, then lets what runs come to its end.
pub(crate) async fn serve(
    listener: TcpListener,
    service: ServicePre<State>,
    engine: Engine,
    host: Arc<Shared>,
    mut closing: watch::Receiver<bool>,
) {
    let handler = ProxyHandler::new(Instances { service, engine, host: Arc::clone(&host), closing: closing.clone() });
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        let Ok((stream, peer)) = accepted else { continue };
        // No TCP_NODELAY, as Spin sets none: a body that leaves after its head waits for the head's acknowledgement.
        let handler = handler.clone();
        let host = Arc::clone(&host);
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            hyper::service::service_fn(move |request| answer(handler.clone(), Arc::clone(&host), peer, request)),
        );
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    _ = timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
    _ = timeout(SHUTDOWN_TIMEOUT, async {
        while host.instances.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

type Body = UnsyncBoxBody<Bytes, wasmtime::Error>;

async fn answer(
    handler: ProxyHandler<Instances>,
    host: Arc<Shared>,
    peer: SocketAddr,
    request: http::Request<hyper::body::Incoming>,
) -> http::Result<http::Response<Body>> {
    let (mut parts, body) = request.into_parts();
    let authority = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let Some(authority) = authority.or_else(|| parts.uri.authority().cloned()) else {
        return empty(http::StatusCode::BAD_REQUEST);
    };
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| http::uri::PathAndQuery::from_static("/"));
    parts.uri = http::Uri::builder().scheme("http").authority(authority).path_and_query(path).build()?;
    // Appended, not set: a client's own header of that name stays before it.
    parts.headers.append("spin-client-addr", peer.to_string().try_into()?);

    let body = body.map_err(|error| ErrorCode::InternalError(Some(error.to_string())).into()).boxed_unsync();
    match handler.handle((), http::Request::from_parts(parts, body)).await {
        Ok(response) => Ok(response),
        Err(error) => {
            host.log.write(&format!("spin-host: a request failed: {error:?}\n"));
            empty(http::StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn empty(status: http::StatusCode) -> http::Result<http::Response<Body>> {
    let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
    http::Response::builder().status(status).body(body)
}
