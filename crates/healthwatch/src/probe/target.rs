//! Where a connection goes, and what a failure says of it.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::check::Failure;

/// Connects to `address`; `target` is what a failure names.
pub(crate) async fn connect(address: SocketAddr, target: &str) -> Result<TcpStream, Failure> {
    TcpStream::connect(address)
        .await
        .map_err(|error| Failure::new(format_args!("{target}: connect: {}", Cause(&error))))
}

/// Prints an error with what caused it, each part once.
pub(crate) struct Cause<'a>(pub(crate) &'a (dyn Error + 'static));

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.0.downcast_ref::<io::Error>()
            && let Some(code) = error.raw_os_error()
        {
            // Without "(os error 111)", which nobody looks up.
            let text = error.to_string();
            let number = format!(" (os error {code})");
            return f.write_str(text.strip_suffix(&number).unwrap_or(&text));
        }
        write!(f, "{}", self.0)?;
        match self.0.source() {
            Some(source) if self.0.to_string() != source.to_string() => {
                write!(f, ": {}", Cause(source))
            }
            _ => Ok(()),
        }
    }
}
