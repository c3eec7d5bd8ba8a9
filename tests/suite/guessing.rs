//! Guessing at passwords: the delays grow, are exact under concurrency, and never shut out the owner.

use std::time::{Duration, Instant};

use aibaas_tests::{
    Answer, User, cases,
    fixtures::{PASSWORD, new_address, try_login},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::json;

cases![KeepsMail:
    strangers_do_not_lock_out_the_owner,
    delays_grow,
    guesses_are_counted_exactly,
    an_unknown_address_behaves_the_same,
    success_is_no_guess,
    a_network_is_limited_over_all_accounts,
    a_known_network_has_its_own_count,
    a_logged_in_person_is_asked_exactly,
    a_refused_guess_is_not_checked,
];

const WRONG: &str = "not the password at all";

/// A guess from a network that nobody has seen before.
async fn stranger_guesses(host: &Host, email: &str) -> Answer {
    try_login(&host.client(), email, WRONG).await
}

async fn strangers_guess(host: &Host, email: &str, count: usize) -> Vec<Answer> {
    let strangers = (0..count).map(|_| host.client()).collect::<Vec<_>>();
    join_all(strangers.iter().map(|stranger| try_login(stranger, email, WRONG))).await
}

/// How many of these were checked; the others were told to wait.
#[track_caller]
fn checked(answers: &[Answer], status: u16, code: &str) -> usize {
    let (checked, refused) = answers.iter().partition::<Vec<_>, _>(|answer| answer.status == status);
    checked.iter().for_each(|answer| drop(answer.problem(status, code)));
    refused.iter().for_each(|answer| drop(answer.problem(429, "too_many_attempts")));
    checked.len()
}

/// As many as are free, and after each one of these a second, two, four: what a slow host lets through meanwhile.
#[track_caller]
fn assert_exact(checked: usize, free: usize, took: Duration) {
    let more = (took.as_secs() + 1).ilog2() as usize;
    assert!((free..=free + more).contains(&checked), "{checked} checked of {free} in {took:?}");
}

/// Whether the host sees the addresses that clients call from.
fn sees_addresses(host: &Host) -> bool {
    host.is_loopback()
}

async fn strangers_do_not_lock_out_the_owner(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    let user = User::verified(&host).await;
    for _ in 0..3 {
        let started = Instant::now();
        let answers = strangers_guess(&host, &user.email, 12).await;
        assert!(answers.iter().any(|answer| answer.status == 429), "in {:?}", started.elapsed());
        checked(&answers, 401, "invalid_credentials");
        // At home the password is right at once.
        User::login(&user.api, &user.email).await;
    }
    user.assert_live().await;
    // A stranger with the right password waits like any other, and gets in after the delay.
    let lucky = host.client();
    let answer = try_login(&lucky, &user.email, PASSWORD).await;
    if answer.status != 200 {
        answer.problem(429, "too_many_attempts");
        tokio::time::sleep(Duration::from_secs(answer.retry_after().unwrap())).await;
        try_login(&lucky, &user.email, PASSWORD).await.expect(200);
    }
}

async fn delays_grow(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    // On a host that is busy a delay may have passed before it is looked at: such a round tells nothing.
    for _ in 0..5 {
        if delays_grow_for(&host, &new_address()).await {
            return;
        }
    }
    panic!("the host is too slow to tell");
}

/// False where it took too long.
async fn delays_grow_for(host: &Host, email: &str) -> bool {
    if checked(&strangers_guess(host, email, 5).await, 401, "invalid_credentials") != 5 {
        return false;
    }
    for delay in [1, 2] {
        // Any number of refused ones makes it no longer.
        let answers = strangers_guess(host, email, 4).await;
        if checked(&answers, 401, "invalid_credentials") > 0 {
            return false;
        }
        let waits = answers.iter().map(|answer| answer.retry_after().unwrap()).collect::<Vec<_>>();
        assert!(waits.iter().all(|wait| (1..=delay).contains(wait)), "{waits:?} of {delay} s");
        let longest = waits.into_iter().max().unwrap_or_default();
        if longest != delay {
            return false;
        }
        tokio::time::sleep(Duration::from_secs(longest)).await;
        stranger_guesses(host, email).await.problem(401, "invalid_credentials");
    }
    let sent = Instant::now();
    let refused = stranger_guesses(host, email).await;
    if sent.elapsed() > Duration::from_secs(1) {
        return false;
    }
    refused.problem(429, "too_many_attempts");
    assert!((3..=4).contains(&refused.retry_after().unwrap()), "{refused}");
    true
}

async fn guesses_are_counted_exactly(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    let user = User::verified(&host).await;
    let started = Instant::now();
    let answers = strangers_guess(&host, &user.email, 32).await;
    assert_exact(checked(&answers, 401, "invalid_credentials"), 5, started.elapsed());
}

async fn an_unknown_address_behaves_the_same(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    let known = User::verified(&host).await.email;
    let mut said = Vec::new();
    for email in [known, User::unverified(&host.client()).await, new_address()] {
        let started = Instant::now();
        let answers = strangers_guess(&host, &email, 9).await;
        assert_exact(checked(&answers, 401, "invalid_credentials"), 5, started.elapsed());
        let texts = answers.iter().map(|answer| {
            let mut problem = answer.value();
            problem.as_object_mut().unwrap().remove("requestId");
            (
                problem.to_string(),
                answer.comparable_headers().into_iter().filter(|(name, _)| name != "retry-after").collect(),
            )
        });
        said.push(texts.collect::<std::collections::BTreeSet<(String, Vec<_>)>>());
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
}

async fn success_is_no_guess(host: Host) {
    let user = User::verified(&host).await;
    // At home.
    for _ in 0..4 {
        try_login(&user.api, &user.email, WRONG).await.problem(401, "invalid_credentials");
    }
    for _ in 0..6 {
        User::login(&user.api, &user.email).await;
    }
    try_login(&user.api, &user.email, WRONG).await.problem(401, "invalid_credentials");
    if !sees_addresses(&host) {
        return;
    }
    // At places where the owner has not been.
    let other = User::verified(&host).await;
    assert_eq!(checked(&strangers_guess(&host, &other.email, 4).await, 401, "invalid_credentials"), 4);
    for _ in 0..6 {
        User::login(&host.client(), &other.email).await;
    }
    stranger_guesses(&host, &other.email).await.problem(401, "invalid_credentials");
}

async fn a_network_is_limited_over_all_accounts(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    let network = host.client();
    let started = Instant::now();
    let guesses = (0..26).map(|_| {
        let network = network.clone();
        async move { try_login(&network, &new_address(), WRONG).await }
    });
    let answers = join_all(guesses).await;
    assert_exact(checked(&answers, 401, "invalid_credentials"), 20, started.elapsed());
    // Nobody else waits for it.
    stranger_guesses(&host, &new_address()).await.problem(401, "invalid_credentials");
}

async fn a_known_network_has_its_own_count(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    let user = User::verified(&host).await;
    let office = user.login_from(&host.client()).await;
    let started = Instant::now();
    let answers = join_all((0..10).map(|_| try_login(&user.api, &user.email, WRONG))).await;
    assert_exact(checked(&answers, 401, "invalid_credentials"), 5, started.elapsed());
    // What is wrong at home shuts out neither the office nor a new place.
    User::login(&office.api, &user.email).await;
    User::login(&host.client(), &user.email).await;
}

async fn a_logged_in_person_is_asked_exactly(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let started = Instant::now();
    let answers = join_all((0..12).map(|_| {
        let body = json!({ "currentPassword": WRONG, "newPassword": "a whole new password" });
        let request = user.api.post("/api/v1/auth/password/change").json(body);
        async move { request.await }
    }));
    assert_exact(checked(&answers.await, 403, "incorrect_password"), 5, started.elapsed());
    // The other calls that ask for the password count with it.
    let sent = Instant::now();
    let body = json!({ "newEmail": new_address(), "password": WRONG });
    let answer = user.api.post("/api/v1/users/me/email").json(body).await;
    assert!(answer.status == 429 || started.elapsed() > Duration::from_secs(1), "{answer} after {:?}", sent.elapsed());
    // Another session of the same person is not kept from it.
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    other.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    try_login(&user.api, &user.email, "a whole new password").await.expect(200);
}

async fn a_refused_guess_is_not_checked(host: Host) {
    if !sees_addresses(&host) {
        return;
    }
    // Of many guesses at once one is right: unless it is among the first, it is refused like the others.
    let user = User::verified(&host).await;
    let thieves = (0..24).map(|_| host.client()).collect::<Vec<_>>();
    let guesses = thieves.iter().enumerate().map(|(n, thief)| {
        let password = if n == 23 { PASSWORD } else { WRONG };
        try_login(thief, &user.email, password)
    });
    let answers = join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status != 429).count();
    assert!((5..=8).contains(&tried), "{tried} tried");
    for answer in answers.iter().filter(|answer| answer.status == 429) {
        answer.problem(429, "too_many_attempts");
    }
}
