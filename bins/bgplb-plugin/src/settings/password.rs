//! `PEER_PASSWORD` and the file of `PEER_PASSWORD_FILE`: keys that nothing shows.

use std::fmt;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::SettingsError;

const INLINE: &str = "PEER_PASSWORD";
const FILE: &str = "PEER_PASSWORD_FILE";

/// `TCP_MD5SIG_MAXKEYLEN` of `linux/tcp.h`.
const LONGEST: usize = 80;

/// No file of keys is longer, in octets.
const FILE_LIMIT: u64 = 64 * 1024;

/// What lets others than the owner and its group read it, or others than the
/// owner write it.
const TOO_OPEN: u32 = 0o027;

/// A TCP MD5 key (RFC 2385) that does not show itself, and is gone from memory
/// when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(Vec<u8>);

impl Password {
    /// The key's octets.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }

    fn new(key: &[u8], name: &str, place: impl fmt::Display) -> Result<Self, SettingsError> {
        match key.len() {
            1..=LONGEST => Ok(Self(key.to_vec())),
            length => Err(refused(
                name,
                format!("{place} is {length} octets long: TCP MD5 keys have 1 to {LONGEST}"),
            )),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Drop for Password {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// The key of each of `peers` routers, from whichever setting is given.
///
/// # Errors
///
/// A sentence without anything of a key.
pub(super) fn read(
    inline: Option<&str>,
    file: Option<&str>,
    peers: usize,
    warnings: &mut Vec<String>,
) -> Result<Vec<Option<Password>>, SettingsError> {
    match (inline, file) {
        (None, None) => Ok(vec![None; peers]),
        (Some(_), Some(_)) => Err(refused(
            FILE,
            format!("{INLINE} is set as well: give one of them"),
        )),
        (Some(key), None) => {
            let key = Password::new(key.as_bytes(), INLINE, "it")?;
            Ok(vec![Some(key); peers])
        }
        (None, Some(path)) => of_file(Path::new(path), peers, warnings),
    }
}

fn of_file(
    path: &Path,
    peers: usize,
    warnings: &mut Vec<String>,
) -> Result<Vec<Option<Password>>, SettingsError> {
    let shown = path.display();
    let (mut text, mode) = slurp(path).map_err(|error| {
        let accepted = "give a file of one line, or one for each router";
        refused(FILE, format!("{shown} can't be read ({error}): {accepted}"))
    })?;
    if mode & TOO_OPEN != 0 {
        warnings.push(format!(
            "{FILE}={shown} has mode {mode:04o}, by which others can use it: `chmod 600` keeps them out"
        ));
    }
    let keys = keys(&text, path, peers);
    wipe(&mut text);
    keys
}

/// One key a line; a single one is for all routers.
fn keys(text: &[u8], path: &Path, peers: usize) -> Result<Vec<Option<Password>>, SettingsError> {
    let shown = path.display();
    // Editors end the last line, too.
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = text.split(|octet| *octet == b'\n');
    let lines: Vec<&[u8]> = lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    if lines.len() != 1 && lines.len() != peers {
        let lines = lines.len();
        return Err(refused(
            FILE,
            format!(
                "{shown} has {lines} lines for the {peers} addresses of PEER_ADDRESS: give one for all, or one for each"
            ),
        ));
    }
    let keys = lines.iter().enumerate().map(|(i, line)| {
        let place = format!("line {} of {shown}", i + 1);
        Password::new(line, FILE, place).map(Some)
    });
    let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
    if let [one] = keys.as_slice() {
        keys = vec![one.clone(); peers];
    }
    Ok(keys)
}

/// What is in the file, and its mode.
fn slurp(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    // Before it is opened: that waits for the other end of a pipe.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Vec::with_capacity(usize::try_from(FILE_LIMIT + 1).unwrap_or_default());
    let read = File::open(path)?
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut text)?;
    if read as u64 > FILE_LIMIT {
        wipe(&mut text);
        return Err(io::Error::other("too long"));
    }
    Ok((text, about.permissions().mode() & 0o7777))
}

/// Overwrites a secret; nobody reads it after that, which the compiler must not
/// take for a reason to leave it.
fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    black_box(secret);
}

fn refused(name: &str, reason: String) -> SettingsError {
    SettingsError::Password {
        name: name.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Password, read};

    /// A file of the test's own, gone with it.
    struct KeyFile(PathBuf);

    impl KeyFile {
        fn new(text: &[u8], mode: u32) -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = format!("bgplb-key-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
            Self(path)
        }

        fn read(&self, peers: usize) -> (Result<Vec<String>, String>, Vec<String>) {
            let mut warnings = Vec::new();
            let keys = read(None, self.0.to_str(), peers, &mut warnings);
            let shown = |key: &Option<Password>| {
                let key = key.as_ref().unwrap().reveal();
                String::from_utf8(key.to_vec()).unwrap()
            };
            let keys = keys.map(|keys| keys.iter().map(shown).collect());
            (keys.map_err(|error| error.to_string()), warnings)
        }
    }

    impl Drop for KeyFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn one_line_is_for_all_routers_and_several_for_each() {
        for text in ["hush", "hush\n", "hush\r\n"] {
            let (keys, warnings) = KeyFile::new(text.as_bytes(), 0o600).read(2);
            assert_eq!(keys.unwrap(), ["hush", "hush"], "{text:?}");
            assert!(warnings.is_empty(), "{warnings:?}");
        }
        let (keys, _) = KeyFile::new(b" one, two\nthree \n", 0o640).read(2);
        assert_eq!(keys.unwrap(), [" one, two", "three "]);
    }

    #[test]
    fn a_file_others_can_use_is_warned_about_and_taken() {
        for mode in [0o644, 0o660, 0o604, 0o602] {
            let file = KeyFile::new(b"hush", mode);
            let (keys, warnings) = file.read(1);
            assert_eq!(keys.unwrap(), ["hush"]);
            let [warning] = warnings.as_slice() else {
                panic!("{mode:o}: {warnings:?}")
            };
            assert!(warning.contains(&format!("mode {mode:04o}")), "{warning}");
            assert!(warning.contains(file.0.to_str().unwrap()), "{warning}");
            assert!(!warning.contains("hush"), "{warning}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let long = "s3cret".repeat(20);
        for (text, peers, words) in [
            ("", 1, "line 1 of "),
            ("\n", 1, "is 0 octets long"),
            (&*long, 1, "is 120 octets long: TCP MD5 keys have 1 to 80"),
            ("s3cret\n\n", 2, "line 2 of "),
            (
                "s3cret\ns3cret\n",
                3,
                "has 2 lines for the 3 addresses of PEER_ADDRESS",
            ),
            (
                "s3cret\ns3cret\n",
                1,
                "has 2 lines for the 1 addresses of PEER_ADDRESS",
            ),
        ] {
            let (keys, _) = KeyFile::new(text.as_bytes(), 0o600).read(peers);
            let error = keys.unwrap_err();
            assert!(error.starts_with("PEER_PASSWORD_FILE: "), "{error}");
            assert!(
                error.contains(words) && !error.contains("s3cret"),
                "{error}"
            );
        }
        let endless = KeyFile::new(&vec![b'x'; 70_000], 0o600).read(1).0;
        assert!(endless.unwrap_err().contains("too long"));
        for (path, words) in [
            ("/nowhere/key", "No such file"),
            ("/dev/zero", "not a regular file"),
        ] {
            let error = read(None, Some(path), 1, &mut Vec::new()).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(path) && error.contains(words), "{error}");
        }
    }

    #[test]
    fn there_is_one_place_to_give_it() {
        let both = read(Some("hush"), Some("/run/key"), 1, &mut Vec::new());
        let error = both.unwrap_err().to_string();
        assert_eq!(
            error,
            "PEER_PASSWORD_FILE: PEER_PASSWORD is set as well: give one of them"
        );
    }
}
