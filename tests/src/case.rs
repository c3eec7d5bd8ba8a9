//! A case: one promise of the API, checked against one host.

use std::{collections::BTreeMap, pin::Pin, sync::Mutex};

use crate::host::{Host, Setup};

type Body = Box<dyn Fn(Host) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// One promise of the API.
pub struct Case {
    /// `area::what_it_promises`.
    pub name: String,
    /// How the host that it runs against is set up.
    pub setup: Setup,
    /// Panics where the promise is broken.
    pub body: Body,
}

impl Case {
    /// A case out of an async function over a host.
    pub fn new<F>(module: &str, name: &str, setup: Setup, body: fn(Host) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let area = module.rsplit("::").next().unwrap_or(module);
        Self { name: format!("{area}::{name}"), setup, body: Box::new(move |host| Box::pin(body(host))) }
    }
}

/// Ends the case as not looked at, and says why; the suite counts it apart from those that passed.
pub fn skip(reason: impl Into<String>) -> ! {
    std::panic::resume_unwind(Box::new(NotLookedAt(reason.into())))
}

/// What parts of cases were not looked at, and how often.
static PARTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

/// Notes that a part of the case is not looked at; the suite says so at its end.
pub fn skip_part(reason: impl Into<String>) {
    *PARTS.lock().expect("no panic").entry(reason.into()).or_default() += 1;
}

/// The parts that were not looked at: why, and how often.
pub fn skipped_parts() -> BTreeMap<String, u32> {
    PARTS.lock().expect("no panic").clone()
}

/// Why a case was not looked at.
pub struct NotLookedAt(pub String);

/// Lists a module's cases: `cases![KeepsMail: a, b; SendsMail: c]` makes `pub fn cases() -> Vec<Case>`.
/// A function that is left out of the list is dead code, and the compiler says so.
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
