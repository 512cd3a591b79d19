//! Brings the kernel's news to the controller.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use netplumb::{FirewallWatch, Netlink, ObjectWatch};
use tracing::{debug, error};

use crate::controller::{Controller, Handle};
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

/// Starts the threads that tell the controller what others do to the kernel,
/// until it ends.
///
/// # Errors
///
/// When there can be no threads.
pub(crate) fn follow(watch: ObjectWatch, controller: &Handle) -> Result<()> {
    follow_objects(watch, controller.clone())?;
    follow_firewall(controller.clone())
}

/// Tells what others do to objects of ours.
///
/// One batch is told after the other: what happens meanwhile is taken together,
/// so that a storm costs no more than the controller can bear.
fn follow_objects(mut watch: ObjectWatch, controller: Handle) -> Result<()> {
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

/// Has the controller look at the host when the packet filter changes. Without
/// such news it looks once a minute.
fn follow_firewall(controller: Handle) -> Result<()> {
    let mut watch = match FirewallWatch::open() {
        Ok(watch) => watch,
        Err(error) => {
            debug!(%error, "changes of the packet filter are not heard");
            return Ok(());
        }
    };
    thread::Builder::new()
        .name("firewall-news".to_owned())
        .spawn(move || {
            while !controller.is_gone() {
                match watch.wait(PATIENCE) {
                    Ok(true) => controller.ask_blocking(Controller::examine_host_soon),
                    Ok(false) => {}
                    Err(error) => {
                        debug!(%error, "changes of the packet filter are not heard any more");
                        return;
                    }
                }
            }
        })
        .map(drop)
        .context("can't start the packet filter's thread")
}
