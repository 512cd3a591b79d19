//! Whatever a file holds, the import ends, in order.

use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn all_wishes() -> Vec<Wishes> {
    let origins = [
        None,
        Some(Origin::BgpLb),
        Some(Origin::Gobgpd),
        Some(Origin::Metallb),
    ];
    let targets = [Target::Speaker, Target::Plugin];
    let both = origins
        .into_iter()
        .flat_map(|origin| targets.map(|target| (origin, target)));
    let wishes = both.map(|(origin, target)| Wishes {
        origin,
        target,
        router_id: Some([192, 0, 2, 1].into()),
        switches: Switches {
            network_setup: target == Target::Speaker,
            ipvs_setup: true,
            status_listen: "127.0.0.1:8081".to_owned(),
        },
    });
    wishes.collect()
}

/// A text is there if nothing is wrong, and is one that we read.
fn check(text: &str) -> Vec<Imported> {
    let files = [("file".to_owned(), text.to_owned())];
    let import_with = |wishes: Wishes| {
        let imported = import(&files, &wishes);
        let faults = imported
            .notes
            .iter()
            .filter(|it| it.weight == Weight::Fault);
        assert_eq!(imported.text.is_none(), faults.count() > 0, "{wishes:?}");
        imported
    };
    all_wishes().into_iter().map(import_with).collect()
}

const FIXTURES: [&str; 7] = [
    "bgp-lb/full.json",
    "bgp-lb/loosely-written.json",
    "bgp-lb/wrong-types.json",
    "gobgpd/of-2015.toml",
    "gobgpd/of-today.toml",
    "metallb/objects.yaml",
    "metallb/config-map.yaml",
];

#[test]
fn each_fixture_is_written_for_somebody_but_the_one_that_is_wrong() {
    for name in FIXTURES {
        let imported = check(&fixture(name));
        let written = imported.iter().any(|it| it.text.is_some());
        assert_eq!(written, !name.contains("wrong"), "{name}");
    }
}

#[test]
fn a_letter_too_many_anywhere_ends_in_a_text_or_with_a_reason() {
    let wishes = &all_wishes()[0];
    let text = fixture("metallb/config-map.yaml");
    for (at, _) in text.char_indices() {
        let (before, after) = text.split_at(at);
        let files = [("file".to_owned(), format!("{before}a{after}"))];
        let imported = import(&files, wishes);
        let mut notes = imported.notes.iter();
        let faulty = notes.any(|it| it.weight == Weight::Fault);
        assert_eq!(imported.text.is_none(), faulty, "at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        check(&text);
    }

    #[test]
    fn what_looks_like_yaml_is_read_or_refused(text in "[-:?&*!|>#%@{}\\[\\],'\" \n\ta1~<.]{0,60}") {
        check(&text);
    }

    #[test]
    fn a_fixture_with_something_changed_is_read_or_refused(
        which in 0..FIXTURES.len(),
        at in any::<prop::sample::Index>(),
        cut in 0..12_usize,
        put in "[-0-9a-z:\"\n {}\\[\\],.]{0,6}",
    ) {
        let mut text: Vec<char> = fixture(FIXTURES[which]).chars().collect();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.chars());
        check(&text.into_iter().collect::<String>());
    }
}
