//! Areas of the site that are for people who are logged in.

/// An area whose pages no script of another origin reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// A person's own account, below `/account`.
    Account,
    /// Administration, below `/admin`.
    Administration,
}

impl Area {
    /// Returns the area that the path lies in, if it lies in one.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path.split('/').nth(1) {
            Some("account") => Some(Self::Account),
            Some("admin") => Some(Self::Administration),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_its_first_page_and_what_lies_below() {
        for path in ["/account", "/account/", "/account/keys/1"] {
            assert_eq!(Area::of(path), Some(Area::Account), "{path}");
        }
        assert_eq!(Area::of("/admin/people"), Some(Area::Administration));
        for path in ["/", "", "/accounting", "/admins/1", "/api/v1/admin", "account"] {
            assert_eq!(Area::of(path), None, "{path}");
        }
    }
}
