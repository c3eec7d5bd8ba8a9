//! Callers of pages, and checks that a form is one of ours: sent by no other site, and made for this session, or for
//! this browser where nobody is logged in yet.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header, request::Parts};
use maud::{Markup, html};

use super::{page_error::PageError, sent_form::Form};
use crate::{
    app::App,
    http::{
        cookies,
        credentials::{ClaimedSession, browser},
        idempotency::Idempotency,
        problem::{ApiError, UNSUPPORTED_MEDIA_TYPE},
        request::{BODY_LIMIT, media_type, read_body},
    },
};

/// Cookie that binds the forms of a visitor to their browser, so that no other site logs it in as somebody else.
const COOKIE: &str = "__Host-aibaas_form";
const ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Lax; Path=/";

/// Extractor of a browser in which somebody is logged in, if their session lives.
pub struct LoggedIn {
    app: App,
    /// Session that the browser's cookie claims.
    pub caller: ClaimedSession,
}

/// Extractor of a form that a logged-in person sent from our page.
pub struct LoggedInForm {
    pub logged_in: LoggedIn,
    pub form: Form,
    /// Makes the form take effect once, however often it was sent.
    pub once: Idempotency,
}

/// Extractor of a browser in which nobody has to be logged in.
pub struct Visit {
    app: App,
    id: String,
    is_new: bool,
}

/// Extractor of a form that a visitor sent from our page.
pub struct VisitForm {
    pub visit: Visit,
    pub form: Form,
    /// Session that the browser's cookie claims, if it has one.
    pub brought: Option<ClaimedSession>,
    /// Makes the form take effect once, however often it was sent.
    pub once: Idempotency,
}

/// Extractor that refuses a request from another site; for handlers that count requests before they read the form.
pub struct SameSite;

impl FromRequestParts<App> for LoggedIn {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        match browser::claimed(app, parts)? {
            Some(caller) => Ok(Self { app: app.clone(), caller }),
            None => Err(PageError::LogIn),
        }
    }
}

impl LoggedIn {
    /// Renders the hidden field that each form of this session carries.
    pub fn token(&self) -> Markup {
        token_field(&self.app, &self.made_for())
    }

    /// Renders [`LoggedIn::token`], and a key by which a form that is sent twice takes effect once.
    pub fn once(&self) -> Markup {
        html! { (self.token()) (once_field(&self.app)) }
    }

    fn made_for(&self) -> String {
        self.caller.session_subject()
    }
}

impl FromRequest<App> for LoggedInForm {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (mut parts, form, bytes) = read_form(app, request).await?;
        let logged_in = LoggedIn::from_request_parts(&mut parts, app).await?;
        let once = checked(app, &logged_in.made_for(), &form, &parts, &bytes)?;
        Ok(Self { logged_in, form, once })
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let known = cookies::only(&parts.headers, COOKIE)?.filter(|id| !id.expose().is_empty());
        let is_new = known.is_none();
        let id = known.map_or_else(|| URL_SAFE_NO_PAD.encode(app.random::<16>()), |id| id.expose().to_owned());
        Ok(Self { app: app.clone(), id, is_new })
    }
}

impl Visit {
    /// Renders the hidden field that each form of this browser carries.
    pub fn token(&self) -> Markup {
        token_field(&self.app, &self.made_for())
    }

    /// Renders [`Visit::token`], and a key by which a form that is sent twice takes effect once.
    pub fn once(&self) -> Markup {
        html! { (self.token()) (once_field(&self.app)) }
    }

    /// Returns the page, with the cookie that identifies the browser if it had none.
    pub fn shown(&self, mut page: Response) -> Response {
        if self.is_new {
            cookies::append(page.headers_mut(), &format!("{COOKIE}={}; {ATTRIBUTES}", self.id));
        }
        page
    }

    fn made_for(&self) -> String {
        format!("browser:{}", self.id)
    }
}

impl FromRequest<App> for VisitForm {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Self, PageError> {
        let (mut parts, form, bytes) = read_form(app, request).await?;
        let visit = Visit::from_request_parts(&mut parts, app).await?;
        let once = checked(app, &visit.made_for(), &form, &parts, &bytes)?;
        Ok(Self { visit, form, brought: browser::claimed(app, &parts)?, once })
    }
}

impl FromRequestParts<App> for SameSite {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        if is_cross_site(app, &parts.headers) { Err(PageError::foreign_form()) } else { Ok(Self) }
    }
}

async fn read_form(app: &App, request: Request) -> Result<(Parts, Form, Bytes), PageError> {
    let (mut parts, body) = request.into_parts();
    SameSite::from_request_parts(&mut parts, app).await?;
    if media_type(&parts.headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(ApiError::new(UNSUPPORTED_MEDIA_TYPE, "send the form of the page").into());
    }
    let bytes = read_body(&parts.headers, body, BODY_LIMIT).await?;
    let form = Form::read(&bytes)?;
    Ok((parts, form, bytes))
}

fn checked(app: &App, made_for: &str, form: &Form, parts: &Parts, bytes: &[u8]) -> Result<Idempotency, PageError> {
    if !app.keys().is_form_token(made_for, form.get("formToken")) {
        return Err(PageError::StaleForm);
    }
    Ok(Idempotency::of_form(form.get("onceKey"), parts, bytes))
}

/// Checks whether another site sent the request, as far as the browser says. A page without a referrer sends
/// `Origin: null`, ours too; then `Sec-Fetch-Site` decides, and for a browser too old for that the token of the form.
fn is_cross_site(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let is_foreign = |origin: &str| {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let base = app.config().base_url.as_str();
        let is_base = base.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        origin != "null" && !is_base && (host.is_none() || host != authority)
    };
    let site = text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    site || text("origin").is_some_and(is_foreign)
}

fn token_field(app: &App, made_for: &str) -> Markup {
    // HMAC takes a key of any length, so there is always one.
    html! { input type="hidden" name="formToken" value=(app.keys().form_token(made_for).unwrap_or_default()); }
}

fn once_field(app: &App) -> Markup {
    html! { input type="hidden" name="onceKey" value=(URL_SAFE_NO_PAD.encode(app.random::<16>())); }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use futures_util::FutureExt as _;
    use http::{HeaderName, HeaderValue};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
    };

    #[test]
    fn other_sites_are_told_by_what_browsers_send() {
        let config = Config::load(&|_| None, HostDefaults::development("https://a.example/base")).unwrap();
        let app = App::new(Arc::new(Counting::default()).ports(), config);
        let is_foreign = |sent: &[(&'static str, &'static str)]| {
            let pairs = sent.iter().chain(&[("host", "inner.example:8080")]);
            let pairs = pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_cross_site(&app, &pairs.collect())
        };
        for ours in [
            &[][..],
            &[("origin", "https://a.example")],
            &[("origin", "http://inner.example:8080")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("origin", "null")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!is_foreign(ours), "{ours:?}");
        }
        for foreign in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "https://a.example.evil.example")],
            &[("origin", "https://a.exam")],
            &[("origin", "")],
            &[("origin", "http://inner.example")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(is_foreign(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn a_page_is_one_round_trip_and_a_cookie_that_is_made_up_none() {
        let counting = Arc::new(Counting::default());
        let config = Config::load(&|_| None, HostDefaults::development("http://a.example")).unwrap();
        let app = App::new(counting.ports(), config);
        let ids = ("0199b6a0-0000-7000-8000-000000000000".into(), "0199b6a0-0000-7000-8000-000000000001".into());
        let token = app.keys().browser_token(&ids.0, &ids.1).unwrap();
        let made_up = format!("{}x", token.expose());
        let (mut login, mut asked) = (Vec::new(), Vec::new());
        for page in [
            "/account",
            "/account/keys",
            "/account/publishing?cursor=WzEsIngiXQ",
            "/account/sessions",
            "/admin/people?q=ada",
            "/admin/health",
        ] {
            for cookie in [token.expose(), &made_up] {
                let before = counting.round_trips.lock().unwrap().len();
                let request = Request::get(page).header("host", "a.example");
                let request = request.header("cookie", format!("__Host-aibaas_session={cookie}")).body(Body::empty());
                let answer = crate::http::router(&app).oneshot(request.unwrap()).now_or_never().unwrap().unwrap();
                login.push(answer.headers()["location"].to_str().unwrap().to_owned());
                asked.push(counting.round_trips.lock().unwrap().len() - before);
            }
        }
        assert_eq!(asked, [1, 0].repeat(6), "the database knows no session here");
        let keys = "/account/login?next=%2Faccount%2Fkeys";
        assert_eq!(login[..4], ["/account/login", "/account/login", keys, keys]);
    }
}
