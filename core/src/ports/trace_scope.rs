//! The trace of the request that is being worked on. No handler passes it along: it is set only while the request's
//! future is polled, so that requests which take turns on a thread do not see each other's.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{Background, BoxFuture, Entropy, OutboundRequest};
use crate::domain::{Secret, TraceParent};

thread_local! {
    static CURRENT: Cell<Option<TraceParent>> = const { Cell::new(None) };
}

/// Awaits the work as part of the given trace, or of none.
pub async fn in_trace<T>(trace: Option<TraceParent>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| poll_in(trace, work.as_mut(), context)).await
}

fn poll_in<F: Future>(
    trace: Option<TraceParent>,
    work: std::pin::Pin<&mut F>,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    let _scope = Scope(CURRENT.replace(trace));
    work.poll(context)
}

/// The previous trace, put back on drop, also where a poll panics.
struct Scope(Option<TraceParent>);

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Returns the trace of the future that is being polled, if it has one.
#[must_use]
pub fn current_trace() -> Option<TraceParent> {
    CURRENT.get()
}

/// Adds a `traceparent` to the request where it is made within a trace: each outbound request is a span of its own.
/// `tracestate` is not handed on, since it is for the caller's own systems, and these servers are not among them.
pub(super) fn with_current_trace(mut request: OutboundRequest, entropy: &dyn Entropy) -> OutboundRequest {
    if let Some(trace) = CURRENT.get() {
        let mut span_id = [0; 8];
        entropy.fill(&mut span_id);
        request.headers.push(("traceparent", Secret::new(trace.child(span_id).to_string())));
    }
    request
}

/// Background work that belongs to the trace in which it was started.
pub(super) struct TracedBackground(pub Arc<dyn Background>);

impl Background for TracedBackground {
    fn spawn(&self, work: BoxFuture) {
        self.0.spawn(match CURRENT.get() {
            Some(trace) => Box::pin(in_trace(Some(trace), work)),
            None => work,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::{FutureExt as _, future::pending};
    use http::Method;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
        ports::Ports,
    };

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const HANDED_ON: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-0707070707070707-01";

    #[derive(Default)]
    struct DeferredBackground(Mutex<Vec<BoxFuture>>);

    impl Background for DeferredBackground {
        fn spawn(&self, work: BoxFuture) {
            self.0.lock().unwrap().push(work);
        }
    }

    fn call(method: Method) -> OutboundRequest {
        OutboundRequest {
            destination: crate::ports::Destination::Configured,
            method,
            url: "https://a.example".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: 1,
        }
    }

    fn sent(counting: &Counting) -> Vec<Option<String>> {
        let requests = std::mem::take(&mut *counting.requests.lock().unwrap());
        let header = |request: &OutboundRequest| {
            request.headers.iter().find(|(name, _)| *name == "traceparent").map(|(_, value)| value.expose().to_owned())
        };
        requests.iter().map(header).collect()
    }

    #[test]
    fn what_a_request_asks_of_others_is_in_its_trace() {
        let (counting, later) = (Arc::new(Counting::default()), Arc::new(DeferredBackground::default()));
        let config = Config::load(&|_| None, HostDefaults::development("http://a.example")).unwrap();
        let ports = Ports { background: Arc::clone(&later) as _, ..counting.ports() }.guarded(config.deadlines);
        let trace = TraceParent::parse(GIVEN);
        let request = async {
            let _ = ports.http_client.send(call(Method::POST)).await;
            // The read is tried a second time, since nobody answers.
            let _ = ports.http_client.send(call(Method::GET)).await;
            let client = Arc::clone(&ports.http_client);
            ports.background.spawn(Box::pin(async move { drop(client.send(call(Method::POST)).await) }));
        };
        in_trace(trace, request).now_or_never().unwrap();
        assert_eq!(sent(&counting), vec![Some(HANDED_ON.to_owned()); 3]);
        for work in later.0.lock().unwrap().drain(..) {
            work.now_or_never().unwrap();
        }
        assert_eq!(sent(&counting), [Some(HANDED_ON.to_owned())], "after the answer");
        let _ = ports.http_client.send(call(Method::POST)).now_or_never();
        assert_eq!(sent(&counting), [None], "outside of it");
    }

    #[test]
    fn requests_that_take_turns_do_not_see_each_others() {
        let mut waits = Box::pin(in_trace(TraceParent::parse(GIVEN), pending::<()>()));
        assert!((&mut waits).now_or_never().is_none());
        assert_eq!(CURRENT.get(), None, "while it waits");
        let failing = in_trace(TraceParent::parse(GIVEN), async { panic!("a mistake") });
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| failing.now_or_never()));
        assert!(failed.is_err());
        assert_eq!(CURRENT.get(), None, "after a panic");
    }
}
