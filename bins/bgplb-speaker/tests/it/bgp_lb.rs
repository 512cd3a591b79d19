//! The program in bgp-lb's place: its flags, its file, its metric and its words.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::{Value, json};

use crate::namespace::{in_namespace, ip};
use crate::router::{Router, Session};
use crate::web::Web;
use crate::{ConfigFile, text};

/// The program, killed at the end of the test.
struct BgpLb {
    child: Child,
    said: BufReader<ChildStderr>,
    file: PathBuf,
}

impl BgpLb {
    fn start(name: &str, settings: &Value, flags: &[&str]) -> Self {
        let name = format!("bgplb-as-bgp-lb-{}-{name}.json", std::process::id());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, settings.to_string()).unwrap();
        // Its control socket is in its default place, which others may have, too.
        let own_run = "mount -t tmpfs run /run && exec \"$@\"";
        let mut child = Command::new("unshare")
            .args(["--mount", "sh", "-c", own_run, "sh"])
            .args([env!("CARGO_BIN_EXE_bgplb-speaker"), "-config"])
            .arg(&file)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self { child, said, file }
    }

    /// Waits for a line of the log that has this in it.
    fn says(&mut self, wanted: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            let read = self.said.read_line(&mut line).unwrap();
            all.push_str(&line);
            assert_ne!(read, 0, "it ended without “{wanted}”, after:\n{all}");
            if line.contains(wanted) {
                return line;
            }
        }
    }

    /// What our own commands say of it.
    fn asked(&self, arguments: &[&str]) -> String {
        let id = self.child.id().to_string();
        let output = Command::new("nsenter")
            .args(["--mount", "--target", &id])
            .arg(env!("CARGO_BIN_EXE_bgplb-speaker"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for BgpLb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
    }
}

fn settings(router: IpAddr, service: &str) -> Value {
    json!({
        "bgp": {
            "peers": [{"address": router, "as": 64513}],
            "local": {"routerID": "192.0.2.1", "as": 64512, "listenPort": -1},
        },
        "service": {
            "name": "web", "ip": service, "protocol": "tcp",
            "httphealthcheck": {"port": 8080},
        },
    })
}

/// What dashboards of bgp-lb ask for.
fn path_advertisement(service: &str) -> Option<String> {
    let mut stream = TcpStream::connect("127.0.0.1:8081").unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let series = format!(
        "bgp_lb_path_advertisement{{prefix=\"{service}\",prefix_length=\"32\",next_hop=\"192.0.2.1\"}} "
    );
    let value = answer.lines().find_map(|line| line.strip_prefix(&series));
    value.map(str::to_owned)
}

fn route(session: &mut Session) -> String {
    loop {
        let told = session.told();
        if told != "end" {
            return told;
        }
    }
}

const METRICS: &str = "-metrics-address=127.0.0.1:8081";

#[test]
fn a_service_without_network_set_up_is_announced_and_the_host_is_left_alone() {
    in_namespace(|| {
        let router = Router::at_port(179);
        let before = addresses();
        let _web = Web::start(8080);
        let service = settings(router.address(), "203.0.113.1");
        let flags = ["--network-setup=false", "-log-level", "info", METRICS];
        let mut program = BgpLb::start("nowhere", &service, &flags);
        program.says("Service on");
        let mut session = router.accept();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        assert_eq!(path_advertisement("203.0.113.1").as_deref(), Some("1"));
        assert_eq!(addresses(), before);
        // SIGHUP reads the same kind of file.
        let other = settings(router.address(), "203.0.113.2");
        fs::write(&program.file, other.to_string()).unwrap();
        program.signal("-HUP");
        let mut told = [route(&mut session), route(&mut session)];
        told.sort();
        assert_eq!(told, ["+203.0.113.2/32 path 64512", "-203.0.113.1/32"]);
        // bgp-lb just ends; here the peers are told.
        program.signal("-TERM");
        assert_eq!(route(&mut session), "-203.0.113.2/32");
        assert!(program.child.wait().unwrap().success());
    });
}

#[test]
fn the_words_and_the_metric_of_bgp_lb_follow_the_service() {
    in_namespace(|| {
        let router = Router::at_port(179);
        let web = Web::start(8080);
        let service = settings(router.address(), "203.0.113.1");
        let flags = ["--network-setup=false", METRICS];
        let mut program = BgpLb::start("words", &service, &flags);
        program.says("Service on");
        let mut session = router.accept();
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        let said = program.asked(&["drain", "web", "--wait"]);
        assert_eq!(said, "the service web is drained: it is withdrawn\n");
        program.says("Service off");
        assert!(route(&mut session).ends_with("graceful-shutdown"));
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        assert_eq!(path_advertisement("203.0.113.1").as_deref(), Some("0"));
        program.asked(&["undrain", "web"]);
        program.says("Service on");
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
        assert_eq!(path_advertisement("203.0.113.1").as_deref(), Some("1"));
        // One failure is enough, as it is for bgp-lb.
        web.set_well(false);
        program.says("Service off");
        assert_eq!(route(&mut session), "-203.0.113.1/32");
        web.set_well(true);
        program.says("Service on");
        assert_eq!(route(&mut session), "+203.0.113.1/32 path 64512");
    });
}

#[test]
fn a_link_that_bgp_lb_did_not_leave_is_refused_and_the_metric_is_there_with_0() {
    in_namespace(|| {
        let router = Router::at_port(179);
        ip("link add web type veth peer name elsewhere");
        ip("addr add 198.51.100.7/32 dev web");
        let before = addresses();
        let service = settings(router.address(), "203.0.113.1");
        let mut program = BgpLb::start("foreign", &service, &[METRICS]);
        program.says("the link web is there, of type veth, and is left alone");
        let mut session = router.accept();
        assert_eq!(session.told(), "end");
        assert_eq!(path_advertisement("203.0.113.1").as_deref(), Some("0"));
        // bgp-lb would have taken these from it.
        assert_eq!(addresses(), before);
    });
}

/// Every address of the namespace.
fn addresses() -> String {
    let output = Command::new("ip").args(["-o", "addr"]).output().unwrap();
    assert!(output.status.success());
    // Lifetimes and states change by themselves.
    let words = |line: &str| {
        line.split_whitespace()
            .take(4)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lines: Vec<_> = text(&output.stdout).lines().map(words).collect();
    lines.join("\n")
}

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

#[test]
fn flags_that_go_refuses_end_with_2_and_say_which_there_are() {
    let program = Path::new(env!("CARGO_BIN_EXE_bgplb-speaker"));
    for (arguments, expected) in [
        (["-colour=blue"], "flag provided but not defined: -colour"),
        (["-config"], "flag needs an argument: -config"),
        (["-ipvs-setup=maybe"], "invalid boolean value \"maybe\""),
        (["-log-level=loud"], "\"loud\" is no level"),
    ] {
        let output = run(program, &arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("-metrics-address string"), "{said}");
    }
}

#[test]
fn our_own_command_line_goes_on_working_but_for_a_program_called_bgp_lb() {
    let program = Path::new(env!("CARGO_BIN_EXE_bgplb-speaker"));
    let output = run(program, &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("check-config"));
    let link = std::env::temp_dir().join(format!("bgplb-called-{}", std::process::id()));
    fs::create_dir_all(&link).unwrap();
    let called = link.join("bgp-lb");
    std::os::unix::fs::symlink(program, &called).unwrap();
    let output = run(&called, &["--help"]);
    fs::remove_dir_all(&link).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("-ipvs-setup"));
}

#[test]
fn a_file_that_bgp_lb_would_run_to_no_use_is_refused_with_78() {
    let program = Path::new(env!("CARGO_BIN_EXE_bgplb-speaker"));
    let file = std::env::temp_dir().join(format!("bgplb-no-use-{}.json", std::process::id()));
    let mut service = settings([192, 0, 2, 2].into(), "203.0.113.1");
    service["service"]["ports"] = json!([{"servicePort": 80, "targetLocalPort": 8080}]);
    service["service"]["protocol"] = json!("");
    fs::write(&file, service.to_string()).unwrap();
    let output = run(program, &["-ipvs-setup", "-config", file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert!(
        said.contains("service.protocol: missing or unknown"),
        "{said}"
    );
    let output = run(program, &["-config=/not/there.json"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("/not/there.json: No such file"));
}

#[test]
fn addresses_are_on_a_link_or_on_none_and_not_both() {
    for (more, usable) in [
        ("", true),
        ("dummy = \"web\"", false),
        ("link = \"lo\"", false),
    ] {
        let file = ConfigFile::new(
            "assign",
            &format!(
                "[local]\nas = 64512\nrouter-id = \"192.0.2.1\"\n[[services]]\nname = \"web\"\n\
                 addresses = [\"203.0.113.1\"]\nassign = false\n{more}\n"
            ),
        );
        let output = file.run("check-config");
        let said = text(&output.stderr);
        assert_eq!(output.status.success(), usable, "{said}");
        let refused = said.contains("services[0].assign: with assign = false");
        assert_eq!(refused, !usable, "{said}");
    }
}
