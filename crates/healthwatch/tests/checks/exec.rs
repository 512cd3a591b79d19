use std::time::{Duration, Instant};

use healthwatch::{ExecSpec, Probe, ProbeSpec, look};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use crate::world::{Directory, PATIENCE, refusal, seen, shown};

fn shell(text: &str) -> ExecSpec {
    ExecSpec::new(["/bin/sh", "-c", text])
}

async fn complaint(text: &str) -> String {
    let failure = seen(ProbeSpec::Exec(shell(text))).await.unwrap_err();
    failure.to_string()
}

#[tokio::test]
async fn the_exit_code_decides() {
    seen(ProbeSpec::Exec(shell("echo noise >&2; exit 0")))
        .await
        .unwrap();
    assert_eq!(
        complaint("echo out; exit 3").await,
        "exec /bin/sh: exit code 3 (0 accepted): out"
    );
    assert_eq!(
        complaint("echo out; echo; echo why >&2; exit 1").await,
        "exec /bin/sh: exit code 1 (0 accepted): why"
    );
    assert_eq!(
        complaint("kill -9 $$").await,
        "exec /bin/sh: killed by signal 9 (0 accepted)"
    );
    let missing = seen(ProbeSpec::Exec(ExecSpec::new(["/no/such"]))).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "exec /no/such: No such file or directory"
    );
}

#[tokio::test]
async fn words_reach_the_program_as_they_are() {
    let script = "test \"$1\" = 'a  $b;c' && test $# = 1";
    let spec = ExecSpec::new(["/bin/sh", "-c", script, "sh", "a  $b;c"]);
    seen(ProbeSpec::Exec(spec)).await.unwrap();
}

#[tokio::test]
async fn the_environment_is_its_own() {
    let mut spec = shell(
        "test \"$BGPLB_ID\" = 7 && test -z \"$CARGO_MANIFEST_DIR$HOME\" && test \"$BGPLB_TIMEOUT\" = 20 && ! read line",
    );
    spec.environment.insert("BGPLB_ID".into(), "7".into());
    seen(ProbeSpec::Exec(spec)).await.unwrap();
}

#[tokio::test]
async fn a_program_that_says_too_much_need_not_wait() {
    seen(ProbeSpec::Exec(shell(
        "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2",
    )))
    .await
    .unwrap();
}

/// A pipe by name, and its end for reading.
fn pipe(directory: &Directory) -> (String, pipe::Receiver) {
    let path = directory.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let reader = pipe::OpenOptions::new().open_receiver(&path).unwrap();
    (shown(&path), reader)
}

/// Waits until nobody holds the pipe open for writing any more.
async fn silence(mut pipe: pipe::Receiver) {
    let mut text = Vec::new();
    let silent = pipe.read_to_end(&mut text);
    tokio::time::timeout(PATIENCE, silent)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_program_that_hangs_ends_with_all_it_started() {
    let directory = Directory::new();
    let (name, mut reader) = pipe(&directory);
    let text = format!("exec 3>{name}; echo up >&3; sleep 1000 & sleep 1000");
    let probe = Probe::new(ProbeSpec::Exec(shell(&text))).unwrap();
    let looking = tokio::spawn(async move { look(&probe, Duration::from_secs(3)).await });
    let mut up = [0; 3];
    reader.read_exact(&mut up).await.unwrap();
    let failure = looking.await.unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "exec /bin/sh: no answer within 3 s");
    silence(reader).await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_holds_nobody_up_and_ends() {
    let directory = Directory::new();
    let (name, reader) = pipe(&directory);
    let text = format!("exec 3>{name}; sleep 1000 & exit 0");
    let before = Instant::now();
    seen(ProbeSpec::Exec(shell(&text))).await.unwrap();
    assert!(before.elapsed() < PATIENCE);
    silence(reader).await;
}

#[tokio::test]
async fn what_has_left_the_group_does_not_make_a_success_a_timeout() {
    // The one that stays ends by itself, later than the look's time is over.
    let text = "setsid sleep 8 & sleep 0.2; exit 0";
    let probe = Probe::new(ProbeSpec::Exec(shell(text))).unwrap();
    look(&probe, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_share_is_read_from_the_output_only_if_that_is_asked_for() {
    let weighed = |text: &str| {
        let mut spec = shell(text);
        spec.weight_from_output = true;
        ProbeSpec::Exec(spec)
    };
    let plain = seen(ProbeSpec::Exec(shell("echo 40%"))).await.unwrap();
    assert_eq!(plain.weight, None);
    let success = seen(weighed("echo ' 40% of it'")).await.unwrap();
    assert_eq!(success.weight, Some(40));
    for text in ["echo 101%", "echo 40", "true"] {
        let failure = seen(weighed(text)).await.unwrap_err().to_string();
        assert!(
            failure.contains("does not begin with a share like 40%"),
            "{failure}"
        );
    }
}

#[test]
fn what_cannot_be_run_is_refused() {
    let refused = |spec| refusal(ProbeSpec::Exec(spec));
    assert_eq!(
        refused(ExecSpec::new(["true"])),
        "command begins with \"true\"; accepted is the absolute path of a program"
    );
    assert_eq!(
        refused(ExecSpec::default()),
        "command begins with \"\"; accepted is the absolute path of a program"
    );
    let mut spec = shell("true");
    spec.environment.insert("LD_PRELOAD".into(), "x".into());
    assert_eq!(
        refused(spec),
        "environment has \"LD_PRELOAD\"; accepted are names that begin with BGPLB_"
    );
}
