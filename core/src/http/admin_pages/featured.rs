//! Page of the benchmark that is read where none is named.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::{
    PageResult,
    addresses::FEATURED_BENCHMARK,
    frame::{self, mistakes_of, notice},
    visit::{Visitor, VisitorForm},
};
use crate::{
    app::App,
    domain::BenchmarkId,
    http::{
        account_pages::form::{Field, Form, Mistakes, body},
        admin::featured_benchmark,
        request::{Json, Query},
    },
    store::leaderboard,
};

/// Number of benchmarks that are offered; any other can be typed.
const OFFERED: u32 = 100;

/// Query parameters of the page.
#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    done: String,
}

/// Shows which benchmark is featured.
pub async fn page(State(app): State<App>, visitor: Visitor, Query(parameters): Query<Parameters>) -> PageResult {
    let told = match parameters.done.as_str() {
        "chosen" => Some("It is featured now."),
        "cleared" => Some("None is featured any more."),
        _ => None,
    };
    shown(&app, &visitor, told, &Form::default(), &Mistakes::none()).await
}

async fn shown(app: &App, visitor: &Visitor, told: Option<&str>, form: &Form, mistakes: &Mistakes) -> PageResult {
    let mut batch = visitor.admin.batch();
    let featured = batch.push(leaderboard::featured());
    let offered = batch.push(leaderboard::named(None, OFFERED));
    let (_, mut answers) = batch.read(app).await?;
    let (featured, offered) = (answers.take(featured)?, answers.take(offered)?);
    Ok(choose_page(visitor, featured.as_ref(), &offered, told, form, mistakes))
}

fn choose_page(
    visitor: &Visitor,
    featured: Option<&BenchmarkId>,
    offered: &[String],
    told: Option<&str>,
    form: &Form,
    mistakes: &Mistakes,
) -> Response {
    let field = Field::new("benchmark", "text", "off").hint("Its id, as in its address.").offers("offered");
    let content = html! {
        (notice(told))
        (mistakes.summary())
        p { "It comes first on the front page, and boards, comparisons and badges that name none are of it." }
        p {
            @match featured {
                Some(id) => { "Now: " a href={ "/leaderboard?benchmark=" (id) } { (id) } "." }
                None => { "Now: none. The front page lists the benchmarks." }
            }
        }
        form class="stack" method="post" action=(FEATURED_BENCHMARK) {
            (visitor.logged_in.token())
            (field.shown(form, mistakes))
            datalist id="offered" { @for id in offered { option value=(id) {} } }
            button type="submit" { "Feature it" }
        }
        @if featured.is_some() {
            form class="stack" method="post" action={ (FEATURED_BENCHMARK) "/clear" } {
                (visitor.logged_in.token())
                button class="plain" type="submit" { "Feature none" }
            }
        }
    };
    frame::form_page(visitor, FEATURED_BENCHMARK, "Featured benchmark", mistakes, &content)
}

/// Features a benchmark.
pub async fn choose(State(app): State<App>, VisitorForm { visitor, form }: VisitorForm) -> PageResult {
    let chosen = body(&json!({ "benchmark": form.get("benchmark").trim() })).map(Json);
    let featured = async { featured_benchmark::handler(State(app.clone()), visitor.again(), chosen?).await };
    match featured.await {
        Ok(_) => Ok(Redirect::to(&format!("{FEATURED_BENCHMARK}?done=chosen")).into_response()),
        Err(error) => shown(&app, &visitor, None, &form, &mistakes_of(error)?).await,
    }
}

/// Features no benchmark.
pub async fn clear(State(app): State<App>, VisitorForm { visitor, .. }: VisitorForm) -> PageResult {
    let none = body(&json!({ "benchmark": null }))?;
    drop(featured_benchmark::handler(State(app), visitor.admin, Json(none)).await?);
    Ok(Redirect::to(&format!("{FEATURED_BENCHMARK}?done=cleared")).into_response())
}
