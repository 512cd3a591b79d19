//! A model of Docker whose events and lists are delayed at random, and a
//! reader of the observations: in the end they agree.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::docker::outbox::{Due, Outbox};

/// What happens next in the model.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create {
        checked: bool,
    },
    Start(usize),
    Verdict(usize, bool),
    Pause(usize),
    Resume(usize),
    /// SIGKILL is delivered; the end follows with the next [`Step::End`].
    Kill(usize),
    End(usize),
    Restart(usize),
    Remove(usize),
    Connect(usize),
    Rename(usize),
    Network(u8),
    /// Hand the oldest events of the stream to the state.
    Deliver(usize),
    Ask,
    /// Docker makes up its answer from its lists as they are now.
    Snapshot,
    Answer,
    /// The question fails.
    Fail,
    Resync,
    Reconnect,
    /// The reader takes some observations.
    Read(usize),
    Pass(u64),
}

/// Everything but what has Docker list all anew: without that, nothing heals
/// a mistake in the merge.
fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    prop_oneof![
        2 => any::<bool>().prop_map(|checked| Step::Create { checked }),
        3 => who.clone().prop_map(Step::Start),
        4 => (who.clone(), any::<bool>()).prop_map(|(who, ok)| Step::Verdict(who, ok)),
        2 => who.clone().prop_map(Step::Pause),
        2 => who.clone().prop_map(Step::Resume),
        1 => who.clone().prop_map(Step::Kill),
        2 => who.clone().prop_map(Step::End),
        1 => who.clone().prop_map(Step::Restart),
        1 => who.clone().prop_map(Step::Remove),
        1 => who.clone().prop_map(Step::Connect),
        1 => who.clone().prop_map(Step::Rename),
        1 => (0..3u8).prop_map(Step::Network),
        8 => (1..4usize).prop_map(Step::Deliver),
        6 => Just(Step::Ask),
        6 => Just(Step::Snapshot),
        6 => Just(Step::Answer),
        1 => Just(Step::Fail),
        4 => (1..4usize).prop_map(Step::Read),
        3 => (1..400u64).prop_map(Step::Pass),
    ]
}

fn step_or_new_start() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => step(),
        1 => Just(Step::Resync),
        1 => Just(Step::Reconnect),
    ]
}

/// One container of the model.
struct Truth {
    listing: Listing,
    /// What lists show; as new as `listing` once `written` has passed.
    listed: Listing,
    written: Option<Instant>,
    checked: bool,
}

struct World {
    now: Instant,
    containers: BTreeMap<ContainerId, Truth>,
    networks: BTreeMap<String, Network>,
    stream: VecDeque<Event>,
    state: State,
    question: Option<(Request, Option<Answer>)>,
    outbox: Outbox,
    reader: Reader,
    /// Containers whose end was delivered, and no start since.
    ended: BTreeSet<ContainerId>,
    created: usize,
    connected: usize,
}

/// Applies observations as the contract says.
#[derive(Default)]
struct Reader {
    containers: BTreeMap<ContainerId, Container>,
    networks: BTreeMap<String, Network>,
}

impl Reader {
    fn read(&mut self, observation: Observation) {
        match observation {
            Observation::Listed {
                containers,
                networks,
            } => {
                self.containers = containers.into_iter().map(|c| (c.id.clone(), c)).collect();
                self.networks = networks.into_iter().map(|n| (n.id.clone(), n)).collect();
            }
            Observation::Container(c) => {
                self.containers.insert(c.id.clone(), c);
            }
            Observation::ContainerGone(id) => {
                assert!(
                    self.containers.remove(&id).is_some(),
                    "{id} was never there"
                );
            }
            Observation::Level {
                container, level, ..
            } => {
                let known = self.containers.get_mut(&container);
                known.expect("a level follows its container").level = level;
            }
            Observation::Network(n) => {
                self.networks.insert(n.id.clone(), n);
            }
            Observation::NetworkGone(id) => {
                assert!(self.networks.remove(&id).is_some(), "{id} was never there");
            }
            Observation::Signal { .. }
            | Observation::Unreachable { .. }
            | Observation::Reachable => {}
        }
    }
}

impl World {
    /// A world whose reader is given `queue` observations at most to wait.
    fn new(queue: usize) -> Self {
        let mut world = Self {
            now: Instant::now(),
            containers: BTreeMap::new(),
            networks: BTreeMap::new(),
            stream: VecDeque::new(),
            state: State::default(),
            question: None,
            outbox: Outbox::new(queue),
            reader: Reader::default(),
            ended: BTreeSet::new(),
            created: 0,
            connected: 0,
        };
        world.state.stream_opened(world.now);
        world
    }

    fn pick(&self, who: usize, phases: &[Phase]) -> Option<ContainerId> {
        let (id, truth) = self.containers.iter().nth(who)?;
        phases
            .contains(&truth.listing.facts.phase)
            .then(|| id.clone())
    }

    /// Changes a container and sends the event; lists know it `lag` later.
    /// Docker's lock on the container makes what was under way be written
    /// first.
    fn happen(
        &mut self,
        id: &ContainerId,
        lag: u64,
        change: Option<Change>,
        alter: impl FnOnce(&mut Listing),
    ) {
        let truth = self.containers.get_mut(id).unwrap();
        truth.listed = truth.listing.clone();
        alter(&mut truth.listing);
        truth.written = Some(self.now + Duration::from_millis(lag));
        if lag == 0 {
            truth.listed = truth.listing.clone();
        }
        if let Some(change) = change {
            self.stream.push_back(Event::Container {
                id: id.clone(),
                change,
                time: None,
            });
        }
    }

    fn phase(&mut self, who: usize, from: &[Phase], to: Phase, lag: u64, change: Change) {
        let Some(id) = self.pick(who, from) else {
            return;
        };
        let checked = self.containers[&id].checked;
        self.happen(&id, lag, Some(change), |listing| {
            listing.facts.phase = to;
            if change == Change::Started {
                listing.facts.health = if checked {
                    Health::Starting
                } else {
                    Health::None
                };
            }
        });
    }

    fn step(&mut self, step: Step) {
        use Phase::{Created, Exited, Killed, Paused, Restarting, Running};
        match step {
            Step::Start(who) => self.phase(
                who,
                &[Created, Exited, Restarting],
                Running,
                0,
                Change::Started,
            ),
            Step::Verdict(who, ok) => {
                let Some(id) = self
                    .pick(who, &[Running])
                    .filter(|id| self.containers[id].checked)
                else {
                    return;
                };
                let health = if ok {
                    Health::Healthy
                } else {
                    Health::Unhealthy
                };
                self.happen(&id, 0, Some(Change::Health(health)), |listing| {
                    listing.facts.health = health
                });
            }
            Step::Pause(who) => self.phase(who, &[Running], Paused, 60, Change::Paused),
            Step::Resume(who) => self.phase(who, &[Paused], Running, 60, Change::Resumed),
            Step::Kill(who) => {
                if let Some(id) = self.pick(who, &[Running, Paused]) {
                    // Lists show nothing of it before the end.
                    self.stream.push_back(Event::Kill {
                        id,
                        signal: Some(9),
                        time: None,
                    });
                    self.step(Step::End(who));
                }
            }
            Step::End(who) => {
                self.phase(who, &[Running, Paused, Killed], Exited, 150, Change::Ended)
            }
            Step::Restart(who) => {
                self.phase(who, &[Running], Restarting, 150, Change::Ended);
                self.phase(who, &[Restarting], Running, 0, Change::Started);
            }
            Step::Remove(who) => {
                self.step(Step::End(who));
                if let Some(id) = self.pick(who, &[Created, Exited, Restarting]) {
                    self.containers.remove(&id);
                    self.stream.push_back(event(id.as_str(), Change::Removed));
                }
            }
            other => self.alter(other),
        }
    }

    fn alter(&mut self, step: Step) {
        use Phase::{Created, Exited, Running};
        match step {
            Step::Create { checked } => {
                self.created += 1;
                let listing = listing(&format!("c{}", self.created), Created, Health::Unknown);
                let id = listing.id.clone();
                let truth = Truth {
                    listed: listing.clone(),
                    listing,
                    written: None,
                    checked,
                };
                self.containers.insert(id.clone(), truth);
                self.happen(&id, 0, Some(Change::Altered), |_| {});
            }
            Step::Connect(who) => {
                let Some(id) = self.pick(who, &[Running, Exited]) else {
                    return;
                };
                self.connected += 1;
                let endpoint_id = format!("e{}", self.connected);
                self.happen(&id, 60, None, |listing| {
                    let network_id = "n0".to_owned();
                    let network_name = "net".to_owned();
                    listing.endpoints = vec![Attachment {
                        network_id,
                        endpoint_id,
                        network_name,
                        ipv4: None,
                        ipv6: None,
                    }];
                });
                self.stream.push_back(Event::Attachment {
                    network: "n0".to_owned(),
                    container: Some(id),
                });
            }
            Step::Rename(who) => {
                let Some(id) = self.pick(who, &[Running, Exited, Created]) else {
                    return;
                };
                self.happen(&id, 0, Some(Change::Altered), |listing| {
                    listing.name.push('x')
                });
            }
            Step::Network(n) => {
                let net = network(&format!("n{n}"));
                if self.networks.remove(&net.id).is_none() {
                    self.networks.insert(net.id.clone(), net);
                }
                self.stream.push_back(Event::Network);
            }
            other => self.io(other),
        }
    }

    fn io(&mut self, step: Step) {
        match step {
            Step::Deliver(count) => {
                for _ in 0..count {
                    self.deliver();
                }
            }
            Step::Ask if self.question.is_none() => {
                self.question = self
                    .state
                    .poll_request(self.now)
                    .map(|request| (request, None));
            }
            Step::Snapshot => self.snapshot(),
            Step::Answer => match self.question.take() {
                Some((request, Some(answer))) => {
                    self.state.handle_answer(self.now, request.ticket, answer)
                }
                other => self.question = other,
            },
            Step::Fail => {
                self.question = None;
                self.state.forget_request();
            }
            Step::Resync => self.state.resync(),
            Step::Reconnect => {
                // What was not heard yet never will be, and lists may still
                // be older than it.
                self.stream.clear();
                self.ended.clear();
                self.question = None;
                self.state.stream_opened(self.now);
            }
            Step::Read(count) => self.read(count),
            Step::Pass(milliseconds) => self.now += Duration::from_millis(milliseconds),
            _ => {}
        }
        while let Some(observation) = self.state.poll_observation() {
            if self.outbox.push(observation) {
                self.state.resync();
            }
        }
        for id in &self.ended {
            let known = self.state.containers.get(id);
            let level = known.map(|known| known.listing.facts.level());
            assert_ne!(level, Some(Level::Serving), "{id} ended and serves");
        }
    }

    fn deliver(&mut self) {
        let Some(event) = self.stream.pop_front() else {
            return;
        };
        if let Event::Container { id, change, .. } = &event {
            match change {
                Change::Ended => drop(self.ended.insert(id.clone())),
                Change::Started => drop(self.ended.remove(id)),
                _ => {}
            }
        }
        self.state.handle_event(self.now, event);
    }

    fn snapshot(&mut self) {
        for truth in self.containers.values_mut() {
            if truth.written.is_some_and(|at| at <= self.now) {
                truth.listed = truth.listing.clone();
            }
        }
        let Some((request, answer)) = &mut self.question else {
            return;
        };
        let (wanted, networks) = match &request.scope {
            Scope::Everything => (None, true),
            Scope::Some {
                containers,
                networks,
            } => (Some(containers), *networks),
        };
        let shown = |mut listing: Listing| {
            // A list shows health only of what runs.
            if listing.facts.phase != Phase::Running {
                listing.facts.health = Health::Unknown;
            }
            listing
        };
        let listings = self
            .containers
            .values()
            .map(|truth| shown(truth.listed.clone()));
        *answer = Some(Answer {
            containers: listings
                .filter(|l| wanted.is_none_or(|ids| ids.contains(&l.id)))
                .collect(),
            networks: networks.then(|| self.networks.values().cloned().collect()),
        });
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            match self.outbox.pop() {
                Some(Due::Observation(observation)) => self.reader.read(observation),
                Some(Due::Everything) => {
                    if let Some(everything) = self.state.everything() {
                        self.reader.read(everything);
                    }
                }
                None => return,
            }
        }
    }

    fn run(&mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        for step in steps {
            self.step(step);
        }
        self.quiesce();
        let truth: Vec<_> = self
            .containers
            .values()
            .map(|truth| truth.listing.clone().into_container())
            .collect();
        let read: Vec<_> = self.reader.containers.values().cloned().collect();
        prop_assert_eq!(read, truth);
        prop_assert_eq!(&self.reader.networks, &self.networks);
        Ok(())
    }

    /// Nothing more happens; what is under way comes to its end.
    fn quiesce(&mut self) {
        self.io(Step::Deliver(self.stream.len()));
        for _ in 0..100 {
            for step in [
                Step::Ask,
                Step::Snapshot,
                Step::Answer,
                Step::Read(usize::MAX),
            ] {
                self.io(step);
            }
            if self.question.is_some() {
                continue;
            }
            match self.state.poll_timeout() {
                Some(at) => self.now = self.now.max(at),
                None if self.outbox.is_empty() && self.state.poll_request(self.now).is_none() => {
                    return;
                }
                // The request just polled is forgotten and polled again.
                None => self.state.forget_request(),
            }
        }
        panic!("it never comes to rest");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_interleaving_of_events_and_lists_ends_with_the_truth(
        steps in proptest::collection::vec(step(), 0..120)
    ) {
        let mut world = World::new(usize::MAX);
        world.quiesce();
        world.run(steps)?;
    }

    #[test]
    fn reconnects_resyncs_and_a_slow_reader_end_with_the_truth_too(
        steps in proptest::collection::vec(step_or_new_start(), 0..120)
    ) {
        World::new(3).run(steps)?;
    }
}
