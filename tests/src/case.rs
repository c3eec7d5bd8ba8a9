//! A case: one promise of the API, checked against one host.

use std::{collections::BTreeMap, pin::Pin, sync::Mutex};

use crate::host::{Host, Setup};

type Body = Box<dyn Fn(Host) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A check of one promise of the API.
pub struct Case {
    /// The case's name, `area::what_it_promises`.
    pub name: String,
    /// The setup of the host that the case runs against.
    pub setup: Setup,
    /// The check itself, which panics where the promise is broken.
    pub body: Body,
}

impl Case {
    /// Creates a case from an async function over a host; the module's last path segment is its area.
    pub fn new<F>(module: &str, name: &str, setup: Setup, body: fn(Host) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let area = module.rsplit("::").next().unwrap_or(module);
        Self { name: format!("{area}::{name}"), setup, body: Box::new(move |host| Box::pin(body(host))) }
    }
}

/// Ends the case as not looked at, with a reason; the suite counts it apart from those that passed.
pub fn skip(reason: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(NotLookedAt(reason.into())))
}

/// Reasons for which parts of cases were not looked at, with how often each occurred.
static PARTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// Notes that a part of the case is not looked at; the suite reports it at its end.
pub fn skip_part(reason: impl Into<String>) {
    *PARTS.lock().expect("no panic").entry(reason.into()).or_default() += 1;
}

/// Returns the reasons for which parts of cases were not looked at, with how often each occurred.
pub fn skipped_parts() -> BTreeMap<String, u32> {
    PARTS.lock().expect("no panic").clone()
}

/// Panic payload of a case that was not looked at: the reason.
pub struct NotLookedAt(pub String);

/// Lists a module's cases: `cases![KeepsMail: a, b; SendsMail: c]` defines `pub fn cases() -> Vec<Case>`.
/// A function that is left out of the list is dead code, and the compiler warns of it.
#[macro_export]
macro_rules! cases {
    ($($setup:ident: $($case:ident),+ $(,)?);+ $(;)?) => {
        pub fn cases() -> Vec<$crate::Case> {
            vec![$($($crate::Case::new(
                module_path!(),
                stringify!($case),
                $crate::host::Setup::$setup,
                $case,
            )),+),+]
        }
    };
}
