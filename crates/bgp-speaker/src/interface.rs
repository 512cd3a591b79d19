//! Names and numbers of interfaces, which link-local addresses need.

use std::ffi::{CStr, CString};
use std::io;

/// The kernel's number of the interface `name` now.
///
/// # Errors
///
/// There is no such interface.
pub(crate) fn index(name: &str) -> io::Result<u32> {
    let error = |error: io::Error| {
        io::Error::new(error.kind(), format!("find the interface {name}: {error}"))
    };
    let c_name = CString::new(name).map_err(|e| error(e.into()))?;
    // SAFETY: the name is terminated and lives through the call.
    match unsafe { libc::if_nametoindex(c_name.as_ptr()) } {
        0 => Err(error(io::Error::last_os_error())),
        index => Ok(index),
    }
}

/// The name of the interface with this number, if there is one.
pub(crate) fn name(index: u32) -> Option<String> {
    let mut name: [libc::c_char; libc::IF_NAMESIZE] = [0; libc::IF_NAMESIZE];
    // SAFETY: the array has room for the longest name and its end.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: the kernel's name in the array is terminated.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    name.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_belong_together() {
        let number = index("lo").unwrap();
        assert_eq!(name(number).as_deref(), Some("lo"));
        assert_eq!(name(u32::MAX), None);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let error = index("no-such-link").unwrap_err().to_string();
        assert!(
            error.starts_with("find the interface no-such-link: "),
            "{error}"
        );
        assert!(index("null\0inside").is_err());
    }
}
