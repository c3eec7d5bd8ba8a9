//! Guessing at passwords: the delays grow, are exact under concurrency, and never shut out the owner.

use std::time::Duration;

use aibaas_tests::{
    Answer, Client, User, cases,
    fixtures::{PASSWORD, new_address, try_login},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::json;

cases![
    KeepsMail:
        success_at_home_is_no_guess,
        success_elsewhere_is_no_guess,
        right_passwords_at_once_all_get_in,
        right_passwords_at_once_get_in_from_anywhere,
        a_right_password_is_asked_for_again_at_once;
    MovesTime:
        strangers_do_not_lock_out_the_owner,
        delays_grow,
        guesses_are_counted_exactly,
        an_unknown_address_behaves_the_same,
        a_network_is_limited_over_all_accounts,
        a_known_network_has_its_own_count,
        a_logged_in_person_is_asked_exactly,
        a_refused_guess_is_not_checked,
        of_wrong_passwords_at_once_few_are_checked,
];

const WRONG: &str = "not the password at all";
/// How many wrong guesses at an account cost no delay.
const FREE: usize = 5;

/// A guess from a network that nobody has seen before.
async fn stranger_guesses(host: &Host, email: &str) -> Answer {
    try_login(&host.client(), email, WRONG).await
}

async fn strangers_guess(host: &Host, email: &str, count: usize) -> Vec<Answer> {
    let strangers = (0..count).map(|_| host.client()).collect::<Vec<_>>();
    join_all(strangers.iter().map(|stranger| try_login(stranger, email, WRONG))).await
}

/// How many of these were checked; the others were told to wait so many seconds.
#[track_caller]
fn checked(answers: &[Answer], status: u16, code: &str, wait: u64) -> usize {
    let (checked, refused) = answers.iter().partition::<Vec<_>, _>(|answer| answer.status == status);
    checked.iter().for_each(|answer| drop(answer.problem(status, code)));
    refused.iter().for_each(|answer| assert_waits(answer, wait));
    checked.len()
}

#[track_caller]
fn assert_waits(answer: &Answer, seconds: u64) {
    answer.problem(429, "too_many_attempts");
    assert_eq!(answer.retry_after(), Some(seconds), "{answer}");
}

async fn strangers_do_not_lock_out_the_owner(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    for free in [FREE, 0, 0] {
        let answers = strangers_guess(&host, &user.email, 12).await;
        assert_eq!(checked(&answers, 401, "invalid_credentials", 1), free);
        // At home the password is right at once.
        User::login(&user.api, &user.email).await;
    }
    user.assert_live().await;
    // A stranger with the right password waits like any other, and gets in after the delay.
    let lucky = host.client();
    assert_waits(&try_login(&lucky, &user.email, PASSWORD).await, 1);
    host.advance(Duration::from_secs(1)).await;
    try_login(&lucky, &user.email, PASSWORD).await.expect(200);
}

async fn delays_grow(host: Host) {
    host.stop_time().await;
    let email = new_address();
    let first = strangers_guess(&host, &email, FREE).await;
    assert_eq!(checked(&first, 401, "invalid_credentials", 0), FREE);
    for doublings in 0..10 {
        let delay = 1 << doublings;
        // Any number of refused ones makes it no longer.
        let answers = strangers_guess(&host, &email, 4).await;
        assert_eq!(checked(&answers, 401, "invalid_credentials", delay), 0);
        host.advance(Duration::from_millis(delay * 1000 - 1)).await;
        assert_waits(&stranger_guesses(&host, &email).await, 1);
        host.advance(Duration::from_millis(1)).await;
        stranger_guesses(&host, &email).await.problem(401, "invalid_credentials");
    }
    // A quarter of an hour is the longest.
    assert_waits(&stranger_guesses(&host, &email).await, 900);
}

async fn guesses_are_counted_exactly(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let answers = strangers_guess(&host, &user.email, 32).await;
    assert_eq!(checked(&answers, 401, "invalid_credentials", 1), FREE);
}

async fn an_unknown_address_behaves_the_same(host: Host) {
    let known = User::verified(&host).await.email;
    let unverified = User::unverified(&host.client()).await;
    host.stop_time().await;
    let mut said = Vec::new();
    for email in [known, unverified, new_address()] {
        let answers = strangers_guess(&host, &email, 9).await;
        assert_eq!(checked(&answers, 401, "invalid_credentials", 1), FREE);
        let texts = answers.iter().map(|answer| {
            let mut problem = answer.value();
            problem.as_object_mut().unwrap().remove("requestId");
            (problem.to_string(), answer.comparable_headers())
        });
        said.push(texts.collect::<std::collections::BTreeSet<(String, Vec<_>)>>());
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
}

async fn success_at_home_is_no_guess(host: Host) {
    let user = User::verified(&host).await;
    for _ in 0..4 {
        try_login(&user.api, &user.email, WRONG).await.problem(401, "invalid_credentials");
    }
    for _ in 0..6 {
        User::login(&user.api, &user.email).await;
    }
    try_login(&user.api, &user.email, WRONG).await.problem(401, "invalid_credentials");
}

async fn success_elsewhere_is_no_guess(host: Host) {
    host.needs_addresses();
    let user = User::verified(&host).await;
    for guess in strangers_guess(&host, &user.email, 4).await {
        guess.problem(401, "invalid_credentials");
    }
    for _ in 0..6 {
        User::login(&host.client(), &user.email).await;
    }
    stranger_guesses(&host, &user.email).await.problem(401, "invalid_credentials");
}

async fn a_network_is_limited_over_all_accounts(host: Host) {
    host.stop_time().await;
    let network = host.client();
    let guesses = (0..26).map(|_| {
        let network = network.clone();
        async move { try_login(&network, &new_address(), WRONG).await }
    });
    let answers = join_all(guesses).await;
    assert_eq!(checked(&answers, 401, "invalid_credentials", 1), 20);
    // Nobody else waits for it.
    stranger_guesses(&host, &new_address()).await.problem(401, "invalid_credentials");
}

async fn a_known_network_has_its_own_count(host: Host) {
    let user = User::verified(&host).await;
    let office = user.login_from(&host.client()).await;
    host.stop_time().await;
    let answers = join_all((0..10).map(|_| try_login(&user.api, &user.email, WRONG))).await;
    assert_eq!(checked(&answers, 401, "invalid_credentials", 1), FREE);
    // What is wrong at home shuts out neither the office nor a new place.
    User::login(&office.api, &user.email).await;
    User::login(&host.client(), &user.email).await;
}

async fn a_logged_in_person_is_asked_exactly(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    host.stop_time().await;
    let answers = join_all((0..12).map(|_| {
        let body = json!({ "currentPassword": WRONG, "newPassword": "a whole new password" });
        let request = user.api.post("/api/v1/auth/password/change").json(body);
        async move { request.await }
    }));
    assert_eq!(checked(&answers.await, 403, "incorrect_password", 1), FREE);
    // The other calls that ask for the password count with it.
    let body = json!({ "newEmail": new_address(), "password": WRONG });
    assert_waits(&user.api.post("/api/v1/users/me/email").json(body).await, 1);
    // Another session of the same person is not kept from it.
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    other.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    try_login(&user.api, &user.email, "a whole new password").await.expect(200);
}

async fn a_refused_guess_is_not_checked(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let first = strangers_guess(&host, &user.email, FREE).await;
    assert_eq!(checked(&first, 401, "invalid_credentials", 0), FREE);
    // Of many guesses at once one is right: it is refused like the others.
    let thieves = (0..24).map(|_| host.client()).collect::<Vec<_>>();
    let guesses = thieves.iter().enumerate().map(|(n, thief)| {
        let password = if n % 8 == 0 { PASSWORD } else { WRONG };
        try_login(thief, &user.email, password)
    });
    for answer in join_all(guesses).await {
        assert_waits(&answer, 1);
    }
}

async fn log_in_at_once(user: &User, clients: &[Client]) {
    let answers = join_all(clients.iter().map(|client| try_login(client, &user.email, PASSWORD))).await;
    answers.iter().for_each(|answer| drop(answer.expect(200)));
}

/// Sixteen devices of one person log in at the same moment.
async fn right_passwords_at_once_all_get_in(host: Host) {
    let user = User::verified(&host).await;
    log_in_at_once(&user, &vec![user.api.clone(); 16]).await;
}

async fn right_passwords_at_once_get_in_from_anywhere(host: Host) {
    host.needs_addresses();
    let user = User::verified(&host).await;
    let places = (0..16).map(|_| host.client()).collect::<Vec<_>>();
    log_in_at_once(&user, &places).await;
    // And none of them counted.
    for guess in strangers_guess(&host, &user.email, FREE).await {
        guess.problem(401, "invalid_credentials");
    }
}

async fn a_right_password_is_asked_for_again_at_once(host: Host) {
    let user = User::verified(&host).await;
    // All of them give the right password; that the new one is refused makes them come to nothing.
    let answers = join_all((0..12).map(|_| {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": "short" });
        let request = user.api.post("/api/v1/auth/password/change").json(body);
        async move { request.await }
    }));
    for answer in answers.await {
        answer.refused("/newPassword", "password_too_short");
    }
}

async fn of_wrong_passwords_at_once_few_are_checked(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let answers = strangers_guess(&host, &user.email, 64).await;
    assert_eq!(checked(&answers, 401, "invalid_credentials", 1), FREE);
    // At home the right one gets in, whoever waits elsewhere.
    User::login(&user.api, &user.email).await;
}
