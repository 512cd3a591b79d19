//! Brings the kernel's news to the controller.

use std::io;
use std::thread;
use std::time::Duration;

use netplumb::ObjectWatch;
use tracing::error;

use crate::controller::Handle;

/// How long one wait lasts; the thread ends at most so long after the
/// controller.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the thread that tells the controller what others do to objects of
/// ours, until that ends.
///
/// One batch is told after the other: what happens meanwhile is taken together,
/// so that a storm costs no more than the controller can bear.
///
/// # Errors
///
/// When there can be no thread.
pub(crate) fn follow(mut watch: ObjectWatch, controller: Handle) -> io::Result<()> {
    thread::Builder::new()
        .name("kernel-news".to_owned())
        .spawn(move || {
            while !controller.is_gone() {
                match watch.wait(PATIENCE) {
                    Ok(Some(news)) if !news.is_empty() => {
                        controller.ask_blocking(move |it| it.kernel_changed(&news));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        // What is missing is found once a minute all the same.
                        error!(%error, "the kernel can't be listened to any more");
                        return;
                    }
                }
            }
        })
        .map(drop)
}
