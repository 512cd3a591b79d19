//! Whether a file is there.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::spec::SpecError;
use super::target::Cause;
use crate::check::{Failure, Outcome, Success};

/// A file of any kind, links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// An absolute path.
    pub file: PathBuf,
    /// Whether it should be there.
    pub present: bool,
    /// What the first 64 KiB of it should contain; for a regular file that
    /// should be there.
    pub content: Option<String>,
}

#[derive(Debug)]
pub(crate) struct FileProbe {
    spec: Arc<FileSpec>,
    target: String,
    /// A look at a file system that hangs keeps its thread; none follows it
    /// before it is back.
    turn: Arc<Semaphore>,
}

impl FileProbe {
    pub(crate) fn new(spec: FileSpec) -> Result<Self, SpecError> {
        let shown = spec.file.display();
        if !spec.file.is_absolute() {
            return Err(SpecError::new(format!(
                "file is {shown}; accepted is an absolute path"
            )));
        }
        if !spec.present && spec.content.is_some() {
            return Err(SpecError::new(format!(
                "file {shown} should be absent and have content; accepted is one of both"
            )));
        }
        let target = format!("file {shown}");
        Ok(Self {
            target,
            spec: Arc::new(spec),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) async fn look(&self) -> Outcome {
        let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() else {
            return Err(Failure::new(format_args!(
                "{}: the look before still waits for the file system",
                self.target
            )));
        };
        let spec = Arc::clone(&self.spec);
        let finding = tokio::task::spawn_blocking(move || {
            let finding = find(&spec);
            drop(turn);
            finding
        });
        match finding.await {
            Ok(Ok(())) => Ok(Success::default()),
            Ok(Err(why)) => Err(Failure::new(format_args!("{}: {why}", self.target))),
            Err(_) => Err(Failure::new(format_args!("{}: interrupted", self.target))),
        }
    }
}

fn find(spec: &FileSpec) -> Result<(), String> {
    match fs::metadata(&spec.file) {
        Ok(_) if !spec.present => return Err("is there, and should not be".into()),
        Ok(_) => {}
        Err(error) if is_absence(&error) && !spec.present => return Ok(()),
        Err(error) if is_absence(&error) => return Err("is not there".into()),
        Err(error) => return Err(Cause(&error).to_string()),
    }
    let Some(content) = &spec.content else {
        return Ok(());
    };
    let text = beginning(&spec.file).map_err(|error| Cause(&error).to_string())?;
    if contains(&text, content.as_bytes()) {
        return Ok(());
    }
    let first = String::from_utf8_lossy(text.split(|&octet| octet == b'\n').next().unwrap_or(&[]));
    Err(format!(
        "contains \"{}\", not \"{content}\"",
        first.trim_end()
    ))
}

/// A path whose parent is a file is no file either.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would block its opener until somebody writes.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is no regular file"));
    }
    let mut text = Vec::new();
    file.take(READ).read_to_end(&mut text)?;
    Ok(text)
}

pub(crate) fn contains(text: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part == wanted)
}

/// Octets of a file that are looked at.
const READ: u64 = 64 * 1024;
