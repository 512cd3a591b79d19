//! `events`: what has happened, and what happens.

use clap::Args;

use super::{Asked, Format, ShowArgs, on_stdout};
use crate::client::ClientError;
use crate::model::Event;
use crate::show;

/// Which events to show.
#[derive(Args, Clone, Debug)]
pub struct EventsArgs {
    /// Go on with what happens from now on, until one of both programs ends.
    #[arg(short, long)]
    follow: bool,
    /// Only what happened after the event with this number.
    #[arg(long, value_name = "N")]
    since: Option<u64>,
    #[command(flatten)]
    show: ShowArgs,
}

/// Shows what has happened of late, each event as soon as it was read.
///
/// # Errors
///
/// As [`status`](super::status), and when the program ends while it is followed.
pub fn events(args: &EventsArgs, asked: Asked<'_>) -> Result<(), ClientError> {
    let (since, follow) = (args.since.unwrap_or(0), args.follow);
    let path = format!("/v1/events?since={since}&follow={follow}");
    let answer = args.show.socket.client(asked).ask(&path)?;
    on_stdout(|screen, to| {
        if args.show.output == Format::Json {
            return answer.copy_lines(to);
        }
        let mut table = show::Events::new(screen, to)?;
        answer.lines(|event: Event| table.write(&event))
    })
}
