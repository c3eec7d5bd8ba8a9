//! Pages that are shown instead of the one that was asked for.

use axum::{
    extract::{OriginalUri, Request},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{Method, StatusCode, header};
use maud::html;

use super::{frame, page_error::PageError};
use crate::http::{
    area::Area,
    problem::Problem,
    problem_page::{WrittenAsPage, sentence},
};

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::LogIn => {
                let mut response = Redirect::to("/account/login").into_response();
                response.extensions_mut().insert(LoginRequired);
                response
            }
            Self::StaleForm => frame::page(
                StatusCode::FORBIDDEN,
                "This form is too old",
                None,
                &html! {
                    p { "It was made for another session, or before you logged in or out. Nothing was done." }
                    p { a href="/account" { "Go to your account" } " and open the page again." }
                },
            ),
            Self::Api(error) => error.into_response(),
        }
    }
}

/// Response extension: the page is shown once somebody is logged in.
#[derive(Clone, Copy)]
struct LoginRequired;

/// Writes errors as pages, and has a login lead back to the page that asked for it: the layer of all these pages.
pub async fn as_page(OriginalUri(uri): OriginalUri, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = next.run(request).await;
    if response.extensions().get::<LoginRequired>().is_some() && is_read {
        let asked_for = uri.path_and_query().map_or("/account", |address| address.as_str());
        return Redirect::to(&frame::login_address(asked_for)).into_response();
    }
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let back = match Area::of(uri.path()) {
        Some(Area::Administration) => html! { a href="/admin" { "Go to the administration" } },
        Some(Area::Account) | None => html! { a href="/account" { "Go to your account" } },
    };
    let page = frame::page(
        response.status(),
        problem.code().title(),
        None,
        &html! {
            p { (sentence(problem.detail())) }
            p { (back) }
        },
    );
    let (parts, body) = page.into_parts();
    *response.body_mut() = body;
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().extend(parts.headers);
    response.extensions_mut().insert(WrittenAsPage);
    response
}
