//! Properties, and what else a value may refer to.

use indexmap::IndexMap;

use crate::value::Value;

/// Names with values, in the order in which they were first set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties(IndexMap<String, Property>);

/// A property.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Its value; it may be a renderable.
    pub value: Value,
    /// Where it comes from, in the words of the reference: `Scheduler`, `Worker`, a step's name.
    pub source: String,
    /// Whether it was set while the build ran, so that a rebuild does not take it over.
    pub runtime: bool,
}

impl Properties {
    /// The property of this name.
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.0.get(name)
    }

    /// The value of the property of this name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.get(name).map(|property| &property.value)
    }

    /// Sets a property. What was set at run time once counts as that from then on.
    pub fn set(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Value>,
        source: impl Into<String>,
        runtime: bool,
    ) {
        let name = name.into();
        let runtime = runtime || self.get(&name).is_some_and(|property| property.runtime);
        let property = Property {
            value: value.into(),
            source: source.into(),
            runtime,
        };
        self.0.insert(name, property);
    }

    /// Takes over the properties of `other`, which win.
    pub fn update(&mut self, other: &Self) {
        for (name, property) in &other.0 {
            let Property {
                value,
                source,
                runtime,
            } = property.clone();
            self.set(name.as_str(), value, source, runtime);
        }
    }

    /// As [`Properties::update`], without what was set at run time.
    pub fn update_without_runtime(&mut self, other: &Self) {
        for (name, property) in &other.0 {
            if !property.runtime {
                self.set(
                    name.as_str(),
                    property.value.clone(),
                    property.source.as_str(),
                    false,
                );
            }
        }
    }

    /// Names and properties in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.0
            .iter()
            .map(|(name, property)| (name.as_str(), property))
    }
}

/// What values are evaluated with. What a place of the configuration does not have is `None` or the like, and
/// asking for it raises what the reference raises there.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The properties.
    pub properties: Properties,
    /// The attributes of each codebase's source stamp, by the name of the codebase.
    pub source_stamps: Option<IndexMap<String, IndexMap<String, Value>>>,
    /// What the worker of the build says of itself; only a build has one.
    pub worker: Option<IndexMap<String, Value>>,
    /// The page of the build, `util.URLForBuild`; only a build has one.
    pub build_url: Option<String>,
    /// Whether secrets can be asked for.
    pub secrets: SecretService,
}

/// Whether secrets can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SecretService {
    /// The properties are bare, for instance while the worker of a build is chosen.
    #[default]
    Unknown,
    /// The configuration names no provider of secrets.
    Absent,
    /// There is one.
    Present,
}

#[cfg(test)]
mod tests {
    use super::Properties;

    #[test]
    fn other_properties_win_and_what_was_set_at_run_time_stays_so() {
        let mut first = Properties::default();
        first.set("a", 1, "Builder", true);
        let mut second = Properties::default();
        second.set("a", 2, "Worker", false);
        second.set("b", 3, "Step", true);
        let mut both = first.clone();
        both.update(&second);
        let shown: Vec<_> = both
            .iter()
            .map(|(name, property)| (name, property.source.as_str(), property.runtime))
            .collect();
        assert_eq!(shown, [("a", "Worker", true), ("b", "Step", true)]);
        first.update_without_runtime(&second);
        assert_eq!(first.value("b"), None);
    }
}
