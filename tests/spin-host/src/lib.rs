//! A stand-in for Spin, for the suite and for those without the `spin` program: it runs one component of a `spin.toml`
//! on wasmtime, with SQLite, key-value stores, variables and outbound HTTP.
//!
//! It is as strict with the component and its clients as Spin, and not stricter: an undrained result holds its
//! connection; stores and outbound hosts are those that the manifest names; instances are reused, also by concurrent
//! requests, and dropped when idle, out of a bounded pool; requests have no time-out, and the end of the host cuts
//! them off. It differs from Spin in this: one component, HTTP/1.1 only, no TLS to serve with, no hot reload, no
//! `/.well-known/spin/info`.

mod bindings;
mod faults;
mod key_value;
mod log;
mod manifest;
pub mod runtime_config;
mod serve;
mod sqlite;
mod state;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicUsize},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use tokio::{net::TcpListener, sync::watch};
use wasmtime::{Config, Engine, PoolingAllocationConfig, component::Component};

pub use faults::{Dependency, Fault, Faults};
pub use manifest::Manifest;

/// The application to serve, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of the `spin.toml`, whose component must have been built.
    pub manifest: PathBuf,
    /// Folder of databases and key-value stores; created if missing.
    pub state_dir: PathBuf,
    /// Address to listen on; port 0 chooses a free one.
    pub listen: SocketAddr,
    /// Values for variables of the manifest, by their (lower-case) names, as `SPIN_VARIABLE_…` would give them.
    pub variables: BTreeMap<String, String>,
    /// For tests: requests to allowed hosts go to this address instead, as plain HTTP with their own `Host` header.
    pub outbound_redirect: Option<SocketAddr>,
    /// Limits of each instance.
    pub instance_limits: InstanceLimits,
    /// Whether a write waits until it is on the disk, as with Spin. Without it a write outlives this process, but not
    /// the machine, and does not wait for a disk that is busy with something else.
    pub flushes: bool,
}

/// Limits of an instance. The defaults are Spin's.
#[derive(Clone, Copy, Debug)]
pub struct InstanceLimits {
    /// Most concurrent requests of an instance: `spin up --max-instance-concurrent-reuse-count`.
    pub requests_at_once: usize,
    /// Most bytes of a memory: `SPIN_MAX_INSTANCE_MEMORY`. `None` allows as much as 32 bits address.
    pub memory: Option<usize>,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        Self { requests_at_once: 16, memory: None }
    }
}

/// A running application; dropping it ends it as SIGTERM ends Spin.
pub struct SpinHost {
    address: SocketAddr,
    log: log::Log,
    host: Arc<state::Shared>,
    closing: watch::Sender<Option<serve::ShutdownMode>>,
    thread: Option<JoinHandle<()>>,
}

impl SpinHost {
    /// Starts the application on threads of its own; once this returns, it accepts connections.
    ///
    /// # Errors
    /// Fails when the manifest or the component does not fit, a required variable is missing, or the address is taken.
    pub fn start(options: Options) -> Result<Self> {
        let manifest = Manifest::load(&options.manifest, &options.variables)?;
        let component = compile(&manifest.source)?;
        let service = serve::link(engine()?, &component)
            .map_err(to_anyhow)
            .context("the component imports what this host does not offer")?;
        std::fs::create_dir_all(&options.state_dir)
            .with_context(|| format!("creating {}", options.state_dir.display()))?;
        let stores = key_value::Stores::open(&options.state_dir.join("sqlite_key_value.db"), options.flushes)?;
        let log = log::Log::default();
        let host = Arc::new(state::Shared {
            manifest,
            state_dir: options.state_dir,
            stores: Arc::new(stores),
            outbound_redirect: options.outbound_redirect,
            log: log.clone(),
            faults: Arc::default(),
            instance_limits: options.instance_limits,
            flushes: options.flushes,
            instances: AtomicUsize::new(0),
        });

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime
            .block_on(TcpListener::bind(options.listen))
            .with_context(|| format!("listening on {}", options.listen))?;
        let address = listener.local_addr()?;
        let (closing, closed) = watch::channel(None);
        let engine = engine()?.clone();
        let shared = Arc::clone(&host);
        let thread = std::thread::Builder::new().name("spin-host".to_owned()).spawn(move || {
            runtime.block_on(serve::serve(listener, service, engine, host, closed));
            runtime.shutdown_timeout(Duration::from_secs(1));
        })?;
        Ok(Self { address, log, host: shared, closing, thread: Some(thread) })
    }

    /// Returns the address that the application listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the faults of the application's stores, which tests set.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.host.faults
    }

    /// Returns what the component has printed (and errors around it), oldest first; only the last megabytes are kept.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Copies new lines of the log to standard error from now on.
    pub fn echo_log(&self) {
        self.log.echo();
    }

    /// Stops accepting, answers requests in flight, gives work after the answer 5 seconds, and ends: this is more than
    /// Spin does, for tests that look at what was done.
    pub fn shutdown(mut self) {
        self.close(serve::ShutdownMode::Drained);
    }

    fn close(&mut self, ending: serve::ShutdownMode) {
        self.closing.send_replace(Some(ending));
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

impl Drop for SpinHost {
    fn drop(&mut self) {
        self.close(serve::ShutdownMode::Cut);
    }
}

/// The time between two checks by which Spin can interrupt what computes.
const EPOCH: Duration = Duration::from_millis(10);

fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<std::result::Result<Engine, String>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.wasm_component_model_async(true).epoch_interruption(true);
        let mut pooled = config.clone();
        pooled.allocation_strategy(pool());
        // Not every machine has the address space for a pool; Spin does without one there, too.
        let engine = Engine::new(&pooled).or_else(|_| Engine::new(&config)).map_err(|error| format!("{error:?}"))?;
        let weak = engine.weak();
        let tick = move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                std::thread::sleep(EPOCH);
            }
        };
        std::thread::Builder::new().name("epochs".to_owned()).spawn(tick).map_err(|error| error.to_string())?;
        Ok(engine)
    });
    engine.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Most instances that Spin has at once.
const MOST_INSTANCES: u32 = 1_000;

/// Returns the configuration of Spin's pool of instances, with its limits.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MOST_INSTANCES)
        .total_memories(MOST_INSTANCES)
        .total_tables(2 * MOST_INSTANCES)
        .total_stacks(MOST_INSTANCES)
        .total_core_instances(4 * MOST_INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_memories_per_component(32)
        .max_tables_per_module(2)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(1 << 19);
    pool
}

/// Compiles a component, once per process and version of the file.
fn compile(path: &Path) -> Result<Component> {
    type Key = (PathBuf, SystemTime);
    static COMPILED: Mutex<Option<HashMap<Key, Component>>> = Mutex::new(None);

    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let key = (path.to_owned(), modified.with_context(|| format!("{}: build the component first", path.display()))?);
    // Held while compiling, so that concurrent callers wait instead of compiling, too.
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let compiled = compiled.get_or_insert_default();
    if let Some(component) = compiled.get(&key) {
        return Ok(component.clone());
    }
    let component = Component::from_file(engine()?, path)
        .map_err(to_anyhow)
        .with_context(|| format!("compiling {}", path.display()))?;
    compiled.insert(key, component.clone());
    Ok(component)
}

fn to_anyhow(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:?}")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use wasmtime::{Instance, Module, Store, Trap};

    use super::*;

    /// A module that loops for ever once it starts.
    const LOOPS: &[u8] =
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x08\x01\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";

    #[test]
    fn what_computes_is_interrupted_at_its_deadline() {
        let (sender, interrupted) = mpsc::channel();
        std::thread::spawn(move || {
            let mut store = Store::new(engine().unwrap(), ());
            store.set_epoch_deadline(2);
            let module = Module::new(store.engine(), LOOPS).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let started = runtime.block_on(Instance::new_async(&mut store, &module, &[]));
            sender.send(started.unwrap_err().downcast_ref::<Trap>().copied()).unwrap();
        });
        let ended = interrupted.recv_timeout(Duration::from_secs(120));
        assert_eq!(ended, Ok(Some(Trap::Interrupt)), "without epochs it would go on for ever");
    }

    /// Checks that the pool is in use: the engine silently does without a pool that wasmtime refuses.
    #[test]
    fn instances_come_out_of_a_pool_where_there_is_room_for_one() {
        let mut config = Config::new();
        config.allocation_strategy(pool());
        match Engine::new(&config) {
            Ok(_) => assert!(engine().unwrap().pooling_allocator_metrics().is_some()),
            Err(error) => assert!(format!("{error:?}").contains("memory"), "{error:?}"),
        }
    }
}
