//! Background work beside a request, in the same task of the instance.
//!
//! wit-bindgen takes up what a poll has spawned once that poll is over, and before its 0.58 it polls it only when
//! something else happens to the task (<https://github.com/bytecodealliance/wit-bindgen/pull/1608>; spin-sdk 7.0 takes
//! 0.57). A caller that waits for the spawned work would wait for ever. So [`attended`] work wakes its own task after a
//! poll that has spawned something.

use std::{cell::Cell, future::poll_fn, pin::pin};

thread_local! {
    static HAS_SPAWNED: Cell<bool> = const { Cell::new(false) };
}

/// Records that this poll has spawned work.
pub fn note_spawned() {
    HAS_SPAWNED.set(true);
}

/// Runs the work, and makes sure that what it spawns is started. All work of a task has to run in one of these.
pub async fn attended<W: Future>(work: W) -> W::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = work.as_mut().poll(context);
        if HAS_SPAWNED.take() {
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        future::pending,
        rc::Rc,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::{Context, Wake, Waker},
    };

    use futures_channel::oneshot;
    use futures_util::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    type Work = LocalBoxFuture<'static, ()>;

    /// Polls a task as wit-bindgen 0.57 does, until nobody has woken it.
    fn run(tasks: &mut FuturesUnordered<Work>, spawned: &RefCell<Vec<Work>>) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            woken.0.store(false, Ordering::SeqCst);
            let polled = tasks.poll_next_unpin(&mut Context::from_waker(&waker));
            tasks.extend(spawned.take());
            if polled.is_pending() && !woken.0.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    #[test]
    fn who_waits_for_spawned_work_goes_on() {
        let spawned = Rc::new(RefCell::new(Vec::<Work>::new()));
        let (start, started) = oneshot::channel::<()>();
        let (finish, mut finished) = oneshot::channel();
        let spawner = Rc::clone(&spawned);
        let request = attended(async move {
            _ = started.await;
            let (tell, told) = oneshot::channel();
            spawner.borrow_mut().push(async move { _ = tell.send(()) }.boxed_local());
            note_spawned();
            _ = finish.send(told.await);
        });
        // A task in which everything was polled is polled again in any case, so there is something else, too.
        let mut tasks = FuturesUnordered::from_iter([request.boxed_local(), pending().boxed_local()]);
        run(&mut tasks, &spawned);
        _ = start.send(());
        run(&mut tasks, &spawned);
        assert!(matches!(finished.try_recv(), Ok(Some(Ok(())))));
    }
}
