//! States and kernels as a process may find them.

use std::fs;
use std::path::{Path, PathBuf};

use netplumb::{BridgeSpec, FakeKernel, Kernel as _, LinkKind, LinkSpec, Op, Owned};

use super::{links, restarting, state};
use crate::instance::Instance;
use crate::naming;
use crate::store::{self, NetworkRecord, State};

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bgplb-resume-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn one_network(instance: Option<Instance>) -> State {
    let record = NetworkRecord {
        v4: Some([10, 0, 0, 101].into()),
        ..NetworkRecord::default()
    };
    State::new(instance, [("n1".to_owned(), record)].into())
}

fn with_bridge(network: &str, alias: &str) -> FakeKernel {
    let mut kernel = FakeKernel::new();
    let kind = LinkKind::Bridge(BridgeSpec::default());
    let bridge = LinkSpec::new(naming::bridge(network), kind, alias);
    kernel.apply(&Op::CreateLink(bridge)).unwrap();
    kernel
}

fn set_aside(directory: &Path) -> usize {
    let files = fs::read_dir(directory).unwrap();
    let names = files.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("unreadable")).count()
}

#[test]
fn an_instance_is_drawn_once_and_kept() {
    let directory = Directory::new("once");
    let (_, first) = state(&directory.0).unwrap();
    let (_, second) = state(&directory.0).unwrap();
    assert_eq!(first, second);
    let elsewhere = Directory::new("elsewhere");
    let (_, other) = state(&elsewhere.0).unwrap();
    assert_ne!(first, other);
}

#[test]
fn a_state_of_an_earlier_version_gets_an_instance_and_keeps_its_networks() {
    let directory = Directory::new("earlier");
    let text = r#"{"version":1,"networks":{"n1":{"v4":"10.0.0.101","v6":null,"endpoints":{}}}}"#;
    fs::write(directory.0.join("state.json"), text).unwrap();
    let (found, instance) = state(&directory.0).unwrap();
    assert_eq!(found, one_network(Some(instance)));
    assert_eq!(store::load(&directory.0).unwrap().state, found);

    let mut kernel = with_bridge("n1", "bgplb:network:n1");
    let observed = links(&mut kernel, instance, &found).unwrap();
    let alias = &observed.links[&naming::bridge("n1")].alias;
    assert_eq!(*alias, instance.bridge_alias("n1"));
    assert!(
        restarting(instance, &found, &observed)
            .unwrap()
            .forwarding_kept
    );
}

#[test]
fn a_state_that_is_not_understood_is_kept_aside_and_nothing_is_ours() {
    let directory = Directory::new("damaged");
    let (_, before) = state(&directory.0).unwrap();
    store::write(&directory.0, &one_network(Some(before))).unwrap();
    let whole = fs::read_to_string(directory.0.join("state.json")).unwrap();
    for (count, text) in [&whole[..whole.len() / 2], "{\"version\":99}", ""]
        .iter()
        .enumerate()
    {
        fs::write(directory.0.join("state.json"), text).unwrap();
        fs::write(directory.0.join("state.json.copy"), text).unwrap();
        let (found, instance) = state(&directory.0).unwrap();
        assert!(found.networks.is_empty());
        assert_ne!(instance, before);
        assert_eq!(set_aside(&directory.0), count + 1);
        let mut kernel = with_bridge("n1", &before.bridge_alias("n1"));
        let observed = links(&mut kernel, instance, &found).unwrap();
        let owned = Owned::new(instance.mark(), 186);
        assert!(!owned.owns_link(&observed, &naming::bridge("n1")));
        assert!(restarting(instance, &found, &observed).is_none());
    }
}

#[test]
fn a_damaged_file_is_replaced_by_its_copy_and_kept_aside() {
    let directory = Directory::new("copy");
    let (_, instance) = state(&directory.0).unwrap();
    let whole = one_network(Some(instance));
    store::write(&directory.0, &whole).unwrap();
    fs::write(directory.0.join("state.json"), "{").unwrap();
    assert_eq!(state(&directory.0).unwrap(), (whole.clone(), instance));
    assert_eq!(set_aside(&directory.0), 1);
    assert!(store::load(&directory.0).unwrap().damage.is_none());
    fs::remove_file(directory.0.join("state.json")).unwrap();
    assert_eq!(state(&directory.0).unwrap(), (whole, instance));
    assert!(store::load(&directory.0).unwrap().damage.is_none());
}

#[test]
fn a_state_that_cannot_be_read_is_never_replaced() {
    let directory = Directory::new("unreadable");
    fs::create_dir(directory.0.join("state.json")).unwrap();
    let error = state(&directory.0).unwrap_err().to_string();
    assert!(error.contains("state.json"), "{error}");
    assert!(directory.0.join("state.json").is_dir());
    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    assert!(state(&file).is_err(), "a file is no directory");
}

#[test]
fn after_a_reboot_routers_are_told_that_nothing_was_kept() {
    let directory = Directory::new("reboot");
    let (_, instance) = state(&directory.0).unwrap();
    store::write(&directory.0, &one_network(Some(instance))).unwrap();
    let (found, instance) = state(&directory.0).unwrap();
    let observed = links(&mut FakeKernel::new(), instance, &found).unwrap();
    assert!(
        !restarting(instance, &found, &observed)
            .unwrap()
            .forwarding_kept
    );
}
