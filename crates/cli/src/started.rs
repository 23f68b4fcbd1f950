//! Node.js processes that heapwhy starts itself: what goes wrong with them.

use live::LiveError;

use crate::codes;
use crate::error::CommandError;

/// Tells an error of a process that was started, or was to be.
pub(crate) fn failed(error: LiveError) -> CommandError {
    let hint = error.hint();
    let code = match &error {
        LiveError::NodeNotFound { .. } | LiveError::NodeUnusable { .. } | LiveError::NotNode { .. } => &codes::NO_NODE,
        LiveError::NodeTooOld { .. } | LiveError::NoInspector { .. } => &codes::NODE_UNSUPPORTED,
        LiveError::Write { path, source } => return crate::output::failed(path, source),
        LiveError::DirInUse { .. } => &codes::FOREIGN_FOLDER,
        LiveError::Cancelled => return crate::open::stopped(),
        _ => &codes::TARGET_FAILED,
    };
    let mut told = CommandError::new(code, error.to_string());
    if let Some(source) = std::error::Error::source(&error) {
        told = told.why(source.to_string());
    }
    if let Some(hint) = hint {
        told = told.hint(hint);
    }
    told
}
