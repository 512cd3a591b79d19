//! Requests to ChromeDriver: JSON there and back (W3C WebDriver section 6).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// A browser on a busy machine takes its time, but not for ever.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks and gives the answer's `value`.
///
/// # Errors
///
/// When nobody answers, or with the driver's own words.
pub(super) fn ask(at: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nHost: {at}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let answer = read(&mut stream).with_context(|| format!("{method} {path}"))?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
    let value = answer["value"].clone();
    if let Some(error) = value["error"].as_str() {
        bail!("{method} {path}: {error}: {}", value["message"]);
    }
    Ok(value)
}

/// The body of an answer, whose head says how long it is; the driver may keep the connection.
fn read(stream: &mut TcpStream) -> Result<String> {
    let mut octets = Vec::new();
    let mut part = [0; 65_536];
    loop {
        if let Some(body) = whole(&octets)? {
            return Ok(body);
        }
        let count = stream.read(&mut part)?;
        ensure!(
            count > 0,
            "the answer broke off after {} octets",
            octets.len()
        );
        octets.extend_from_slice(&part[..count]);
    }
}

fn whole(octets: &[u8]) -> Result<Option<String>> {
    let Some(end) = octets.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&octets[..end])?.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .context("an answer without a length")?;
    let body = &octets[end + 4..];
    let length: usize = length.trim().parse()?;
    if body.len() < length {
        return Ok(None);
    }
    Ok(Some(String::from_utf8(body[..length].to_vec())?))
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn an_answer_is_whole_with_its_last_octet() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..answer.len() {
            assert_eq!(whole(&answer[..cut]).unwrap(), None, "cut at {cut}");
        }
        assert_eq!(whole(answer).unwrap().as_deref(), Some("{}"));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n{}").is_err());
    }
}
