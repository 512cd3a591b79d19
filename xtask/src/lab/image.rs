//! The container image of the laboratory: a static busybox that serves the name of its host.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cmd::Cmd;

/// The name under which every engine knows the image.
pub(crate) const IMAGE: &str = "bgplb-lab-web";

/// The command Docker runs as the health check. It asks over HTTP, as the original's README does
/// with curl; [`SICKEN`] makes it fail and [`HEAL`] succeed.
pub(crate) const HEALTH_COMMAND: &str = "wget -q -O /dev/null http://127.0.0.1/health";

/// What to run in a container so that its health check succeeds from now on.
pub(crate) const HEAL: [&str; 2] = ["touch", "/www/health"];

/// What to run in a container so that its health check fails from now on, while it goes on
/// serving.
pub(crate) const SICKEN: [&str; 2] = ["rm", "/www/health"];

/// The first process of the container. As process 1 it only reacts to signals it has a handler
/// for: SIGUSR2 must not end the service, SIGTERM must.
const INIT: &str = r#"#!/bin/sh
trap ':' USR2
trap 'kill "$web"; exit 0' TERM
echo "$HOST" > /www/name
[ "$SICK" = yes ] || touch /www/health
nc -ll -p 81 -e /tell &
httpd -f -h /www -p '[::]:80' &
web=$!
while kill -0 "$web" 2> /dev/null; do
    wait "$web"
done
exit 1
"#;

/// Where a container answers each line with its name, on a connection that stays open.
pub(crate) const TELLING_PORT: u16 = 81;

/// What serves one such connection.
const TELL: &str = "#!/bin/sh
while read -r _; do cat /www/name; done
";

/// The first process of the stand-in for the image `nginx` of the documentation: the same page at
/// the same place in the file system, and the same end.
const NGINX_INIT: &str = r#"#!/bin/sh
trap ':' USR2
trap 'kill "$web"; exit 0' TERM
httpd -f -h /usr/share/nginx/html -p '[::]:80' &
web=$!
while kill -0 "$web" 2> /dev/null; do
    wait "$web"
done
exit 1
"#;

/// What that image has of `curl`: the last word is asked for, and an error of the server is one.
/// A static busybox resolves no names.
const CURL: &str = r#"#!/bin/sh
for url; do :; done
case $url in http://localhost*) url=http://127.0.0.1${url#http://localhost} ;; esac
exec wget -q -O - "$url"
"#;

/// Writes the image's file tree into `dir` and packs it; gives the archive for `docker import`.
///
/// # Errors
///
/// When busybox is missing or the disk refuses.
pub(crate) fn build(dir: &Path, busybox: &Path) -> Result<Vec<u8>> {
    pack(dir, busybox, &[("init", INIT), ("tell", TELL)])
}

/// The same for the stand-in for `nginx`.
///
/// # Errors
///
/// As there.
pub(crate) fn build_nginx(dir: &Path, busybox: &Path) -> Result<Vec<u8>> {
    let html = dir.join("usr/share/nginx/html");
    fs::create_dir_all(&html)?;
    fs::write(html.join("index.html"), "<h1>Welcome to nginx!</h1>\n")?;
    pack(dir, busybox, &[("init", NGINX_INIT), ("bin/curl", CURL)])
}

fn pack(dir: &Path, busybox: &Path, scripts: &[(&str, &str)]) -> Result<Vec<u8>> {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(dir.join("www"))?;
    fs::create_dir_all(dir.join("tmp"))?;
    fs::copy(busybox, bin.join("busybox"))
        .with_context(|| format!("copy {}", busybox.display()))?;
    for applet in [
        "sh", "httpd", "nc", "wget", "touch", "rm", "kill", "ip", "cat", "ls", "ps", "mv",
    ] {
        symlink("busybox", bin.join(applet))?;
    }
    for (name, script) in scripts {
        let file = dir.join(name);
        fs::write(&file, script)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let archive = dir.with_extension("tar");
    Cmd::new("tar")
        .arg("-C")
        .arg(dir)
        .arg("-cf")
        .arg(&archive)
        .arg(".")
        .run()?;
    fs::read(&archive).with_context(|| format!("read {}", archive.display()))
}
