//! The functions of `glue.mjs`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./glue.mjs")]
extern "C" {
    /// Creates a `Response` from packed headers with a whole body after them.
    #[wasm_bindgen(js_name = respondText)]
    pub(super) fn respond_text(status: u16, text: &str) -> JsValue;

    /// Creates a `Response` from packed headers and a whole body.
    #[wasm_bindgen(js_name = respondBytes)]
    pub(super) fn respond_bytes(status: u16, headers: &str, body: &[u8]) -> JsValue;

    /// Counts a request in the dataset: its texts, one per line, and its duration.
    #[wasm_bindgen(js_name = countRequest)]
    pub(super) fn count_request(told: &str, duration_ms: u32);

    /// Counts a tick in the dataset: its numbers, to which the script adds the database's size.
    #[wasm_bindgen(js_name = countTick)]
    pub(super) fn count_tick(numbers: &[f64]);

    /// Hands the script the result that it waits for under this id.
    pub(super) fn settle(id: u32, answer: &JsValue);

    /// Sets a timer that calls `ring` for this task after `ms` milliseconds. Returns the timer's id.
    #[wasm_bindgen(js_name = setTimer)]
    pub(super) fn set_timer(task: u32, ms: u32) -> u32;

    /// Cancels a timer.
    #[wasm_bindgen(js_name = clearTimer)]
    pub(super) fn clear_timer(id: u32);

    /// Asks the script to call `step` for this task.
    pub(super) fn wake(id: u32);

    /// Creates an id for work that goes on after the answer.
    pub(super) fn background() -> u32;

    /// Runs statements in one transaction.
    #[wasm_bindgen(catch)]
    pub(super) async fn d1(database: &JsValue, statements: &str) -> Result<JsValue, JsValue>;

    /// Asks the Durable Object that counts for the subject.
    #[wasm_bindgen(catch)]
    pub(super) async fn admit(namespace: &JsValue, subject: &str, question: &str) -> Result<JsValue, JsValue>;

    /// Calls a method of the Durable Object of a key, with reports of ended leases and a question.
    #[wasm_bindgen(catch, js_name = askKey)]
    pub(super) async fn ask_key(
        namespace: &JsValue,
        name: &str,
        method: &str,
        reports: &str,
        question: &str,
    ) -> Result<JsValue, JsValue>;

    /// Waits `ms` milliseconds.
    #[wasm_bindgen(catch)]
    pub(super) async fn sleep(ms: u32) -> Result<JsValue, JsValue>;

    /// Asks one of `objects` Durable Objects to compute a password hash; `undefined` where it has too much to do.
    #[wasm_bindgen(catch)]
    pub(super) async fn hash(
        namespace: &JsValue,
        object: &str,
        question: &str,
        patience_ms: u32,
    ) -> Result<JsValue, JsValue>;

    /// Sends an outbound request. Returns `[status, headers, body]`, without the body where the head is enough.
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

/// Returns the message of a JavaScript error.
pub(super) fn message(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| format!("{error:?}"), |error| String::from(error.message()))
}
