//! A web server that is well or not, as its test wants it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Answers on a port of 127.0.0.1 until the end of the test's process.
pub struct Web {
    well: Arc<AtomicBool>,
}

impl Web {
    /// One that is well, in the namespace of the thread that calls.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let well = Arc::new(AtomicBool::new(true));
        let is_well = Arc::clone(&well);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                lines.map_while(Result::ok).find(String::is_empty);
                let status = match is_well.load(Ordering::Relaxed) {
                    true => "200 OK",
                    false => "503 Service Unavailable",
                };
                // Who asked may have gone.
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { well }
    }

    pub fn set_well(&self, well: bool) {
        self.well.store(well, Ordering::Relaxed);
    }
}
