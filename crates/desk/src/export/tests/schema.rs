//! Validates JSON by a JSON Schema, with the keywords that the schemas of the exports have.
//!
//! Another keyword fails the test, so that nothing in a schema goes unchecked.

use serde_json::{Map, Value};

/// What is wrong with a value, if anything.
pub(in crate::export) fn problem(schema: &Value, value: &Value) -> Option<String> {
    check(schema, schema, value, "body").err()
}

type Checked = Result<(), String>;

fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    let schema = schema.as_object().unwrap();
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$schema" | "title" | "$comment" | "definitions" | "then" | "else" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at)?;
            }
            "if" => {
                let branch = match check(root, rule, value, at) {
                    Ok(()) => "then",
                    Err(_) => "else",
                };
                if let Some(branch) = schema.get(branch) {
                    check(root, branch, value, at)?;
                }
            }
            "not" => must(check(root, rule, value, at).is_err(), at, "not")?,
            "allOf" => {
                let mut all = rule.as_array().unwrap().iter();
                all.try_for_each(|one| check(root, one, value, at))?;
            }
            "anyOf" => {
                let mut all = rule.as_array().unwrap().iter();
                let any = all.any(|one| check(root, one, value, at).is_ok());
                must(any, at, "anyOf")?;
            }
            "type" => {
                let types = match rule {
                    Value::Array(types) => types.clone(),
                    one => vec![one.clone()],
                };
                let is = types.iter().any(|one| is_of(one.as_str().unwrap(), value));
                must(is, at, "type")?;
            }
            "enum" => must(rule.as_array().unwrap().contains(value), at, "enum")?,
            "const" => must(rule == value, at, "const")?,
            _ => by_kind(root, schema, keyword, rule, value, at)?,
        }
    }
    Ok(())
}

/// Keywords that say nothing about values of other kinds.
fn by_kind(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    rule: &Value,
    value: &Value,
    at: &str,
) -> Checked {
    let object = value.as_object();
    let array = value.as_array();
    let chars = value.as_str().map(|text| text.chars().count() as u64);
    let limit = || rule.as_u64().unwrap();
    let holds = match keyword {
        "required" => object.is_none_or(|object| {
            let mut names = rule.as_array().unwrap().iter();
            names.all(|name| object.contains_key(name.as_str().unwrap()))
        }),
        "properties" => {
            for (name, rule) in rule.as_object().unwrap() {
                if let Some(value) = object.and_then(|object| object.get(name)) {
                    check(root, rule, value, &format!("{at}/{name}"))?;
                }
            }
            true
        }
        "additionalProperties" => {
            assert_eq!(rule, &Value::Bool(false));
            let known = schema["properties"].as_object().unwrap();
            object.is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
        }
        "items" => {
            for (index, value) in array.into_iter().flatten().enumerate() {
                check(root, rule, value, &format!("{at}/{index}"))?;
            }
            true
        }
        "contains" => array.is_none_or(|array| {
            let mut values = array.iter();
            values.any(|value| check(root, rule, value, at).is_ok())
        }),
        "uniqueItems" => array.is_none_or(|array| {
            let mut pairs = array.iter().enumerate();
            pairs.all(|(index, value)| !array[..index].contains(value))
        }),
        "minItems" => array.is_none_or(|array| array.len() as u64 >= limit()),
        "minLength" => chars.is_none_or(|chars| chars >= limit()),
        "maxLength" => chars.is_none_or(|chars| chars <= limit()),
        "minimum" => value.as_u64().is_none_or(|value| value >= limit()),
        "maximum" => value.as_u64().is_none_or(|value| value <= limit()),
        "pattern" => {
            assert_eq!(rule, "^[A-Za-z0-9-_]+$");
            let is_word = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            };
            value.as_str().is_none_or(is_word)
        }
        other => panic!("a keyword that is not checked: {other}"),
    };
    must(holds, at, keyword)
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("a type that is not checked: {other}"),
    }
}

fn must(holds: bool, at: &str, keyword: &str) -> Checked {
    match holds {
        true => Ok(()),
        false => Err(format!("{at}: {keyword}")),
    }
}
