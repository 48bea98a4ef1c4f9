//! A whole configuration: settings that go together, with the files they name
//! read, tried out on an engine of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cluster")]
use distcache::ClusterError;
use distcache::{
    Config as EngineConfig, Dispatch, Engine, EngineBuilder, KeyspaceConfig, StartError, codes,
};

#[cfg(feature = "hyper")]
use distcache_http::doors::Certificate;

#[cfg(feature = "cluster")]
use crate::cluster::Proofs;
use crate::config::{Config, Inputs, saturating};
use crate::fault::{Fault, Faults};
use crate::origin::Origin;
use crate::recipe::{self, Recipe};
use crate::secret::Secret;
use crate::setting::Section;
use crate::source::{Source, secret};
use crate::table::WORKER;

/// How long an engine may take to end that was started only to try settings out.
const TRIAL_END_MAX: Duration = Duration::from_secs(10);

/// A configuration that holds together.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub(crate) config: Config,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) sources: BTreeMap<Arc<str>, Source>,
    pub(crate) hash_key: Option<[u8; 16]>,
    #[cfg(feature = "hyper")]
    pub(crate) certificate: Option<Certificate>,
    #[cfg(feature = "cluster")]
    pub(crate) proofs: Option<Proofs>,
}

impl Loaded {
    /// Reads the settings, and the files that they name, and makes the sources.
    /// Connects to nothing.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(inputs: &Inputs) -> Result<Self, Faults> {
        let config = Config::read(inputs)?;
        let hash_key = hash_key(&config)?;
        Self::of(config, hash_key)
    }

    /// Reads the files that settings name, and makes the sources.
    pub(crate) fn of(config: Config, hash_key: Option<[u8; 16]>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let recipes = recipe::recipes(&config, &mut faults);
        // It is read again by who exports: what is wrong with it is told with the rest.
        faults.take(config.otel());
        faults.take(config.tls_authority());
        #[cfg(feature = "hyper")]
        let certificate = faults.take(config.certificate()).flatten();
        #[cfg(feature = "cluster")]
        let proofs = faults.take(config.proofs()).flatten();
        let mut sources = BTreeMap::new();
        for recipe in &recipes {
            let source = recipe.source.as_ref().and_then(|source| faults.take(source.make()));
            sources.extend(source.map(|source| (recipe.name.clone(), source)));
        }
        faults.sort();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            config,
            recipes,
            sources,
            hash_key,
            #[cfg(feature = "hyper")]
            certificate,
            #[cfg(feature = "cluster")]
            proofs,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The certificate of the server; none for a server in the clear.
    #[cfg(feature = "hyper")]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Starts an engine that works as they say; the builder may say what no setting
    /// does.
    ///
    /// # Errors
    /// What the engine refuses, where it stands in the file.
    pub fn start(&self, builder: EngineBuilder) -> Result<Engine, Fault> {
        if !self.config.is_node() {
            return self.start_with(builder, |keyspace| keyspace);
        }
        // What is added to an engine that is a member is for all members to agree on,
        // and there are none yet. A keyspace that is refused is told by name: so it is
        // tried before.
        self.try_out()?;
        let keyspaces = self.recipes.iter().map(|recipe| self.keyspace(recipe));
        let builder = keyspaces.fold(builder.config(self.engine()), EngineBuilder::keyspace);
        builder.start().map_err(|error| self.engine_refused(&error))
    }

    /// Starts such an engine and ends it again: what that refuses, the real one
    /// would. No source is asked.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub fn try_out(&self) -> Result<(), Fault> {
        let cold = |keyspace: KeyspaceConfig| keyspace.warm_keys(Vec::<Vec<u8>>::new());
        let engine = self.start_with(Engine::builder(), cold)?;
        engine.shutdown(TRIAL_END_MAX).map_err(|error| {
            Fault::new(&Origin::Default, codes::SHUTDOWN_INCOMPLETE, error.to_string(), "try again")
        })
    }

    fn start_with(
        &self,
        builder: EngineBuilder,
        change: impl Fn(KeyspaceConfig) -> KeyspaceConfig,
    ) -> Result<Engine, Fault> {
        let engine = builder.config(self.engine());
        let engine = engine.start().map_err(|error| self.engine_refused(&error))?;
        for recipe in &self.recipes {
            let added = engine.add_keyspace(change(self.keyspace(recipe)));
            added.map_err(|error| refused(recipe, &error))?;
        }
        Ok(engine)
    }

    pub(crate) fn keyspace(&self, recipe: &Recipe) -> KeyspaceConfig {
        recipe.keyspace(self.sources.get(&recipe.name))
    }

    /// The settings of the cache under the engine.
    pub fn engine(&self) -> EngineConfig {
        let view = self.config.common(Section::Engine);
        let default = EngineConfig::default();
        let time = |name| self.config.time(Section::Engine, name);
        let is_worker = view.text("dispatch").is_some_and(|dispatch| dispatch == WORKER);
        EngineConfig {
            data_nodes: view.count("data_nodes").map_or(default.data_nodes, saturating),
            capacity_bytes: view.fixed_size("capacity"),
            entries_max: view.count("max_entries"),
            value_bytes_max: view.size("max_value"),
            eviction: recipe::policy_named(&view.fixed_text("eviction")),
            dispatch: if is_worker { Dispatch::Worker } else { Dispatch::Inline },
            inbox_capacity: saturating(view.fixed_count("inbox_capacity")),
            call_timeout: time("call_timeout"),
            status_every: time("status_every"),
            silence_max: time("silence_max"),
            hash_key: self.hash_key,
            ..default
        }
    }

    fn engine_refused(&self, error: &StartError) -> Fault {
        let code = match error {
            StartError::Config(error) => error.code(),
            StartError::Keyspace(error) => error.code(),
            #[cfg(feature = "cluster")]
            StartError::Cluster(error) => return self.cluster_refused(error),
            _ => codes::FLAG_INVALID,
        };
        let view = self.config.common(Section::Engine);
        let named = ["capacity", "max_value", "max_entries", "data_nodes"];
        let given = named.into_iter().find(|name| view.is_given(name));
        let origin = given.map_or(Origin::Default, |name| view.origin(name));
        Fault::new(&origin, code, with_causes(error), code.remedy())
    }

    /// What goes together and yet does not work: an address in use, a name of nobody.
    #[cfg(feature = "cluster")]
    fn cluster_refused(&self, error: &ClusterError) -> Fault {
        let view = self.config.common(Section::Cluster);
        let given = ["peer_listen", "advertise"].into_iter().find(|name| view.is_given(name));
        let origin = view.origin(given.unwrap_or("mode"));
        let right = "say by --peer-listen where to listen for other nodes, and by --advertise \
                     where they reach it";
        Fault::new(&origin, error.code(), with_causes(error), right)
    }

    /// Asks each source once, whether it is there and its statements are understood.
    ///
    /// # Errors
    /// One for each source that is not, or does not understand them.
    pub fn ask_sources(&self, timeout: Duration) -> Result<(), Faults> {
        let mut faults = Faults::default();
        for recipe in &self.recipes {
            let source = self.sources.get(&recipe.name);
            if let (Some(wanted), Some(source)) = (&recipe.source, source) {
                faults.take(wanted.ask(source, timeout));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// How many sources there are.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }
}

/// What the engine says to a keyspace that it does not take.
pub(crate) fn refused(recipe: &Recipe, error: &distcache::Error) -> Fault {
    let what = format!("keyspace {:?}: {}", recipe.name, with_causes(error));
    Fault::new(recipe.origin(), error.code(), what, error.code().remedy())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The key of the keys' hash: 32 hexadecimal digits.
fn hash_key(config: &Config) -> Result<Option<[u8; 16]>, Fault> {
    let view = config.common(Section::Engine);
    let Some(digits) = secret(view, "hash_key")? else { return Ok(None) };
    let number = |digits: &Secret| {
        let is_whole = digits.reveal().len() == 32 && !digits.reveal().starts_with('+');
        u128::from_str_radix(digits.reveal(), 16).ok().filter(|_| is_whole)
    };
    let given = ["hash_key_file", "hash_key_env"].into_iter().find(|name| view.is_given(name));
    let origin = given.map_or(Origin::Default, |name| view.origin(name));
    let wrong = || {
        let (what, right) = ("the key of the hash is something else", "give 32 hexadecimal digits");
        Fault::new(&origin, codes::SETTING_INVALID, what, right)
    };
    number(&digits).map(|number| Some(number.to_be_bytes())).ok_or_else(wrong)
}
