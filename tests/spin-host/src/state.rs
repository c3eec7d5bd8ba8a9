//! The state of one instance of the component, and the state that all instances share.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use wasmtime::{
    StoreLimits,
    component::{Accessor, HasData, ResourceTable},
};
use wasmtime_wasi::{TrappableError, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    WasiHttpCtx,
    p3::{
        RequestOptions, WasiHttpCtxView, WasiHttpHooks, WasiHttpView, bindings::http::types::ErrorCode,
        default_send_request,
    },
};

use crate::{InstanceLimits, bindings::variables, faults::Faults, key_value::Stores, log::Log, manifest::Manifest};

/// The state that all instances share.
pub(crate) struct Shared {
    pub(crate) manifest: Manifest,
    pub(crate) state_dir: PathBuf,
    pub(crate) stores: Arc<Stores>,
    pub(crate) outbound_redirect: Option<SocketAddr>,
    pub(crate) log: Log,
    pub(crate) faults: Arc<Faults>,
    pub(crate) instance_limits: InstanceLimits,
    pub(crate) flushes: bool,
    /// Number of live instances.
    pub(crate) instances: AtomicUsize,
}

impl Shared {
    /// Returns the path of a database file. `default` has the name that Spin gives it; the manifest has vouched for
    /// the other names.
    pub(crate) fn database_path(&self, name: &str) -> PathBuf {
        let file = if name == "default" {
            "sqlite_db".to_owned()
        } else {
            format!("sqlite_{}", name.replace(['/', '\\'], "_"))
        };
        self.state_dir.join(file + ".db")
    }
}

/// The data of one instance's store.
pub(crate) struct State {
    pub(crate) host: Arc<Shared>,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    pub(crate) memory: StoreLimits,
}

/// Marker type that names [`State`] as the data of Spin's interfaces.
pub(crate) struct Guest;

impl HasData for Guest {
    type Data<'a> = &'a mut State;
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

impl variables::Host for State {}

impl variables::HostWithStore<State> for Guest {
    async fn get(accessor: &Accessor<State, Self>, name: String) -> wasmtime::Result<Result<String, variables::Error>> {
        if !crate::manifest::is_name(&name) {
            return Ok(Err(variables::Error::InvalidName(name)));
        }
        let value = accessor.with(|mut access| access.get().host.manifest.variables.get(&name).cloned());
        Ok(value.ok_or(variables::Error::Undefined(name)))
    }
}

/// Sender of requests to the hosts that the manifest allows, and to no other.
pub(crate) struct Outbound(pub(crate) Arc<Shared>);

type Sent = (http::Response<UnsyncBoxBody<Bytes, ErrorCode>>, Box<dyn Future<Output = Result<(), ErrorCode>> + Send>);

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: http::Request<UnsyncBoxBody<Bytes, ErrorCode>>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), ErrorCode>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, TrappableError<ErrorCode>>> + Send> {
        let host = Arc::clone(&self.0);
        Box::new(async move {
            if !host.manifest.allows(request.uri()) {
                host.log.write(&format!("spin-host: request to {} denied by allowed_outbound_hosts\n", request.uri()));
                return Err(ErrorCode::HttpRequestDenied.into());
            }
            if let Some(address) = host.outbound_redirect {
                // The `Host` header is already set at this point.
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                *request.uri_mut() =
                    format!("http://{address}{path}").parse().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
            }
            let (response, io) = default_send_request(request, options).await?;
            let io: Box<dyn Future<Output = _> + Send> = Box::new(io);
            Ok((response.map(|body| body.boxed_unsync()), io))
        })
    }
}
