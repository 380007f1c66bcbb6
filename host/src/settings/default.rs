//! The default configuration with comments, as `relink config` prints it.

/// Every key and its default; a key without a default stands behind `# `.
pub(crate) const DEFAULT_TOML: &str = include_str!("default.toml");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::settings::Config;

    fn json(toml: &str) -> Value {
        let config: Config = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"));
        serde_json::to_value(config).unwrap()
    }

    /// The text with the keys that have no default.
    fn uncommented() -> String {
        DEFAULT_TOML.lines().map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n").collect()
    }

    /// The text of one table: of the top, where it has no name.
    fn table(name: &str) -> String {
        let mut now = String::new();
        let is_in = |line: &&str| {
            if let Some(header) = line.strip_prefix('[') {
                now = header.split(']').next().unwrap_or_default().to_owned();
            }
            now == name
        };
        DEFAULT_TOML.lines().filter(is_in).map(|line| line.to_owned() + "\n").collect()
    }

    fn has_key(text: &str, begin: &str, key: &str) -> bool {
        let begin = format!("{begin}{key} = ");
        text.lines().any(|line| line.starts_with(&begin))
    }

    #[test]
    fn it_is_valid_and_says_what_the_defaults_are() {
        assert_eq!(json(DEFAULT_TOML), serde_json::to_value(Config::default()).unwrap());
        // Those behind `# ` are keys as well: an unknown one would be refused.
        json(&uncommented());
    }

    /// Holds for every key that the configuration has or will have.
    #[test]
    fn every_key_is_in_it() {
        let all = serde_json::to_value(Config::default()).unwrap();
        let mut checked = 0;
        let mut check = |table_name: &str, key: &str, value: &Value| {
            let begin = if value.is_null() { "# " } else { "" };
            let place =
                if table_name.is_empty() { "at the top".to_owned() } else { format!("in [{table_name}]") };
            assert!(
                has_key(&table(table_name), begin, key),
                "host/src/settings/default.toml has no line `{begin}{key} = …` {place}: add it, with what it means"
            );
            checked += 1;
        };
        let mut tables = vec![(String::new(), &all)];
        while let Some((name, object)) = tables.pop() {
            for (key, value) in object.as_object().unwrap() {
                match value {
                    Value::Object(_) if name.is_empty() => tables.push((key.clone(), value)),
                    Value::Object(_) => tables.push((format!("{name}.{key}"), value)),
                    value => check(&name, key, value),
                }
            }
        }
        assert!(checked > 25, "{checked} keys: the configuration has more");
    }
}
