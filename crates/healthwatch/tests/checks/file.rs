use std::path::PathBuf;
use std::process::Command;

use healthwatch::{FileSpec, ProbeSpec};

use crate::world::{Directory, refusal, seen, shown};

fn spec(file: PathBuf, present: bool, content: Option<&str>) -> ProbeSpec {
    ProbeSpec::File(FileSpec {
        file,
        present,
        content: content.map(str::to_owned),
    })
}

async fn complaint(spec: ProbeSpec) -> String {
    seen(spec).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_file_that_should_be_there_is_looked_for() {
    let directory = Directory::new();
    let file = directory.path("ok");
    let name = shown(&file);
    assert_eq!(
        complaint(spec(file.clone(), true, None)).await,
        format!("file {name}: is not there")
    );
    std::fs::write(&file, "all\nis well\n").unwrap();
    seen(spec(file.clone(), true, None)).await.unwrap();
    seen(spec(file.clone(), true, Some("is well")))
        .await
        .unwrap();
    assert_eq!(
        complaint(spec(file, true, Some("is bad"))).await,
        format!("file {name}: contains \"all\", not \"is bad\"")
    );
}

#[tokio::test]
async fn a_file_that_should_not_be_there_is_looked_for() {
    let directory = Directory::new();
    let file = directory.path("maintenance");
    let name = shown(&file);
    seen(spec(file.clone(), false, None)).await.unwrap();
    std::fs::write(&file, "").unwrap();
    assert_eq!(
        complaint(spec(file.clone(), false, None)).await,
        format!("file {name}: is there, and should not be")
    );
    seen(spec(file.join("below"), false, None)).await.unwrap();
}

#[tokio::test]
async fn a_pipe_is_not_waited_for() {
    let directory = Directory::new();
    let pipe = directory.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let name = shown(&pipe);
    assert_eq!(
        complaint(spec(pipe, true, Some("x"))).await,
        format!("file {name}: is no regular file")
    );
}

#[test]
fn what_cannot_be_looked_for_is_refused() {
    assert_eq!(
        refusal(spec("ok".into(), true, None)),
        "file is ok; accepted is an absolute path"
    );
    assert_eq!(
        refusal(spec("/ok".into(), false, Some("x"))),
        "file /ok should be absent and have content; accepted is one of both"
    );
}
