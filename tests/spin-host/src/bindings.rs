//! Spin's interfaces, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    imports: { default: async | trappable },
    with: {
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
        "spin:key-value/key-value.store": crate::key_value::Store,
    },
});

pub use spin::{key_value::key_value, sqlite::sqlite, variables::variables};
