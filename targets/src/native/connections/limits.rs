//! Limits of the number of connections.

/// File descriptors that are not for connections: the files of database and cache, outbound requests, connections that
/// are being refused.
const RESERVED: u64 = 256;
/// Most connections unless configured otherwise: each costs some ten kilobytes.
const MOST_BY_DEFAULT: u64 = 16_384;

/// Most connections that may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `MAX_CONNECTIONS`: in total.
    pub total: usize,
    /// `MAX_CONNECTIONS_PER_ADDRESS`: from one IPv4 address or IPv6 /64.
    pub per_network: usize,
}

impl ConnectionLimits {
    /// Reads the variables. Defaults follow from how many file descriptors the process may have.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, descriptors: Option<u64>, mistakes: &mut Vec<String>) -> Self {
        let mut read = |name: &str| {
            let text = lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
            let number = text.parse::<u64>().ok().filter(|number| *number > 0);
            if number.is_none() {
                mistakes.push(format!("{name} must be a number above zero"));
            }
            number
        };
        let (total, per_network) = (read("MAX_CONNECTIONS"), read("MAX_CONNECTIONS_PER_ADDRESS"));
        // Where there are few descriptors, half are for connections.
        let room = descriptors.map_or(u64::MAX, |most| most.saturating_sub(RESERVED.min(most / 2)).max(1));
        if let (Some(total), Some(descriptors)) = (total.filter(|total| *total > room), descriptors) {
            mistakes.push(format!(
                "MAX_CONNECTIONS is {total}, but with {descriptors} open files this process has room for {room}: raise \
                 the limit (ulimit -n, LimitNOFILE=), or lower the number"
            ));
        }
        let total = total.unwrap_or(MOST_BY_DEFAULT.min(room));
        let per_network = per_network.unwrap_or((total / 4).max(16)).min(total);
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self { total: number(total), per_network: number(per_network) }
    }
}

/// Raises the soft limit of open files to the hard one. Returns the new limit, where it is known.
///
/// The soft limit of 1,024 is for programs that wait with `select`, which this one does not.
#[cfg(unix)]
pub fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "the soft limit of open files stays where it is");
    }
    getrlimit(Resource::Nofile).current
}

/// Returns `None`, since the limit of open files is not known on this system.
#[cfg(not(unix))]
pub fn raise_descriptor_limit() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)], descriptors: Option<u64>) -> Result<(usize, usize), Vec<String>> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut mistakes = Vec::new();
        let limits = ConnectionLimits::load(&lookup, descriptors, &mut mistakes);
        if mistakes.is_empty() { Ok((limits.total, limits.per_network)) } else { Err(mistakes) }
    }

    #[test]
    fn limits_follow_from_the_descriptors() {
        assert_eq!(load(&[], Some(1024)), Ok((768, 192)));
        assert_eq!(load(&[], Some(100)), Ok((50, 16)));
        assert_eq!(load(&[], Some(1 << 20)), Ok((16_384, 4096)));
        assert_eq!(load(&[], None), Ok((16_384, 4096)));
    }

    #[test]
    fn limits_can_be_given() {
        let both = [("MAX_CONNECTIONS", "700"), ("MAX_CONNECTIONS_PER_ADDRESS", " 9 ")];
        assert_eq!(load(&both, Some(1024)), Ok((700, 9)));
        assert_eq!(load(&[("MAX_CONNECTIONS", "8"), ("MAX_CONNECTIONS_PER_ADDRESS", "")], None), Ok((8, 8)));
        for (name, value) in
            [("MAX_CONNECTIONS", "0"), ("MAX_CONNECTIONS_PER_ADDRESS", "many"), ("MAX_CONNECTIONS", "769")]
        {
            let mistakes = load(&[(name, value)], Some(1024)).unwrap_err();
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(name), "{mistakes:?}");
        }
    }
}
