//! Several that start and end at once.

use std::{
    os::unix::net::{UnixListener, UnixStream},
    sync::Barrier,
    thread,
};

use guarded_socket::bind;

use crate::folder::Folder;

#[test]
fn of_many_that_bind_at_once_over_a_dead_socket_exactly_one_gets_it() {
    const STARTERS: usize = 8;
    let folder = Folder::new();
    let path = folder.join("a.sock");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).unwrap());
        let all = Barrier::new(STARTERS);
        let start = || {
            all.wait();
            let bound = bind(&path, 0o600);
            // Nobody ends before everybody has tried.
            all.wait();
            bound
        };
        let bound = thread::scope(|scope| {
            let starters: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
            let ended = starters.into_iter().map(|starter| starter.join().unwrap());
            ended.filter(Result::is_ok).count()
        });
        assert_eq!(bound, 1);
    }
}

#[test]
fn one_that_ends_never_removes_what_starts_at_the_same_time() {
    let folder = Folder::new();
    let path = folder.join("a.sock");
    for _ in 0..200 {
        let (socket, file) = bind(&path, 0o600).unwrap().into_parts();
        // As after a crash, except that the file is about to be removed.
        drop(socket);
        let both = Barrier::new(2);
        let second = thread::scope(|scope| {
            scope.spawn(|| {
                both.wait();
                drop(file);
            });
            both.wait();
            bind(&path, 0o600).unwrap()
        });
        UnixStream::connect(&path).unwrap();
        drop(second);
    }
}
