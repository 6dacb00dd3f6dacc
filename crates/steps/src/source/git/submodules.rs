//! Submodules, if the step wants them.

use super::checkout::Checkout;
use super::version::Feature;
use crate::error::StepError;
use crate::source::words::words;

impl Checkout<'_> {
    /// Takes over changed addresses of submodules.
    pub(crate) async fn sync_submodules(&self) -> Result<(), StepError> {
        if self.arguments.submodules {
            self.git.must(words(["submodule", "sync"])).await?;
        }
        Ok(())
    }

    /// Fetches submodules of sources that were there before.
    pub(crate) async fn update_submodules(&self) -> Result<(), StepError> {
        if !self.arguments.submodules {
            return Ok(());
        }
        let mut command = words(["submodule", "update", "--init", "--recursive"]);
        if self.git.has(Feature::SubmoduleForce) {
            command.push("--force".into());
        }
        if self.git.has(Feature::SubmoduleCheckout) {
            command.push("--checkout".into());
        }
        if self.arguments.remote_submodules {
            command.push("--remote".into());
        }
        self.git.must(command).await
    }

    /// Fetches submodules of a new clone; the exit code.
    pub(crate) async fn init_submodules(&self) -> Result<Option<i64>, StepError> {
        let shallow = self.is_shallow();
        let mut command = words(["submodule", "update", "--init", "--recursive"]);
        if self.arguments.remote_submodules {
            command.push("--remote".into());
        }
        if shallow {
            command.extend(["--depth".into(), self.depth()]);
        }
        self.git.status(command, !shallow).await
    }

    /// Removes what git does not know from submodules.
    pub(crate) async fn clean_submodules(&self, ignored: bool) -> Result<(), StepError> {
        if !self.arguments.submodules {
            return Ok(());
        }
        let clean = if ignored {
            "git clean -f -f -d -x"
        } else {
            "git clean -f -f -d"
        };
        self.git
            .must(words(["submodule", "foreach", "--recursive", clean]))
            .await
    }
}
