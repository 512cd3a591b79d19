//! What outlives a restart: a file with one JSON object, a section of it for each part of the
//! program that keeps something.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tracing::warn;

/// The file. Clones are of the same one; sections that nobody here knows stay as they are.
#[derive(Clone, Debug)]
pub(crate) struct StateFile(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// What the file has.
    sections: Map<String, Value>,
}

impl StateFile {
    /// Reads the file, which need not be there yet. One that is damaged is set aside as
    /// `PATH.damaged`, and nothing is known then.
    ///
    /// # Errors
    ///
    /// When it is there and can't be read, or its folder is not there.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("state {}: {error}", path.display()))
        };
        let sections = match read(path) {
            Ok(Ok(sections)) => sections,
            Ok(Err(why)) => {
                let aside = path.with_added_extension("damaged");
                let moved = fs::rename(path, &aside);
                let aside = aside.display();
                warn!(path = %path.display(), "the state is damaged ({why}), and nothing is known of before");
                match moved {
                    Ok(()) => warn!("it was set aside as {aside}"),
                    Err(error) => warn!("it can't be set aside as {aside}: {error}"),
                }
                Map::new()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::metadata(folder(path)).map_err(named)?;
                Map::new()
            }
            Err(error) => return Err(named(error)),
        };
        let path = path.to_owned();
        Ok(Self(Arc::new(Mutex::new(Kept { path, sections }))))
    }

    /// What was kept under this name; `None` if nothing was, or it is not understood.
    pub(crate) fn section<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let section = kept.sections.get(name)?.clone();
        serde_json::from_value(section)
            .inspect_err(|error| {
                let path = kept.path.display();
                warn!(%path, section = name, "the section is not understood: {error}");
            })
            .ok()
    }

    /// Keeps `section` under this name, in place of what was there. It is on the disk when this
    /// is over.
    ///
    /// # Errors
    ///
    /// When it can't be written; the file has what it had then.
    pub(crate) async fn keep(
        &self,
        name: &'static str,
        section: &impl Serialize,
    ) -> io::Result<()> {
        let section = serde_json::to_value(section)?;
        let kept = Arc::clone(&self.0);
        let written = tokio::task::spawn_blocking(move || {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.replace(name, section)
        });
        written.await?
    }
}

impl Kept {
    fn replace(&mut self, name: &str, section: Value) -> io::Result<()> {
        if self.sections.get(name) == Some(&section) {
            return Ok(());
        }
        let mut sections = self.sections.clone();
        sections.insert(name.to_owned(), section);
        write(&self.path, &sections).map_err(|error| {
            let path = self.path.display();
            io::Error::new(error.kind(), format!("{path}: {error}"))
        })?;
        self.sections = sections;
        Ok(())
    }
}

/// The sections, or why there are none in the file.
fn read(path: &Path) -> io::Result<Result<Map<String, Value>, String>> {
    let mut text = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LIMIT {
        return Ok(Err(format!("it has more than {LIMIT} octets")));
    }
    Ok(serde_json::from_slice(&text).map_err(|error| error.to_string()))
}

/// Replaces the file whole: readers see the old one or the new one, after a loss of power too.
fn write(path: &Path, sections: &Map<String, Value>) -> io::Result<()> {
    let text = serde_json::to_vec(sections)?;
    let temporary = path.with_added_extension("new");
    let mut create = File::options();
    create.create(true).write(true).truncate(true).mode(0o600);
    let written = create
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What was written of it may be the room that is lacking.
        drop(fs::remove_file(&temporary));
    }
    written?;
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// How much of a file is read.
const LIMIT: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("bgplb-speaker-state-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("state.json")
        }

        fn text(&self) -> Value {
            serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let name = |it: io::Result<fs::DirEntry>| it.unwrap().file_name().into_string();
            let mut names: Vec<String> = entries.map(|it| name(it).unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn sections_of_others_stay_as_they_are() {
        let folder = Folder::new("sections");
        let others = r#"{"later": {"a": [1, null]}, "own": 1}"#;
        fs::write(folder.file(), others).unwrap();
        let state = StateFile::open(&folder.file()).unwrap();
        assert_eq!(state.section::<u8>("own"), Some(1));
        state.clone().keep("own", &2).await.unwrap();
        state.keep("new", &["x"]).await.unwrap();
        let wanted = json!({"later": {"a": [1, null]}, "own": 2, "new": ["x"]});
        assert_eq!(folder.text(), wanted);
        assert_eq!(folder.names(), ["state.json"]);
        let again = StateFile::open(&folder.file()).unwrap();
        assert_eq!(again.section::<u8>("own"), Some(2));
        assert_eq!(again.section::<u8>("new"), None, "it is no number");
        assert_eq!(again.section::<u8>("none"), None);
    }

    #[tokio::test]
    async fn a_damaged_file_is_set_aside_and_another_one_begun() {
        let folder = Folder::new("damaged");
        let long = vec![b' '; 16 * 1024 * 1024 + 1];
        for damage in [&b""[..], b"{\"own\": 1", b"[]", b"\0\0\0\0", &long] {
            fs::write(folder.file(), damage).unwrap();
            let state = StateFile::open(&folder.file()).unwrap();
            assert_eq!(state.section::<u8>("own"), None);
            assert_eq!(folder.names(), ["state.json.damaged"]);
            state.keep("own", &3).await.unwrap();
            assert_eq!(folder.text(), json!({"own": 3}));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_told_and_tried_again() {
        let folder = Folder::new("refused");
        let state = StateFile::open(&folder.file()).unwrap();
        // A folder in its place can't be written over, by root either.
        fs::create_dir(folder.0.join("state.json.new")).unwrap();
        let error = state.keep("own", &1).await.unwrap_err().to_string();
        assert!(error.contains("state.json: "), "{error}");
        assert_eq!(state.section::<u8>("own"), None);
        fs::remove_dir(folder.0.join("state.json.new")).unwrap();
        state.keep("own", &1).await.unwrap();
        assert_eq!(folder.text(), json!({"own": 1}));
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let error = StateFile::open(Path::new("/nonexistent/state.json"));
        let error = error.unwrap_err().to_string();
        let wanted = "state /nonexistent/state.json: No such file or directory (os error 2)";
        assert_eq!(error, wanted);
    }
}
