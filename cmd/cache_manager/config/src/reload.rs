//! From one configuration to the next, while requests run.

use distcache::{Engine, Error, codes};

use crate::config::{Config, Inputs};
use crate::fault::{Fault, Faults};
use crate::loaded::{Loaded, refused};
use crate::recipe::Recipe;
use crate::setting::Reload;
use crate::table;
use crate::tables::Place;

/// What a reload has done, one line for each thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What holds now.
    pub done: Vec<String>,
    /// What holds from the next start.
    pub restart: Vec<String>,
}

/// A configuration that was read while another one holds: whole, and tried out.
#[derive(Debug)]
pub struct Next {
    loaded: Loaded,
    changes: Changes,
}

impl Loaded {
    /// Reads the configuration again. Settings that cannot change while the server
    /// runs stay as they are here, and are noted; sources of which nothing has
    /// changed stay, with their connections.
    ///
    /// # Errors
    /// Everything that is wrong. Nothing has changed.
    pub fn read_again(&self, inputs: &Inputs) -> Result<Next, Faults> {
        let mut config = Config::read(inputs)?;
        let mut changes = Changes::default();
        self.keep_what_cannot_change(&mut config, &mut changes);
        let mut loaded = Self::of(config, self.hash_key)?;
        for recipe in &loaded.recipes {
            let old = self.recipe(&recipe.name).and_then(|old| old.source.as_ref());
            let source = self.sources.get(&recipe.name);
            if let (Some(source), true) = (source, old == recipe.source.as_ref()) {
                loaded.sources.insert(recipe.name.clone(), source.clone());
            }
        }
        loaded.try_out()?;
        Ok(Next { loaded, changes })
    }

    fn keep_what_cannot_change(&self, config: &mut Config, changes: &mut Changes) {
        for setting in table::common() {
            let place = Place::Common(setting.section);
            let (old, new) = (self.config.tables.view(&place), config.tables.view(&place));
            if old.value(setting.name) == new.value(setting.name) {
                continue;
            }
            let name = format!("{} {}", setting.section.heading(), setting.name);
            if setting.reload == Reload::Live {
                changes.done.push(name);
                continue;
            }
            changes.restart.push(name);
            let (held, origin) = (old.held(setting.name).cloned(), new.heading());
            let table = config.tables.at(&place, &origin);
            match held {
                Some(held) => table.held.insert(setting.name, held),
                None => table.held.remove(setting.name),
            };
        }
    }

    fn recipe(&self, name: &str) -> Option<&Recipe> {
        self.recipes.iter().find(|recipe| *recipe.name == *name)
    }
}

impl Next {
    /// Its settings, those that cannot change as they were.
    pub fn config(&self) -> &Config {
        self.loaded.config()
    }

    /// It holds, where there is no engine that could work by it.
    pub fn without_engine(self) -> (Loaded, Changes) {
        (self.loaded, self.changes)
    }

    /// Lets the engine work by it, instead of by `before`: all of it, or nothing.
    /// Keyspaces that go, go last: that cannot be taken back, and all else can.
    ///
    /// # Errors
    /// What the engine refuses. It works as before then.
    pub fn take_over(self, before: &Loaded, engine: &Engine) -> Result<(Loaded, Changes), Fault> {
        let Self { loaded, mut changes } = self;
        let mut made: Vec<Step<'_>> = Vec::new();
        for recipe in &loaded.recipes {
            let step = match before.recipe(&recipe.name) {
                None => Step::Add(recipe),
                Some(old) => {
                    let (live, restart) = recipe.changes(old);
                    if !restart.is_empty() {
                        changes.restart.push(told(recipe, &restart.join(", ")));
                    }
                    if live.is_empty() {
                        continue;
                    }
                    Step::Change(recipe, old, live)
                }
            };
            if let Err(error) = step.make(&loaded, engine) {
                made.iter().rev().for_each(|step| step.undo(before, engine));
                return Err(refused(recipe, &error));
            }
            made.push(step);
        }
        changes.done.extend(made.iter().map(Step::told));
        for recipe in before.recipes.iter().filter(|old| loaded.recipe(&old.name).is_none()) {
            // It is gone whatever is answered: late writes may be lost, or it was
            // removed over HTTP before.
            if let Err(error) = engine.delete_keyspace(&recipe.name) {
                log::warn!("{} removing keyspace {:?}: {error}", error.code(), recipe.name);
            }
            changes.done.push(told(recipe, "removed"));
        }
        Ok((loaded, changes))
    }
}

fn told(recipe: &Recipe, what: &str) -> String {
    format!("keyspace {:?}: {what}", recipe.name)
}

/// One change of the engine's keyspaces.
enum Step<'a> {
    Add(&'a Recipe),
    Change(&'a Recipe, &'a Recipe, Vec<&'static str>),
}

impl Step<'_> {
    fn make(&self, loaded: &Loaded, engine: &Engine) -> Result<(), Error> {
        match self {
            Self::Add(recipe) | Self::Change(recipe, ..) => put(recipe, loaded, engine),
        }
    }

    /// As well as that can be done: what the engine took once it takes again.
    fn undo(&self, before: &Loaded, engine: &Engine) {
        let undone = match self {
            Self::Add(recipe) => engine.delete_keyspace(&recipe.name),
            Self::Change(_, old, _) => put(old, before, engine),
        };
        if let Err(error) = undone {
            let name = match self {
                Self::Add(recipe) | Self::Change(recipe, ..) => &recipe.name,
            };
            log::error!("{} taking back a change of keyspace {name:?}: {error}", error.code());
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Add(recipe) => told(recipe, "added"),
            Self::Change(recipe, _, names) => told(recipe, &names.join(", ")),
        }
    }
}

/// Adds a keyspace, or changes the one that there is: it may have come or gone over
/// HTTP since the file was read.
fn put(recipe: &Recipe, loaded: &Loaded, engine: &Engine) -> Result<(), Error> {
    match engine.update_keyspace(loaded.keyspace(recipe)) {
        Err(error) if error.code() == codes::KEYSPACE_UNKNOWN => {
            engine.add_keyspace(loaded.keyspace(recipe)).map(drop)
        }
        result => result,
    }
}
