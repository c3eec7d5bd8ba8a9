//! Registrations: accounts of addresses that are to be verified.

use super::{
    links::NewLink,
    query::{Query, sql},
};
use crate::domain::{Secret, UserId};

/// A registration, with its password hashed.
pub struct Registration<'a> {
    /// Id of the account, if it is new.
    pub id: &'a UserId,
    /// Address that registers.
    pub email: &'a str,
    /// Password hash, a PHC string.
    pub password_hash: &'a Secret,
    /// Name that the person gave.
    pub full_name: Option<&'a str>,
    /// Network that the registration comes from.
    pub network: &'a str,
    /// Link that verifies the address; [`add_link`] adds it.
    pub link: NewLink,
}

/// Registers an address that has no account, and is not reserved for one. Otherwise changes nothing.
pub fn add(registration: &Registration<'_>) -> Query<()> {
    sql!("registrations/add")
        .bind(registration.id)
        .bind(registration.email)
        .bind(registration.password_hash.expose())
        .bind(registration.full_name)
        .bind(registration.link.created_at)
        .execute()
}

/// Adds the link that verifies the address of a registration, where it is not verified yet.
pub fn add_link(registration: &Registration<'_>) -> Query<()> {
    registration
        .link
        .bind(sql!("registrations/add_link").bind(registration.email))
        .bind(registration.password_hash.expose())
        .bind(registration.full_name)
        .bind(registration.network)
        .execute()
}
