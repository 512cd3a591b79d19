//! The plugin's archive and the speaker's image, given to an engine.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::Made;
use crate::cmd::Cmd;
use crate::lab::engine::Engine;
use crate::lab::host::{Host, PLUGIN};
use crate::lab::{Lab, Options, ROUTER_V4};
use crate::wait::{secs, until};

pub(super) fn takes_both(made: &Made) -> Result<()> {
    let options = Options {
        router: None,
        password: None,
        narrate: false,
        engine: Engine::default(),
    };
    let lab = Lab::start_with(1, &options, &made.built).context("start the laboratory")?;
    let host = lab.hosts.first().context("a laboratory has hosts")?;
    takes_archive(made, &lab, host)?;
    builds_image(made, &lab, host).with_context(|| lab.logs())
}

fn takes_archive(made: &Made, lab: &Lab, host: &Host) -> Result<()> {
    Cmd::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(made.out.join(made.release.plugin_archive()))
        .arg("--directory")
        .arg(lab.dir())
        .run()?;
    let folder = lab.dir().join(made.release.plugin_folder());
    host.install_plugin(&folder, &lab.plugin_settings(host))?;
    let enabled = host
        .docker
        .ask(&["plugin", "inspect", "-f", "{{.Enabled}}", PLUGIN])?;
    ensure!(enabled == "true", "enabled is {enabled:?}");
    host.create_gateway_network_called(crate::lab::host::GATEWAY_NETWORK)?;
    host.create_web1()?;
    host.docker.run(&["network", "rm", "web1"]).map(drop)
}

fn builds_image(made: &Made, lab: &Lab, host: &Host) -> Result<()> {
    const IMAGE: &str = "bgplb-speaker";
    let context = made.out.display().to_string();
    let file = made.out.join("Containerfile").display().to_string();
    host.docker.run(&[
        "build", "--quiet", "--tag", IMAGE, "--file", &file, &context,
    ])?;
    let settings = lab.dir().join("speaker.toml");
    let text = format!(
        "[local]\nas = 64512\nrouter-id = \"{}\"\n\n[[peers]]\naddress = \"{ROUTER_V4}\"\nas = 65500\n",
        host.site.v4
    );
    fs::write(&settings, text)?;
    let mount = format!("{}:/etc/bgplb/speaker.toml:ro", settings.display());
    let mut args = vec!["run", "--detach", "--name", "speaker", "--network", "host"];
    args.extend([
        "--cap-drop",
        "ALL",
        "--cap-add",
        "NET_ADMIN",
        "--cap-add",
        "NET_BIND_SERVICE",
    ]);
    args.extend(["--read-only", "--tmpfs", "/run", "--volume", &mount, IMAGE]);
    host.docker.run(&args)?;
    let peers = ["exec", "speaker", "/bgplb-speaker", "peers"];
    until("the speaker in its container to answer", secs(10), || {
        let said = host.docker.ask(&peers)?;
        ensure!(said.contains(&ROUTER_V4.to_string()), "it says {said:?}");
        Ok(())
    })?;
    host.docker.run(&["stop", "speaker"])?;
    let code = host
        .docker
        .ask(&["inspect", "-f", "{{.State.ExitCode}}", "speaker"])?;
    ensure!(code == "0", "it ends with {code}");
    Ok(())
}
