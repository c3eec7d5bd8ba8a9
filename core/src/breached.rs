use crate::{
    app::App,
    domain::{Secret, account::Refusal},
};
pub async fn is_breached(_: &App, _: &Secret) -> bool {
    false
}
pub fn refusal() -> Refusal {
    crate::domain::account::refuse("password_breached", "x")
}
