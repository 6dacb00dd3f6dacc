//! Versions of git, and what they know.

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Vec<u64>);

/// What not every git can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// `clone --branch`.
    CloneBranch,
    /// `--progress`.
    Progress,
    /// `submodule update --force`.
    SubmoduleForce,
    /// `submodule update --checkout`.
    SubmoduleCheckout,
    /// `credential-store`.
    CredentialStore,
    /// The variable `GIT_SSH_COMMAND`.
    SshVariable,
    /// The setting `core.sshCommand`.
    SshSetting,
    /// `clone --filter`.
    Filter,
}

impl Version {
    /// The version that `git --version` tells.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        let version = output
            .trim()
            .strip_prefix("git version ")?
            .split_whitespace()
            .next()?;
        let numbers: Vec<u64> = version
            .split('.')
            .map_while(|part| part.parse().ok())
            .collect();
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// Whether this git can do that.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        let since: &[u64] = match feature {
            Feature::CloneBranch => &[1, 6, 5],
            Feature::Progress => &[1, 7, 2],
            Feature::SubmoduleForce => &[1, 7, 6],
            Feature::SubmoduleCheckout => &[1, 7, 8],
            Feature::CredentialStore => &[1, 7, 9],
            Feature::SshVariable => &[2, 3],
            Feature::SshSetting => &[2, 10],
            Feature::Filter => &[2, 27],
        };
        self.0.as_slice() >= since
    }
}

#[cfg(test)]
mod tests {
    use super::{Feature, Version};

    #[test]
    fn versions_of_all_vendors_are_read() {
        for (output, numbers) in [
            ("git version 2.47.3\n", &[2, 47, 3][..]),
            ("git version 2.39.3 (Apple Git-145)", &[2, 39, 3]),
            ("git version 2.33.0.windows.2", &[2, 33, 0]),
            ("git version 3", &[3]),
        ] {
            assert_eq!(Version::parse(output), Some(Version(numbers.to_vec())));
        }
        for output in ["", "git version", "git version x", "version 2.1"] {
            assert_eq!(Version::parse(output), None, "{output}");
        }
    }

    #[test]
    fn a_short_version_is_the_first_of_its_kind() {
        let version = |text| Version::parse(text).expect(text);
        assert!(version("git version 2.10").has(Feature::SshSetting));
        assert!(version("git version 3").has(Feature::Filter));
        assert!(!version("git version 2").has(Feature::SshVariable));
    }
}
