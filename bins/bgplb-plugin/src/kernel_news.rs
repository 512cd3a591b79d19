//! Brings the kernel's news to the controller.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use netplumb::{Netlink, ObjectWatch};
use tracing::error;

use crate::controller::Handle;
use crate::instance::Instance;

/// How long one wait lasts; the thread ends at most so long after the
/// controller.
const PATIENCE: Duration = Duration::from_secs(60);

/// Begins to listen for what others than `own` do to objects of the instance's.
///
/// # Errors
///
/// When the kernel can't be listened to.
pub(crate) fn open(instance: Instance, own: &Netlink) -> Result<ObjectWatch> {
    let watch = ObjectWatch::open(instance.mark());
    let mut watch = watch.context("the kernel can't be listened to")?;
    watch.ignore(own);
    Ok(watch)
}

/// Starts the thread that tells the controller what others do to objects of
/// ours, until that ends.
///
/// One batch is told after the other: what happens meanwhile is taken together,
/// so that a storm costs no more than the controller can bear.
///
/// # Errors
///
/// When there can be no thread.
pub(crate) fn follow(mut watch: ObjectWatch, controller: Handle) -> Result<()> {
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
        .context("can't start the kernel's thread")
}
