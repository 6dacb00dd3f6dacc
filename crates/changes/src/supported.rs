//! Which change sources this crate polls.

use buildbot_config::{ChangeSource, ChangeSourceKind};

use crate::encoding::Codec;

/// Why a source cannot be run, or nothing if it can. Clients that connect are somebody else's matter.
pub fn unsupported(source: &ChangeSource) -> Option<String> {
    let class = source.service.object.own_class();
    if !source.service.object.overridden.is_empty() {
        return Some(format!(
            "a change source of a class of the user's is not supported yet: {class}"
        ));
    }
    match &source.kind {
        ChangeSourceKind::Git(git) => {
            if git.codebase.is_some() {
                return Some("GitPoller: codebase is not supported yet".to_owned());
            }
            let encoding = &git.encoding;
            Codec::find(encoding)
                .is_none()
                .then(|| format!("GitPoller: unknown encoding '{encoding}'"))
        }
        ChangeSourceKind::Pb(_) => None,
        _ => Some(format!("the change source {class} is not supported yet")),
    }
}
