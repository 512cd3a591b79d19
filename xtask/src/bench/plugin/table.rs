//! The result, side by side with docker-bgp-lb's.

use super::figures::Figures;

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// What came out.
    pub(crate) here: Figures,
    /// What docker-bgp-lb v1.8 took on the same kind of machine on another day; empty if that is
    /// not known.
    pub(super) there: &'static str,
    /// What it should be.
    pub(super) goal: Goal,
}

/// What a measurement should be, in its own unit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// No goal: it is told for comparison.
    None,
    /// The 99th percentile is below this.
    MostlyBelow(f64),
    /// No value is above this.
    AtMost(f64),
    /// The median is at most that of another row, with the given allowance for chance.
    NoSlowerThan(f64, f64),
}

impl Row {
    /// Whether the goal is reached, if there is one.
    pub(super) fn held(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::MostlyBelow(limit) => Some(self.here.percentile(99) < limit),
            Goal::AtMost(limit) => Some(self.here.percentile(100) <= limit),
            Goal::NoSlowerThan(other, allowance) => Some(self.here.median() <= other * allowance),
        }
    }

    fn wanted(&self) -> String {
        match self.goal {
            Goal::None => String::new(),
            Goal::MostlyBelow(limit) => format!("99% < {limit} ms"),
            Goal::AtMost(limit) => format!("≤ {limit}"),
            Goal::NoSlowerThan(other, _) => format!("median ≤ {other:.2}"),
        }
    }
}

/// The rows as a table in Markdown; of a series median, 99th percentile, maximum and count.
pub(super) fn print(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | median / 99% / most (turns) | docker-bgp-lb | goal | reached |\n\
         | --- | ---: | ---: | ---: | --- |\n",
    );
    for row in rows {
        let held = match row.held() {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {held} |\n",
            row.what,
            row.here,
            row.there,
            row.wanted()
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64], goal: Goal) -> Row {
        Row {
            what: "a thing".to_owned(),
            here: Figures::new(values.to_vec(), "ms"),
            there: "909 ms",
            goal,
        }
    }

    #[test]
    fn goals_are_held_or_missed() {
        let values = [1.0, 2.0, 6.0];
        let held = |goal| row(&values, goal).held();
        assert_eq!(held(Goal::None), None);
        assert_eq!(held(Goal::MostlyBelow(5.0)), Some(false));
        assert_eq!(held(Goal::MostlyBelow(6.1)), Some(true));
        assert_eq!(held(Goal::AtMost(6.0)), Some(true));
        assert_eq!(held(Goal::AtMost(5.9)), Some(false));
        assert_eq!(held(Goal::NoSlowerThan(1.9, 1.1)), Some(true));
        assert_eq!(held(Goal::NoSlowerThan(1.5, 1.1)), Some(false));
    }

    #[test]
    fn a_missed_goal_is_seen() {
        let text = print(&[row(&[1.0, 7.0], Goal::MostlyBelow(5.0))]);
        let last = text.lines().last().unwrap();
        let expected = "| a thing | 1.00 / 7.00 / 7.00 ms (2) | 909 ms | 99% < 5 ms | **no** |";
        assert_eq!(last, expected);
    }
}
