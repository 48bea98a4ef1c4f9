//! What is told, to whom, and how much of it may wait.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use distcache::opentelemetry::KeyValue;
use distcache::{Engine, EngineBuilder, codes};
use distcache_config::{Config, Faults, OtelSettings};
use distcache_http::{Routes, Tracing};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};

use super::collector::Collector;
use crate::failure::{Failure, with_causes};

/// How long the end of the server waits for what is still to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(5);

/// Spans in one export: what the collectors of most people expect.
const SPANS_AT_ONCE: usize = 512;

/// Where spans and numbers go; `None` for nowhere.
pub(crate) struct Export(Option<Providers>);

struct Providers {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
}

impl Export {
    /// Starts the threads that send, if there is an endpoint. Nobody is asked yet
    /// whether it is there.
    pub(crate) fn start(config: &Config) -> Result<Self, Failure> {
        let Some(settings) = config.otel().map_err(Faults::from)? else { return Ok(Self(None)) };
        let providers = Providers::start(&settings)
            .map_err(|error| Failure::to_start(codes::SETTING_INVALID, with_causes(&*error)))?;
        log::info!("spans and numbers go to {}", settings.endpoint);
        Ok(Self(Some(providers)))
    }

    /// An engine that tells of its calls and loads.
    pub(crate) fn engine(&self) -> EngineBuilder {
        let builder = Engine::builder();
        match &self.0 {
            Some(Providers { tracers, meters }) => {
                builder.tracer_provider(tracers).meter_provider(meters)
            }
            None => builder,
        }
    }

    /// Routes that tell of requests.
    pub(crate) fn routes(&self, routes: Routes) -> Routes {
        match &self.0 {
            Some(Providers { tracers, .. }) => {
                routes.tracing(Tracing::new(tracers, TraceContextPropagator::new()))
            }
            None => routes,
        }
    }

    /// Sends what waits, as far as that is possible in time: on a thread that is
    /// left behind if it is late, for the SDK knows no bound for numbers.
    pub(crate) fn end(self) {
        let Some(Providers { tracers, meters }) = self.0 else { return };
        let (told, end) = crossbeam_channel::bounded(1);
        let flush = move || {
            let ended = [tracers.shutdown_with_timeout(FLUSH_MAX), meters.shutdown()];
            // Nobody listens any more if it is late.
            let _ = told.send(ended.into_iter().all(|ended| ended.is_ok()));
        };
        let flushing = thread::Builder::new().name("distcache-otel-end".to_owned()).spawn(flush);
        if flushing.is_err() || end.recv_timeout(FLUSH_MAX) != Ok(true) {
            let code = codes::EXPORT_FAILED;
            log::warn!("{code} not everything was sent within {FLUSH_MAX:?}: {}", code.remedy());
        }
    }
}

impl Providers {
    fn start(settings: &OtelSettings) -> Result<Self, Box<dyn Error>> {
        let resource = Resource::builder().with_service_name(settings.service_name.clone());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = resource.with_attribute(version).build();
        let collector = Arc::new(Collector::new(settings)?);
        Ok(Self {
            tracers: tracers(settings, collector.clone(), resource.clone())?,
            meters: meters(settings, collector, resource)?,
        })
    }
}

/// Spans wait in a queue with a bound, before a thread that sends them. What does not
/// fit is dropped.
fn tracers(
    settings: &OtelSettings,
    collector: Arc<Collector>,
    resource: Resource,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", settings.endpoint))
        .with_timeout(settings.export_timeout)
        .with_shared_http_client(collector)
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(settings.spans_waiting_max)
        .with_max_export_batch_size(SPANS_AT_ONCE.min(settings.spans_waiting_max))
        .with_scheduled_delay(settings.span_interval)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
    let provider = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
    Ok(provider.with_span_processor(processor).build())
}

/// Numbers are sums: they wait in no queue, and what was not sent is in the next.
fn meters(
    settings: &OtelSettings,
    collector: Arc<Collector>,
    resource: Resource,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", settings.endpoint))
        .with_timeout(settings.export_timeout)
        .with_shared_http_client(collector)
        .build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(settings.export_interval).build();
    Ok(SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build())
}
