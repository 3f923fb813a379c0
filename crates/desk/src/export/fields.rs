//! What an officer adds to an export: named texts.

use std::collections::BTreeMap;

use super::{ExportError, invalid, missing};

/// The fields of one export, all of which the form knows.
pub(super) struct Fields<'a>(&'a BTreeMap<String, String>);

impl<'a> Fields<'a> {
    /// Checks that the form knows all fields.
    pub(super) fn new(
        fields: &'a BTreeMap<String, String>,
        known: &[&str],
    ) -> Result<Self, ExportError> {
        let is_known = |name: &String| known.contains(&name.as_str());
        if fields.keys().all(is_known) {
            Ok(Self(fields))
        } else {
            Err(ExportError::UnknownField)
        }
    }

    /// A text of at most `max` characters, if it is there and not blank.
    pub(super) fn text(
        &self,
        name: &'static str,
        max: usize,
    ) -> Result<Option<&'a str>, ExportError> {
        let text = self.0.get(name).map(|text| text.trim());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        within(name, text, max)?;
        Ok(Some(text))
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &'static str, max: usize) -> Result<&'a str, ExportError> {
        self.text(name, max)?.ok_or(missing(name))
    }

    /// One of these values, if the field is there.
    pub(super) fn one_of(
        &self,
        name: &'static str,
        values: &[&'static str],
    ) -> Result<Option<&'static str>, ExportError> {
        let Some(text) = self.text(name, usize::MAX)? else {
            return Ok(None);
        };
        let value = values.iter().find(|value| **value == text);
        Ok(Some(value.ok_or(invalid(name))?))
    }

    /// `yes` or `no`; no if it is not there.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ExportError> {
        Ok(self.one_of(name, &["yes", "no"])? == Some("yes"))
    }

    /// Values of a list with commas, each once and each one of these.
    pub(super) fn list(
        &self,
        name: &'static str,
        values: &[&'static str],
    ) -> Result<Vec<&'static str>, ExportError> {
        let mut list = Vec::new();
        for item in self.items(name)? {
            let value = values.iter().find(|value| **value == item);
            let value = *value.ok_or(invalid(name))?;
            if list.contains(&value) {
                return Err(invalid(name));
            }
            list.push(value);
        }
        Ok(list)
    }

    /// The items of a list with commas.
    pub(super) fn items(&self, name: &'static str) -> Result<Vec<&'a str>, ExportError> {
        let text = self.text(name, usize::MAX)?.unwrap_or_default();
        let items = text.split(',').map(str::trim);
        Ok(items.filter(|item| !item.is_empty()).collect())
    }
}

/// Checks the length of a text in characters.
pub(super) fn within(field: &'static str, text: &str, max: usize) -> Result<(), ExportError> {
    // CHK-686: no text is longer than the form can hold.
    if text.chars().nth(max).is_some() {
        return Err(ExportError::TooLong { field, max });
    }
    Ok(())
}
