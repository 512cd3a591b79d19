use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command};

use super::{asked, write};

fn words(words: &[&str]) -> Option<PathBuf> {
    asked(words.iter().map(OsString::from))
}

#[test]
fn only_the_two_words_ask_for_the_manual() {
    assert_eq!(words(&["manual", "there"]), Some(PathBuf::from("there")));
    for other in [
        &[][..],
        &["manual"],
        &["run", "manual"],
        &["--socket", "manual"],
        &["manual", "there", "more"],
    ] {
        assert_eq!(words(other), None, "{other:?}");
    }
}

#[test]
fn every_command_has_a_page_but_hidden_ones_and_every_shell_its_completions() {
    let folder = std::env::temp_dir().join(format!("program-manual-{}", std::process::id()));
    let loud = Arg::new("loud").long("loud").help("Be heard");
    let program = Command::new("greet")
        .version("1.2")
        .about("Greets people")
        .subcommand(Command::new("wave").about("Waves").arg(loud))
        .subcommand(Command::new("lurk").hide(true));
    write(program, "8", &folder).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "_greet",
        "greet-wave.8",
        "greet.8",
        "greet.bash",
        "greet.fish",
    ];
    assert_eq!(names, expected);
    let page = std::fs::read_to_string(folder.join("greet-wave.8")).unwrap();
    for part in [".TH greet-wave 8", "greet 1.2", "Be heard"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
