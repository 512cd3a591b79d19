//! Families of samples, as the client library writes them.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use super::Latency;

/// Begins families one after the other.
pub(super) struct Families<'a>(DescriptorEncoder<'a>);

impl<'a> Families<'a> {
    pub(super) const fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    pub(super) fn gauge<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<Metric<'s>, fmt::Error> {
        self.family(name, help, MetricType::Gauge)
    }

    /// The text has `_total` behind its name.
    pub(super) fn counter<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<Metric<'s>, fmt::Error> {
        self.family(name, help, MetricType::Counter)
    }

    pub(super) fn histogram<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<Metric<'s>, fmt::Error> {
        self.family(name, help, MetricType::Histogram)
    }

    pub(super) fn of_kind<'s>(
        &'s mut self,
        counts: bool,
        name: &'s str,
        help: &str,
    ) -> Result<Metric<'s>, fmt::Error> {
        match counts {
            true => self.counter(name, help),
            false => self.gauge(name, help),
        }
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<Metric<'s>, fmt::Error> {
        let counts = matches!(kind, MetricType::Counter);
        let encoder = self.0.encode_descriptor(name, help, None, kind)?;
        Ok(Metric { encoder, counts })
    }
}

/// A family that samples are added to.
pub(super) struct Metric<'a> {
    encoder: MetricEncoder<'a>,
    counts: bool,
}

impl Metric<'_> {
    /// One sample; a truth is 1.
    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: impl Into<u64>) -> fmt::Result {
        self.sample(labels, value.into())
    }

    /// One sample that need not be whole.
    pub(super) fn add_fraction(&mut self, labels: &[(&str, &str)], value: f64) -> fmt::Result {
        self.sample(labels, value)
    }

    fn sample<V>(&mut self, labels: &[(&str, &str)], value: V) -> fmt::Result
    where
        V: EncodeCounterValue + EncodeGaugeValue,
    {
        let counts = self.counts;
        let write = |to: &mut MetricEncoder<'_>| match counts {
            true => to.encode_counter::<NoLabelSet, _, u64>(&value, None),
            false => to.encode_gauge(&value),
        };
        match labels {
            // Empty braces would be written otherwise.
            [] => write(&mut self.encoder),
            labels => write(&mut self.encoder.encode_family(&labels)?),
        }
    }

    pub(super) fn add_latency(
        &mut self,
        labels: &[(&str, &str)],
        latency: &Latency,
    ) -> fmt::Result {
        latency.encode(self.encoder.encode_family(&labels)?)
    }
}
