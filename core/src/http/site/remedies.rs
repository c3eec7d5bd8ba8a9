//! Remedies: what to do about each problem, for its page.

/// Remedies by code, in the order of [`CODES`](crate::http::problem::CODES).
const REMEDIES: &[(&str, &str)] = &[
    (
        "malformed_request",
        "Read `detail`, mend the request and send it again. A path's or a query's value is not in the form that the documentation gives, a name is unknown, or the body is no JSON.",
    ),
    ("benchmark_required", "Name a benchmark with `?benchmark=`. `choices` lists some that there are."),
    ("version_required", "Name a version with `version`. `choices` lists some that the benchmark has."),
    (
        "invalid_or_expired_token",
        "Have a new mail sent, and use the link in the newest one. A link works once, and a newer one ends the older.",
    ),
    ("ambiguous_system", "Name the system instead of the model: `systemId` of its row on the leaderboard."),
    (
        "missing_credentials",
        "Send `Authorization: Bearer` with an access token, or `X-API-Key` with a key, as the call asks for.",
    ),
    ("invalid_token", "Log in again, or refresh the session. The token is not one that this deployment made."),
    (
        "expired_token",
        "Fetch the next access token with `POST /api/v1/auth/refresh`, and send the request again with it.",
    ),
    (
        "session_revoked",
        "Log in again. The session was ended: by a logout, a changed password, or a refresh token that was used twice.",
    ),
    (
        "invalid_credentials",
        "Check the address and the password. A forgotten password is replaced with `POST /api/v1/auth/password/forgot`.",
    ),
    (
        "invalid_mfa_token",
        "Log in again with the password. The step before the code lasts a few minutes and allows a few guesses.",
    ),
    (
        "invalid_mfa_code",
        "Enter the code that the authenticator shows now; each works once. A recovery code stands in for it.",
    ),
    ("invalid_api_key", "Check that the key is whole: there is no such key here. Make another one where it was lost."),
    ("api_key_revoked", "Use another key. A revoked key stays revoked; its owner makes a new one."),
    ("api_key_expired", "Use another key, or have its owner rotate it in time: an expired key never works again."),
    (
        "email_not_verified",
        "Follow the link in the mail of the registration, or have it sent again with `POST /api/v1/auth/resend-verification`.",
    ),
    ("account_suspended", "Ask an administrator of this deployment. Nothing that the account holds works meanwhile."),
    ("incorrect_password", "Enter the current password of the account. After several wrong ones the wait grows."),
    ("incorrect_code", "Enter the code that the authenticator shows now, or a recovery code that was not used yet."),
    (
        "reauthentication_required",
        "Send the current `password` with the request, and the `code` of the second factor where there is one.",
    ),
    ("user_token_required", "Log in and send the access token. An API key can do nothing to an account."),
    ("api_key_required", "Make an API key with the scope that the call needs, and send it as `X-API-Key`."),
    (
        "insufficient_scope",
        "Use a key that has the scope in `requiredScope`. A key's scopes are changed with `PATCH /api/v1/api-keys/{id}`.",
    ),
    ("ip_not_allowed", "Call from an address that the key allows, or have its owner change `allowedIps`."),
    ("role_required", "Ask an administrator for the role that `detail` names."),
    (
        "not_owner",
        "Use the credentials of the owner. Names belong to who declared them first: choose another one for what is yours.",
    ),
    ("invalid_signature", "Sign the body as it is sent, byte for byte, with the key that the header names."),
    ("private_tasks", "Leave it out: tasks of this benchmark are shown to nobody. Scores and slices are public."),
    (
        "origin_not_allowed",
        "Have the operator add the page's origin to `CORS_ORIGINS`. In development open the page at an address that is listed.",
    ),
    (
        "cross_site_cookie",
        "Serve the page from the same site as the API, or log in without a cookie and keep the tokens yourself. In development open the page at `localhost` when the API is at `localhost`.",
    ),
    ("not_found", "Check the path and the ids in it. What others own and may not be seen answers the same."),
    ("method_not_allowed", "Use one of the methods that the header `Allow` lists."),
    ("request_timeout", "Send the body again, in one go. Where it is large, send it in smaller parts."),
    ("email_taken", "Choose another address, or log in to the account that has this one."),
    ("mfa_already_enabled", "Remove the second factor first where it is to be replaced."),
    ("mfa_not_enabled", "Set a second factor up first: `POST /api/v1/auth/mfa/totp`, then confirm it with a code."),
    ("own_account", "Have another administrator do it."),
    ("api_key_not_active", "Make a new key. One that was revoked or has expired can be neither changed nor rotated."),
    ("api_key_already_rotated", "Rotate its successor, which `GET /api/v1/api-keys` lists with `rotatedFrom`."),
    (
        "idempotency_in_progress",
        "Wait as long as `Retry-After` says and send the same request again: the answer of the first one comes then.",
    ),
    ("too_many_api_keys", "Revoke a key that is not needed any more."),
    ("too_many_webhooks", "Delete a webhook that is not needed any more."),
    (
        "webhook_disabled",
        "Enable the webhook with `PATCH /api/v1/webhooks/{id}`, once its address takes requests again. Where a thousand deliveries wait for it, see to it that they are taken first.",
    ),
    ("too_many_versions", "Publish on a version that there is. A benchmark takes no more of them."),
    ("version_not_whole", "Mark the version that it is a part or a second scoring of."),
    ("version_of_counts", "Mark a whole version with evidence `results` as the current one."),
    (
        "storage_quota_exceeded",
        "`leftBytes` tells what still fits. Ask an administrator of the deployment for a larger quota.",
    ),
    ("version_in_use", "Declare a new version. One that has runs stays as it is, so that its results stay comparable."),
    ("external_id_conflict", "Choose another `externalId`, or send the same members as the first time."),
    ("run_not_open", "Open a new run. Results are added, and a run is published, only while it is open."),
    (
        "seal_opened",
        "Publish the run without the seal, or seal the next one before it is made. One seal is opened by one run.",
    ),
    ("run_not_published", "Only a published run can be withdrawn or rejected: look at its `status`."),
    (
        "published_to_hidden",
        "Read `reason`. Nothing is published on what an administrator hid, until it is shown again.",
    ),
    (
        "evidence_mismatch",
        "Send results to a version with evidence `results`, counts to one with `counts`, and a score to one with `score`.",
    ),
    (
        "conflicting_results",
        "Leave out what `conflicts` lists, or open a new run: results that were uploaded never change.",
    ),
    ("hidden", "Read `reason`. An administrator took it out of the public."),
    ("payload_too_large", "Send less at once: split the upload into several requests."),
    ("unsupported_media_type", "Send JSON with `Content-Type: application/json`, or another type that the call names."),
    ("validation_failed", "Mend each member that `errors` points at, and send the request again."),
    (
        "idempotency_key_reused",
        "Take a new key for another request. Send the first request unchanged where you mean to repeat it.",
    ),
    ("incomplete_run", "Upload what `missing` lists, then publish again. A run answers every task of its version."),
    ("too_many_requests", "Wait as long as `Retry-After` says. `RateLimit` tells how much is left before that."),
    (
        "too_many_attempts",
        "Wait as long as `Retry-After` says; with each wrong guess it grows. A password may be reset meanwhile.",
    ),
    ("internal_error", "Tell the operator the `requestId`. Sending it again rarely helps."),
    (
        "service_unavailable",
        "Wait as long as `Retry-After` says and send it again, with the same `Idempotency-Key` where there was one: what was asked for may have been done.",
    ),
];

/// Returns what to do about a problem of this code.
pub fn remedy(code: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(name, _)| *name == code).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::CODES;

    #[test]
    fn every_code_has_its_remedy() {
        let codes = CODES.iter().map(|code| code.name()).collect::<Vec<_>>();
        assert_eq!(REMEDIES.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes);
    }
}
