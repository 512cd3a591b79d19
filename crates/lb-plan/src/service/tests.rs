use super::*;

fn endpoint(id: &str, health: Health) -> EndpointFacts {
    EndpointFacts {
        id: id.to_owned(),
        attached: true,
        health,
        drain: Drain::No,
    }
}

fn drained(id: &str, drain: Drain) -> EndpointFacts {
    EndpointFacts {
        drain,
        ..endpoint(id, Health::Serving)
    }
}

fn plan(endpoints: Vec<EndpointFacts>, current: &[(&str, Share)]) -> ServicePlan {
    let facts = ServiceFacts {
        endpoints,
        held_down: false,
    };
    plan_service(&facts, &delivery(current))
}

fn delivery(shares: &[(&str, Share)]) -> Delivery {
    let shares = shares.iter();
    shares
        .map(|(id, share)| ((*id).to_owned(), *share))
        .collect()
}

const UNHEALTHY: Health = Health::NotServing(NotServing::Unhealthy);

#[test]
fn everybody_who_serves_has_a_share_and_one_is_enough() {
    let serving = endpoint("b", Health::Serving);
    let one = plan(vec![endpoint("a", UNHEALTHY), serving.clone()], &[]);
    assert_eq!(one.deliver, delivery(&[("b", Share::Full)]));
    assert_eq!(one.reason, Reason::Serving);
    let two = plan(vec![endpoint("a", Health::Serving), serving], &[]);
    let both = [("a", Share::Full), ("b", Share::Full)];
    assert_eq!(two.deliver, delivery(&both));
    let announcement = Announcement {
        marked: false,
        serving: 2,
    };
    assert_eq!(two.announce, Some(announcement));
}

#[test]
fn one_of_several_that_is_drained_keeps_what_it_has() {
    let full = [("a", Share::Full), ("b", Share::Full)];
    for stage in [Drain::Marked, Drain::Withdrawn] {
        let endpoints = vec![endpoint("a", Health::Serving), drained("b", stage)];
        let planned = plan(endpoints.clone(), &full);
        let leaving = [("a", Share::Full), ("b", Share::Leaving)];
        assert_eq!(planned.deliver, delivery(&leaving));
        assert_eq!(
            planned.announce.map(|it| (it.marked, it.serving)),
            Some((false, 1))
        );
        // Who had nothing gets nothing.
        let planned = plan(endpoints, &[("a", Share::Full)]);
        assert_eq!(planned.deliver, delivery(&[("a", Share::Full)]));
    }
    let over = vec![endpoint("a", Health::Serving), drained("b", Drain::Over)];
    assert_eq!(plan(over, &full).deliver, delivery(&[("a", Share::Full)]));
}

#[test]
fn the_last_ones_go_by_the_stages_of_their_drain() {
    let full = [("a", Share::Full), ("b", Share::Full)];
    let stages = |a, b| plan(vec![drained("a", a), drained("b", b)], &full);
    let marked = stages(Drain::Marked, Drain::Withdrawn);
    let leaving = [("a", Share::Full), ("b", Share::Leaving)];
    assert_eq!(marked.deliver, delivery(&leaving));
    assert_eq!(
        marked.announce.map(|it| (it.marked, it.serving)),
        Some((true, 1))
    );
    assert_eq!(marked.reason, Reason::Draining);
    for stage in [Drain::Withdrawn, Drain::Over] {
        let gone = stages(stage, stage);
        assert_eq!((gone.announce, gone.deliver.len()), (None, 0));
        assert_eq!(gone.reason, Reason::Draining);
    }
}

#[test]
fn what_is_held_down_is_not_announced_whoever_serves() {
    let facts = ServiceFacts {
        endpoints: vec![endpoint("a", Health::Serving)],
        held_down: true,
    };
    let planned = plan_service(&facts, &Delivery::new());
    assert_eq!((planned.announce, planned.reason), (None, Reason::HeldDown));
}

#[test]
fn each_gate_is_named() {
    let detached = EndpointFacts {
        attached: false,
        ..endpoint("a", Health::Serving)
    };
    let not = |why| vec![endpoint("a", Health::NotServing(why))];
    for (endpoints, code) in [
        (vec![], "no-endpoint"),
        (vec![detached], "not-attached"),
        (vec![drained("a", Drain::Withdrawn)], "draining"),
        (vec![endpoint("a", Health::Unknown)], "health-unknown"),
        (vec![endpoint("a", Health::Unproven)], "unproven"),
        (not(NotServing::Starting), "starting"),
        (not(NotServing::Paused), "paused"),
        (not(NotServing::Stopped), "stopped"),
        (
            [not(NotServing::Stopped), not(NotServing::Unhealthy)].concat(),
            "unhealthy",
        ),
    ] {
        let planned = plan(endpoints, &[]);
        assert_eq!(planned.reason.code(), code);
        assert_eq!(planned.announce, None, "{code}");
        assert!(!planned.reason.to_string().is_empty());
    }
}

#[test]
fn the_order_of_endpoints_does_not_matter() {
    let mut endpoints = vec![
        endpoint("c", Health::Serving),
        endpoint("a", Health::NotServing(NotServing::Starting)),
        drained("b", Drain::Marked),
    ];
    let current = [("b", Share::Full)];
    let planned = plan(endpoints.clone(), &current);
    endpoints.reverse();
    assert_eq!(plan(endpoints, &current), planned);
}
