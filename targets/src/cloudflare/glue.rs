//! What `glue.mjs` offers.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./glue.mjs")]
extern "C" {
    /// A `Response` from packed headers, and a whole body that follows them.
    #[wasm_bindgen(js_name = respondText)]
    pub(super) fn respond_text(status: u16, text: &str) -> JsValue;

    /// A `Response` from packed headers, and a whole body.
    #[wasm_bindgen(js_name = respondBytes)]
    pub(super) fn respond_bytes(status: u16, headers: &str, body: &[u8]) -> JsValue;

    /// Counts a request in the data set: what is told of it, a line each, and how long it took.
    #[wasm_bindgen(js_name = countRequest)]
    pub(super) fn count_request(told: &str, duration_ms: u32);

    /// Gives the script what it waits for.
    pub(super) fn settle(id: u32, answer: &JsValue);

    /// Asks for a call of `ring` for this task after so many milliseconds.
    #[wasm_bindgen(js_name = setTimer)]
    pub(super) fn set_timer(task: u32, ms: u32) -> u32;

    /// Wants that call no more.
    #[wasm_bindgen(js_name = clearTimer)]
    pub(super) fn clear_timer(id: u32);

    /// Asks for a call of `step`.
    pub(super) fn wake(id: u32);

    /// An id for work that goes on after the answer.
    pub(super) fn background() -> u32;

    /// Runs statements in one transaction.
    #[wasm_bindgen(catch)]
    pub(super) async fn d1(database: &JsValue, statements: &str) -> Result<JsValue, JsValue>;

    /// Asks the Durable Object that counts for the subject.
    #[wasm_bindgen(catch)]
    pub(super) async fn admit(namespace: &JsValue, subject: &str, question: &str) -> Result<JsValue, JsValue>;

    /// Calls a method of the Durable Object of a key, with what is given back and what is asked.
    #[wasm_bindgen(catch, js_name = askKey)]
    pub(super) async fn ask_key(
        namespace: &JsValue,
        name: &str,
        method: &str,
        reports: &str,
        question: &str,
    ) -> Result<JsValue, JsValue>;

    /// Waits so many milliseconds.
    #[wasm_bindgen(catch)]
    pub(super) async fn sleep(ms: u32) -> Result<JsValue, JsValue>;

    /// Has the Durable Object of this name compute a password hash within so many milliseconds; `undefined` where it has
    /// too much to do.
    #[wasm_bindgen(catch)]
    pub(super) async fn hash(
        namespace: &JsValue,
        object: &str,
        question: &str,
        patience_ms: u32,
    ) -> Result<JsValue, JsValue>;

    /// Sends an outbound request: `[status, headers, body]`, without the body where the head is enough.
    #[wasm_bindgen(catch)]
    pub(super) async fn send(
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        timeout_ms: u32,
        is_head_enough: bool,
    ) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    pub(super) fn get_random_values(buffer: &mut [u8]);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(super) fn log_error(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn log_warning(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub(super) fn log(text: &str);
}

/// What a JavaScript error says of itself.
pub(super) fn message(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
